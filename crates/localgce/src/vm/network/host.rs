//! What is inside this host.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an answer holds: addresses come and go, as with a VPN.
const LIFE: Duration = Duration::from_secs(1);

/// How many answers are kept; a guest may ask for any address there is.
const MOST: usize = 1024;

/// Which addresses are inside this host, as the kernel says: its own, and those of the containers and
/// VMs on its bridges.
#[derive(Debug, Default)]
pub(super) struct Inside(HashMap<Ipv4Addr, (bool, Instant)>);

impl Inside {
    pub(super) fn contains(&mut self, address: Ipv4Addr) -> bool {
        let now = Instant::now();
        if let Some((inside, asked)) = self.0.get(&address)
            && now.duration_since(*asked) < LIFE
        {
            return *inside;
        }
        if self.0.len() == MOST {
            self.0.clear();
        }
        let inside = is_own(address) || is_behind_own_bridge(address);
        self.0.insert(address, (inside, now));
        inside
    }
}

/// Whether an address is one of this host's: packets to it would come from itself. Nothing is sent to
/// find that out. What has no way there is inside too: nothing is lost by it.
fn is_own(address: Ipv4Addr) -> bool {
    let source = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((address, 9))?;
        socket.local_addr()
    };
    source().map_or(true, |source| source.ip() == address)
}

/// Whether an address is on a bridge to which no card of this host belongs, as Docker's and libvirt's.
fn is_behind_own_bridge(address: Ipv4Addr) -> bool {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    neighbours_interface(&routes, address).is_some_and(|interface| {
        let devices = Path::new("/sys/class/net");
        let Ok(ports) = fs::read_dir(devices.join(interface).join("brif")) else {
            return false;
        };
        let is_virtual = |port: &Path| {
            fs::canonicalize(port).is_ok_and(|device| device.starts_with("/sys/devices/virtual"))
        };
        ports
            .flatten()
            .all(|port| is_virtual(&devices.join(port.file_name())))
    })
}

/// The interface at which an address is a neighbour, reached without a router, by the kernel's table
/// (`/proc/net/route`: addresses are in hexadecimal, in the order of memory).
fn neighbours_interface(routes: &str, address: Ipv4Addr) -> Option<&str> {
    let address = u32::from_ne_bytes(address.octets());
    let ways = routes.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let interface = fields.next()?;
        let mut number = |skipped| u32::from_str_radix(fields.nth(skipped)?, 16).ok();
        let (destination, gateway, mask) = (number(0)?, number(0)?, number(4)?);
        (address & mask == destination).then_some((mask.count_ones(), gateway, interface))
    });
    let (_, gateway, interface) = ways.max_by_key(|(length, ..)| *length)?;
    (gateway == 0).then_some(interface)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_longest_route_says_whose_neighbour_an_address_is() {
        let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        for (address, interface) in [
            ([172, 17, 3, 4], Some("docker0")),
            ([192, 168, 1, 7], Some("eth0")),
            ([192, 0, 2, 1], None),
        ] {
            assert_eq!(neighbours_interface(routes, address.into()), interface);
        }
        assert_eq!(neighbours_interface("", Ipv4Addr::new(192, 0, 2, 1)), None);
    }

    /// Runs [`a_host_with_a_bridge`] in a network of its own.
    #[test]
    fn what_is_on_a_bridge_of_this_host_is_inside() {
        let script = "mount -t sysfs sysfs /sys && ip link add bridge0 type bridge && ip link set bridge0 up \
            && ip address add 198.18.78.1/24 dev bridge0 \
            && ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up \
            && ip address add 198.18.79.1/24 dev veth0 \
            && exec \"$0\" --exact vm::network::host::tests::a_host_with_a_bridge --ignored";
        let status = Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "--net",
                "sh",
                "-c",
                script,
            ])
            .arg(std::env::current_exe().unwrap())
            .status()
            .unwrap();
        assert!(status.success());
    }

    #[test]
    #[ignore = "a part of another test, which runs it"]
    fn a_host_with_a_bridge() {
        for (last, inside) in [
            ([78, 1], true),
            ([78, 2], true),
            ([79, 1], true),
            ([79, 2], false),
        ] {
            let address = Ipv4Addr::new(198, 18, last[0], last[1]);
            assert_eq!(Inside::default().contains(address), inside, "{address}");
        }
    }
}

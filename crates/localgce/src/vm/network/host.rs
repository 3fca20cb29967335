//! What is inside this host.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// How long an answer holds: addresses come and go, as with a VPN.
const LIFE: Duration = Duration::from_secs(1);

/// How many answers are kept; a guest may ask for any address there is.
const MOST: usize = 1024;

/// Which addresses are inside this host, as the kernel says.
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
        let inside = is_own(address);
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

//! External addresses. Loopback stands for the internet and IAP: a guest's port is reachable on an address
//! of this machine if the network's firewall admits traffic from there.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, TcpListener};

use serde_json::Value;

use crate::key::relative;

/// Source ranges that loopback stands for: IAP's, any, and loopback itself.
const SOURCES: [&str; 3] = ["35.235.240.0/20", "0.0.0.0/0", "127.0.0.0/8"];

/// Wider port ranges are not forwarded: every port is a listening socket.
const WIDEST: u16 = 64;

/// The TCP ports that `firewalls` admit from outside to an instance of `network` with `tags`.
pub fn admitted(firewalls: &[Value], network: &str, tags: &[&str]) -> BTreeSet<u16> {
    firewalls
        .iter()
        .filter(|rule| {
            rule["direction"] == "INGRESS"
                && rule["disabled"] != true
                && relative(rule["network"].as_str().unwrap_or_default()) == relative(network)
                && strings(&rule["sourceRanges"]).any(|range| SOURCES.contains(&range))
                && (rule["targetTags"].is_null()
                    || strings(&rule["targetTags"]).any(|tag| tags.contains(&tag)))
        })
        .flat_map(|rule| rule["allowed"].as_array().into_iter().flatten())
        .filter(|allowed| matches!(allowed["IPProtocol"].as_str(), Some("tcp" | "6")))
        .flat_map(|allowed| strings(&allowed["ports"]))
        .filter_map(port_range)
        .filter(|(first, last)| last - first < WIDEST)
        .flat_map(|(first, last)| first..=last)
        .collect()
}

/// `22` or `8000-8010`.
pub fn port_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

/// The first address on which all of `ports` are free and not reserved for `others`.
pub fn choose(ports: &BTreeSet<u16>, others: &[(IpAddr, BTreeSet<u16>)]) -> Option<IpAddr> {
    let own = (2..=u8::MAX).map(|last| Ipv4Addr::new(127, 18, 0, last));
    std::iter::once(Ipv4Addr::LOCALHOST)
        .chain(own)
        .map(IpAddr::V4)
        .find(|address| {
            let kept = others
                .iter()
                .any(|(other, theirs)| other == address && !theirs.is_disjoint(ports));
            !kept
                && ports
                    .iter()
                    .all(|port| TcpListener::bind((*address, *port)).is_ok())
        })
}

/// The strings of an array.
pub fn strings(array: &Value) -> impl Iterator<Item = &str> {
    array
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::{BTreeSet, TcpListener, admitted, choose};
    use serde_json::{Value, json};

    fn rule(changes: &Value) -> Value {
        let mut rule = json!({
            "direction": "INGRESS", "network": "https://x/compute/v1/projects/p/global/networks/default",
            "sourceRanges": ["35.235.240.0/20"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["18789", "80-81", "1000-2000"]},
                {"IPProtocol": "udp", "ports": ["53"]}],
        });
        for (name, value) in changes.as_object().unwrap() {
            rule[name] = value.clone();
        }
        rule
    }

    #[test]
    fn loopback_is_let_in_where_iap_is() {
        let ports = |changes: Value| {
            let network = "projects/p/global/networks/default";
            admitted(&[rule(&changes)], network, &["gateway"])
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(ports(json!({})), [80, 81, 18789]);
        assert_eq!(ports(json!({"targetTags": ["gateway"]})), [80, 81, 18789]);
        for shut in [
            json!({"targetTags": ["other"]}),
            json!({"sourceRanges": ["10.0.0.0/8"]}),
            json!({"direction": "EGRESS"}),
            json!({"disabled": true}),
            json!({"network": "projects/p/global/networks/other"}),
        ] {
            assert_eq!(ports(shut.clone()), [0; 0], "{shut}");
        }
    }

    #[test]
    fn an_address_whose_ports_are_taken_is_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = BTreeSet::from([taken.local_addr().unwrap().port()]);
        let first = choose(&port, &[]).unwrap();
        assert_eq!(first.to_string(), "127.18.0.2");
        let second = choose(&port, &[(first, port.clone())]).unwrap();
        assert_eq!(second.to_string(), "127.18.0.3");
        assert_eq!(
            choose(&BTreeSet::new(), &[]).unwrap().to_string(),
            "127.0.0.1"
        );
    }
}

//! The way in to a gateway.

use gce::{Firewall, FirewallRule};

/// Network tag of VMs whose gateway is reached through Identity-Aware Proxy.
pub(super) const TAG: &str = "clawbake";
/// Where Identity-Aware Proxy connects from (Google's documentation of TCP forwarding).
const IAP_RANGE: &str = "35.235.240.0/20";

/// The way in: the gateway's port, from Identity-Aware Proxy alone.
#[must_use]
pub fn firewall(port: u16, network: &str) -> Firewall {
    Firewall {
        name: Some(format!("{TAG}-iap-{port}")),
        description: Some("the gateway's port, through Identity-Aware Proxy alone".into()),
        network: Some(network.to_owned()),
        direction: Some("INGRESS".into()),
        source_ranges: vec![IAP_RANGE.into()],
        target_tags: vec![TAG.into()],
        allowed: vec![FirewallRule {
            ip_protocol: Some("tcp".into()),
            ports: vec![port.to_string()],
        }],
        ..Firewall::default()
    }
}

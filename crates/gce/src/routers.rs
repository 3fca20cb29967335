use crate::json::resource;

resource! {
    /// A Cloud Router.
    Router {
        name: Option<String>,
        /// URL of its network.
        network: Option<String>,
        nats: Vec<RouterNat>,
    }
}

resource! {
    /// A Cloud NAT: the way out for VMs without an address of their own.
    RouterNat {
        name: Option<String>,
        /// `ALL_SUBNETWORKS_ALL_IP_RANGES`, `ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES` or
        /// `LIST_OF_SUBNETWORKS`.
        source_subnetwork_ip_ranges_to_nat: Option<String>,
        /// `PUBLIC` unless it says `PRIVATE`.
        r#type: Option<String>,
    }
}

//! The addresses that a guest sees.

use std::net::Ipv4Addr;

/// The address of every machine, each on a network of its own.
pub const INTERNAL_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 15);

/// The address from which connections through a forwarded port come.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 2);

/// The address of this host's resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 3);

/// The addresses of the metadata server and of the engine's APIs, both on port 80.
pub const SERVERS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 169, 253),
];

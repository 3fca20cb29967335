//! The addresses that a guest sees.

use std::net::Ipv4Addr;

/// The address of every machine, on a network that it has for itself.
pub const INTERNAL_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 15);

/// Where guests see those who come in by a forwarded port.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 2);

/// Where guests reach this host's resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 3);

/// Where guests reach the metadata server and the engine's APIs, at port 80.
pub const SERVERS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 169, 253),
];

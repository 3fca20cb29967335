//! Decides whether a guest's frame may pass. Frames are parsed as libslirp 4.7 does, or more strictly: what
//! libslirp would not read as a packet to one of the places below is dropped.

use std::net::Ipv4Addr;

use super::addresses::{GATEWAY, RESOLVER, SERVERS};

const ETHERNET_HEADER: usize = 14;
const ARP: [u8; 2] = [0x08, 0x06];
const IPV4: [u8; 2] = [0x08, 0x00];

const TCP: u8 = 6;
const UDP: u8 = 17;

/// IPv4 with a header of five words.
const VERSION_AND_LENGTH: u8 = 0x45;

/// All of the field but "don't fragment": libslirp calls the rest a fragment.
const FRAGMENT: u16 = 0xbfff;

/// libslirp opens a connection for a segment with neither flag.
const RST_OR_ACK: u8 = 0x04 | 0x10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Drop,
    Pass,
    /// Passes unless the address is inside this host.
    Outside(Ipv4Addr),
}

/// Judges a frame of a guest whose TCP ports `served` this host forwards.
pub(super) fn judge(frame: &[u8], served: &[u16]) -> Verdict {
    let Some((header, payload)) = frame.split_first_chunk::<ETHERNET_HEADER>() else {
        return Verdict::Drop;
    };
    match [header[12], header[13]] {
        ARP => Verdict::Pass,
        IPV4 => Packet::read(payload).map_or(Verdict::Drop, |packet| packet.judge(served)),
        _ => Verdict::Drop,
    }
}

struct Packet<'a> {
    protocol: u8,
    destination: Ipv4Addr,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet without options and in one piece, as every guest's kernel sends them: libslirp 4.7
    /// dies of some fragments.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk::<20>()?;
        let length = u16::from_be_bytes([header[2], header[3]]);
        let fragment = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT;
        if header[0] != VERSION_AND_LENGTH || fragment != 0 {
            return None;
        }
        let whole = bytes.get(..usize::from(length))?;
        Some(Self {
            protocol: header[9],
            destination: Ipv4Addr::new(header[16], header[17], header[18], header[19]),
            payload: whole.get(header.len()..)?,
        })
    }

    fn judge(&self, served: &[u16]) -> Verdict {
        let allowed = match (self.destination, self.protocol) {
            (GATEWAY, TCP) => self.is_reply_of(served),
            // DHCP, to the server that a guest knows or to any.
            (GATEWAY | Ipv4Addr::BROADCAST, UDP) => self.port(2) == Some(67),
            (RESOLVER, TCP | UDP) => self.port(2) == Some(53),
            (address, TCP) if SERVERS.contains(&address) => self.port(2) == Some(80),
            (address, _) if is_unicast(address) => return Verdict::Outside(address),
            _ => false,
        };
        if allowed {
            Verdict::Pass
        } else {
            Verdict::Drop
        }
    }

    /// Whether it answers somebody who came in by a forwarded port: the gateway is what libslirp calls
    /// this host's loopback, from where they come.
    fn is_reply_of(&self, served: &[u16]) -> bool {
        self.port(0).is_some_and(|source| served.contains(&source))
            && self
                .payload
                .get(13)
                .is_some_and(|flags| flags & RST_OR_ACK != 0)
    }

    /// The port at an offset: the source's at 0, the destination's at 2.
    fn port(&self, offset: usize) -> Option<u16> {
        let bytes = self.payload.get(offset..)?.first_chunk()?;
        Some(u16::from_be_bytes(*bytes))
    }
}

/// Whether an address is one host's, on a network that is neither the guest's own nor loopback.
fn is_unicast(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    (1..224).contains(&first) && !address.is_loopback() && !address.is_link_local()
}

//! Frames of somebody who wants to get in.

use std::net::Ipv4Addr;

use super::frames::{Packet, SYN, repair_header};

/// The guest's port that is forwarded.
pub(super) const SERVED: u16 = 8080;

/// A generator of numbers (xorshift64), so that a failure can be had again.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(super) fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Frames that want to get in at `port`, disguised in every way that the headers know.
pub(super) fn attack(random: &mut Random, inside: &[Ipv4Addr], port: u16) -> Vec<Vec<u8>> {
    let address = inside[random.below(inside.len())];
    let from = [
        SERVED,
        53,
        67,
        80,
        1024 + u16::try_from(random.below(60000)).unwrap(),
    ];
    let ports = (from[random.below(from.len())], port);
    let mut packet = if random.one_in(2) {
        let other_flags = if random.one_in(2) { random.byte() } else { 0 };
        Packet::tcp(address, ports, SYN | other_flags, (1, 0), b"")
    } else {
        Packet::udp(address, ports, &vec![b'x'; random.below(40)])
    };
    packet.id = u16::try_from(random.below(65536)).unwrap();
    if random.one_in(3) {
        packet.options = vec![1; 4 * random.below(11)];
    }
    let mut packets = vec![packet];
    if random.one_in(3) {
        packets = fragments(&packets[0], 8 * (1 + random.below(2)));
        if random.one_in(2) {
            packets.reverse();
        }
    }
    let mut frames: Vec<_> = packets.iter().map(Packet::frame).collect();
    for frame in &mut frames {
        mutate(random, frame);
    }
    frames
}

pub(super) fn fragments(packet: &Packet, size: usize) -> Vec<Packet> {
    let pieces = packet.payload.chunks(size).enumerate();
    let mut fragments: Vec<_> = pieces
        .map(|(index, piece)| Packet {
            fragment: 0x2000 | u16::try_from(index * size / 8).unwrap(),
            payload: piece.to_vec(),
            ..packet.clone()
        })
        .collect();
    if let Some(last) = fragments.last_mut() {
        last.fragment &= 0x1fff;
    }
    fragments
}

pub(super) fn is_fragment(frame: &[u8]) -> bool {
    frame
        .get(20..22)
        .is_some_and(|field| field[0] & 0xbf | field[1] != 0)
}

fn mutate(random: &mut Random, frame: &mut Vec<u8>) {
    match random.below(8) {
        // Padding, as short frames have it.
        0 => frame.extend(vec![0; random.below(30)]),
        1 => frame.truncate(1 + random.below(frame.len())),
        // A VLAN's tag.
        2 => drop(frame.splice(12..12, [0x81, 0x00, 0x00, 0x01])),
        // A byte of the header, but never of the address: the test is not to knock elsewhere.
        3 => {
            let at = 12 + random.below(18);
            frame[at] = random.byte();
        }
        4 => {
            let at = 34 + random.below(frame.len() - 34);
            frame[at] ^= 1 << random.below(8);
        }
        _ => {}
    }
    if frame.len() > 34 && frame[12..14] == [8, 0] {
        repair_header(&mut frame[14..]);
    }
}

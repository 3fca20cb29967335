//! Frames as a guest's kernel, or somebody in its place, makes them.

use std::net::Ipv4Addr;

use super::addresses::INTERNAL_ADDRESS;

pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

const CARD: [u8; 6] = [0x42, 0x01, 0xa9, 0xfe, 0x0a, 0x0f];

/// An IPv4 packet that is to be sent.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) destination: Ipv4Addr,
    pub(super) protocol: u8,
    pub(super) id: u16,
    /// Flags and offset, as in the header.
    pub(super) fragment: u16,
    pub(super) options: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

impl Packet {
    fn new(destination: Ipv4Addr, protocol: u8, payload: Vec<u8>) -> Self {
        Self {
            destination,
            protocol,
            id: 1,
            fragment: 0,
            options: Vec::new(),
            payload,
        }
    }

    pub(super) fn udp(destination: Ipv4Addr, (from, to): (u16, u16), data: &[u8]) -> Self {
        let mut datagram = [from.to_be_bytes(), to.to_be_bytes()].concat();
        let length = u16::try_from(8 + data.len()).unwrap();
        datagram.extend(length.to_be_bytes());
        // No checksum.
        datagram.extend([0, 0]);
        datagram.extend(data);
        Self::new(destination, 17, datagram)
    }

    pub(super) fn tcp(
        destination: Ipv4Addr,
        (from, to): (u16, u16),
        flags: u8,
        (sequence, acknowledged): (u32, u32),
        data: &[u8],
    ) -> Self {
        let mut segment = [from.to_be_bytes(), to.to_be_bytes()].concat();
        segment.extend(sequence.to_be_bytes());
        segment.extend(acknowledged.to_be_bytes());
        segment.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(data);
        let mut packet = Self::new(destination, 6, segment);
        packet.repair();
        packet
    }

    /// Makes the checksum of a TCP segment right.
    pub(super) fn repair(&mut self) {
        if self.protocol != 6 || self.payload.len() < 20 {
            return;
        }
        self.payload[16..18].fill(0);
        let length = u16::try_from(self.payload.len()).unwrap();
        let pseudo = [
            &INTERNAL_ADDRESS.octets()[..],
            &self.destination.octets(),
            &[0, 6],
            &length.to_be_bytes(),
            &self.payload,
        ];
        let sum = checksum(&pseudo.concat());
        self.payload[16..18].copy_from_slice(&sum.to_be_bytes());
    }

    pub(super) fn frame(&self) -> Vec<u8> {
        let header = 20 + self.options.len();
        let mut bytes = vec![0; header];
        bytes[0] = 4 << 4 | u8::try_from(header / 4).unwrap();
        let length = u16::try_from(header + self.payload.len()).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        bytes[4..6].copy_from_slice(&self.id.to_be_bytes());
        bytes[6..8].copy_from_slice(&self.fragment.to_be_bytes());
        (bytes[8], bytes[9]) = (64, self.protocol);
        bytes[12..16].copy_from_slice(&INTERNAL_ADDRESS.octets());
        bytes[16..20].copy_from_slice(&self.destination.octets());
        bytes[20..].copy_from_slice(&self.options);
        repair_header(&mut bytes);
        bytes.extend(&self.payload);
        ethernet([0x08, 0x00], &bytes)
    }
}

/// Makes the checksum of an IPv4 header right, as long as that says it is.
pub(super) fn repair_header(packet: &mut [u8]) {
    let length = usize::from(packet[0] & 0x0f) * 4;
    if (20..=packet.len()).contains(&length) {
        packet[10..12].fill(0);
        let sum = checksum(&packet[..length]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

pub(super) fn ethernet(kind: [u8; 2], payload: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &CARD, &kind, payload].concat()
}

/// Tells where this guest is.
pub(super) fn arp_reply() -> Vec<u8> {
    let own = INTERNAL_ADDRESS.octets();
    let fixed = [0, 1, 8, 0, 6, 4, 0, 2];
    let payload = [&fixed[..], &CARD, &own, &[0xff; 6], &own].concat();
    ethernet([0x08, 0x06], &payload)
}

/// A DHCPDISCOVER.
pub(super) fn dhcp_discover() -> Vec<u8> {
    let mut bootp = vec![0; 300];
    bootp[..3].copy_from_slice(&[1, 1, 6]);
    bootp[28..34].copy_from_slice(&CARD);
    bootp[236..244].copy_from_slice(&[0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]);
    Packet::udp(Ipv4Addr::BROADCAST, (68, 67), &bootp).frame()
}

/// What a TCP segment that libslirp sends to the guest holds.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) source: (Ipv4Addr, u16),
    pub(super) port: u16,
    pub(super) flags: u8,
    pub(super) sequence: u32,
    pub(super) data: Vec<u8>,
}

pub(super) fn segment(frame: &[u8]) -> Option<Segment> {
    let packet = frame.get(14..)?;
    if frame[12..14] != [8, 0] || packet[0] != 0x45 || packet[9] != 6 {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let tcp = packet.get(20..length)?;
    let number = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    Some(Segment {
        source: (
            Ipv4Addr::new(packet[12], packet[13], packet[14], packet[15]),
            number(0),
        ),
        port: number(2),
        flags: tcp[13],
        sequence: u32::from(number(4)) << 16 | u32::from(number(6)),
        data: tcp[usize::from(tcp[12] >> 4) * 4..].to_vec(),
    })
}

fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

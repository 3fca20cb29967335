//! Which frames may pass.

use std::net::Ipv4Addr;

use super::addresses::{GATEWAY, INTERNAL_ADDRESS, RESOLVER, SERVERS};
use super::attack::{Random, SERVED, fragments};
use super::frames::{ACK, PSH, Packet, RST, SYN, arp_reply, dhcp_discover, ethernet};
use super::verdict::{Verdict, judge};

#[test]
fn what_may_pass() {
    let verdict = |packet: Packet| judge(&packet.frame(), &[SERVED]);
    let tcp = |address, ports, flags| verdict(Packet::tcp(address, ports, flags, (1, 1), b""));
    let udp = |address, port| verdict(Packet::udp(address, (5000, port), b"data"));
    let [metadata, api] = SERVERS;
    let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
    for passes in [
        judge(&arp_reply(), &[]),
        judge(&dhcp_discover(), &[]),
        udp(GATEWAY, 67),
        udp(RESOLVER, 53),
        tcp(RESOLVER, (5000, 53), SYN),
        tcp(metadata, (5000, 80), SYN),
        tcp(api, (5000, 80), ACK),
        tcp(GATEWAY, (SERVED, 40000), SYN | ACK),
        tcp(GATEWAY, (SERVED, 40000), RST),
    ] {
        assert_eq!(passes, Verdict::Pass);
    }
    assert_eq!(udp(elsewhere, 1), Verdict::Outside(elsewhere));
    let dropped = [
        udp(metadata, 80),
        udp(GATEWAY, 69),
        udp(RESOLVER, 54),
        udp(INTERNAL_ADDRESS, 1),
        udp(Ipv4Addr::LOCALHOST, 53),
        udp(Ipv4Addr::new(0, 0, 0, 1), 53),
        udp(Ipv4Addr::new(224, 0, 0, 251), 5353),
        udp(Ipv4Addr::new(240, 0, 0, 1), 53),
        udp(Ipv4Addr::BROADCAST, 68),
        tcp(GATEWAY, (SERVED, 40000), SYN),
        tcp(GATEWAY, (SERVED, 40000), SYN | PSH),
        tcp(GATEWAY, (SERVED, 40000), 0),
        tcp(GATEWAY, (22, 40000), ACK),
        tcp(metadata, (5000, 22), SYN),
        tcp(RESOLVER, (5000, 54), SYN),
        judge(&ethernet([0x86, 0xdd], &[0x60; 60]), &[]),
        judge(&ethernet([0x81, 0x00], &[0; 60]), &[]),
        judge(&[0; 13], &[]),
        judge(&[], &[]),
    ];
    for (index, verdict) in dropped.into_iter().enumerate() {
        assert_eq!(verdict, Verdict::Drop, "{index}");
    }
    for address in [RESOLVER, elsewhere] {
        let whole = Packet::udp(address, (5000, 53), &[0; 100]);
        let mut odd = fragments(&whole, 16);
        odd.push(Packet {
            options: vec![1; 4],
            ..whole
        });
        for packet in odd {
            assert_eq!(verdict(packet), Verdict::Drop);
        }
    }
}

/// Whatever a guest sends, the judge comes to an end.
#[test]
fn the_judge_survives_anything() {
    let mut random = Random(7);
    for _ in 0..200_000 {
        let mut frame: Vec<_> = (0..random.below(80)).map(|_| random.byte()).collect();
        if frame.len() > 14 && random.one_in(2) {
            frame[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
        }
        judge(&frame, &[SERVED]);
    }
}

//! A hostile guest's frames, in front of the real libslirp: a QEMU whose network has this test in
//! place of a card.

use std::cell::Cell;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use super::addresses::*;
use super::attack::{Random, SERVED, attack, is_fragment};
use super::frames::{ACK, PSH, Packet, SYN, Segment, arp_reply, dhcp_discover, segment};
use super::*;
use crate::vm::accelerator::TCG;
use crate::vm::connect_command::ConnectCommand;
use crate::vm::machine::Forward;
use crate::vm::process::Process;
use crate::vm::{probe, qemu};

/// What stands between the guest and libslirp.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Filter,
    /// QEMU without our filter, to show that the attack is one.
    Nothing,
    /// A filter that has ended.
    Ruin,
}

/// A network, and this test where its guest's card would be.
struct Guest {
    _dir: tempfile::TempDir,
    qemu: Process,
    _qmp: UnixListener,
    _connect: ConnectCommand,
    card: UnixDatagram,
    forwarded: SocketAddr,
}

impl Guest {
    async fn start(between: Between) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut machine = probe::probing_machine(dir.path()).await;
        machine.drives.clear();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let forwarded = free.local_addr().unwrap();
        drop(free);
        machine.forwards = vec![Forward {
            host: forwarded,
            guest_port: SERVED,
        }];
        let connect = connect_command(dir.path());
        let line = qemu::command_line(&machine, TCG, connect.words());
        let [here, there] = ["here.sock", "there.sock"].map(|name| dir.path().join(name));
        let card = UnixDatagram::bind(&here).unwrap();
        card.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let qmp = crate::vm::socket::listen(&qemu::qmp_socket(dir.path())).unwrap();
        let network = Listener::new(dir.path()).unwrap();
        let line = hubbed(line, [&there, &here], between != Between::Nothing);
        let qemu = Process::spawn(line, dir.path().join("qemu.log"))
            .await
            .unwrap();
        let connected = async {
            match between {
                Between::Filter => network.filter(vec![SERVED]).await.unwrap(),
                Between::Nothing => {}
                Between::Ruin => {
                    drop(accept(&network.from_guest).await.unwrap());
                    drop(accept(&network.to_network).await.unwrap());
                }
            }
            while card.connect(&there).is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = connected => {}
            exit = qemu.wait() => panic!("{exit:?}"),
        }
        // Frames are lost until the machine runs.
        let guest = Self {
            _dir: dir,
            qemu,
            _qmp: qmp,
            _connect: connect,
            card,
            forwarded,
        };
        if between != Between::Ruin {
            guest.expect("an offer by DHCP", &dhcp_discover(), |frame| {
                let udp = frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&17);
                udp && frame[36..38] == [0, 68]
            });
        }
        guest
    }

    fn send(&self, frame: &[u8]) {
        if self.card.send(frame).is_err() {
            std::thread::sleep(Duration::from_secs(1));
            panic!("{:?}: {frame:02x?}", *self.qemu.exit.borrow());
        }
    }

    /// Forgets what has come: QEMU takes no more frames while it cannot hand over its own.
    fn drain(&self) {
        self.card.set_nonblocking(true).unwrap();
        while self.card.recv(&mut [0; 2048]).is_ok() {}
        self.card.set_nonblocking(false).unwrap();
    }

    /// Sends a frame, again and again, until an answer comes.
    fn expect(&self, what: &str, frame: &[u8], is_it: impl Fn(&[u8]) -> bool) {
        let start = Instant::now();
        self.card
            .set_read_timeout(Some(Duration::from_millis(200)))
            .unwrap();
        let mut buffer = vec![0; 1 << 17];
        while start.elapsed() < Duration::from_secs(20) {
            self.send(frame);
            while let Ok(length) = self.card.recv(&mut buffer) {
                if is_it(&buffer[..length]) {
                    self.card
                        .set_read_timeout(Some(Duration::from_secs(10)))
                        .unwrap();
                    return;
                }
            }
        }
        panic!("{what} does not come");
    }

    /// The next TCP segment for a port of the guest.
    fn receive(&self, port: u16) -> Segment {
        let mut buffer = vec![0; 1 << 17];
        loop {
            let length = self.card.recv(&mut buffer).expect("a frame");
            if let Some(segment) = segment(&buffer[..length])
                && segment.port == port
            {
                return segment;
            }
        }
    }
}

/// A program that QEMU itself could not open, where it is another user's as that home directory.
fn connect_command(dir: &Path) -> ConnectCommand {
    let home = dir.join("home");
    std::fs::create_dir(&home).unwrap();
    let program = home.join("echo");
    std::fs::copy("/bin/echo", &program).unwrap();
    let words = vec![program.display().to_string(), "hello".into()];
    let command = ConnectCommand::open(words).unwrap();
    std::fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
    // Only root may, and only root's engine reaches what QEMU does not.
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&home, Some(65534), None).unwrap();
    }
    command
}

/// QEMU's command line with a hub, and on it a datagram socket, in place of the guest's card.
fn hubbed(line: Vec<String>, [local, remote]: [&Path; 2], filtered: bool) -> Vec<String> {
    let mut hubbed = Vec::new();
    let mut pairs = line.into_iter().peekable();
    while let Some(name) = pairs.next() {
        let value = pairs.peek().cloned().unwrap_or_default();
        if name == "-device" && value.starts_with("virtio-net-pci") {
            pairs.next();
            let (local, remote) = (local.display(), remote.display());
            let card = format!(
                "dgram,id=card,local.type=unix,local.path={local},remote.type=unix,remote.path={remote}"
            );
            for netdev in [
                "hubport,id=hub0,hubid=0,netdev=net0",
                &card,
                "hubport,id=hub1,hubid=0,netdev=card",
            ] {
                hubbed.extend(["-netdev".to_owned(), netdev.to_owned()]);
            }
        } else if !filtered && value.starts_with("filter-redirector") {
            pairs.next();
        } else {
            hubbed.push(name);
        }
    }
    hubbed
}

/// A service of the user's that listens on every address of this host.
struct Service {
    tcp: TcpListener,
    udp: UdpSocket,
    port: u16,
}

impl Service {
    fn open() -> Self {
        loop {
            let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
            let port = tcp.local_addr().unwrap().port();
            if let Ok(udp) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)) {
                tcp.set_nonblocking(true).unwrap();
                udp.set_nonblocking(true).unwrap();
                return Self { tcp, udp, port };
            }
        }
    }

    /// How many connections and datagrams have come in, until none does for a while.
    fn arrivals(&self) -> [usize; 2] {
        let mut arrivals = [0; 2];
        let mut last = Instant::now();
        while last.elapsed() < Duration::from_millis(500) {
            if self.tcp.accept().is_ok() {
                arrivals[0] += 1;
            } else if self.udp.recv(&mut [0; 2048]).is_ok() {
                arrivals[1] += 1;
            } else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            last = Instant::now();
        }
        arrivals
    }
}

/// Where a service on every address is reached, by libslirp or by the kernel.
fn inside() -> Vec<Ipv4Addr> {
    let mut addresses = vec![
        GATEWAY,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(127, 18, 0, 2),
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::BROADCAST,
    ];
    // This host's address on its network, if it has one.
    let source = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    if let Ok(SocketAddr::V4(source)) = source {
        addresses.push(*source.ip());
    }
    addresses
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_reaches_nothing_of_this_host() {
    for between in [Between::Nothing, Between::Filter, Between::Ruin] {
        let service = Service::open();
        let guest = Guest::start(between).await;
        for (from, address) in (2000..).zip(inside()) {
            let ports = (from, service.port);
            guest.send(&Packet::tcp(address, ports, SYN, (1, 0), b"").frame());
            guest.send(&Packet::udp(address, ports, b"x").frame());
            let arrivals = service.arrivals();
            if between == Between::Nothing {
                // The kernel itself sends no datagram to a broadcast address.
                assert!(
                    arrivals[0] + arrivals[1] > 0,
                    "{address}: the test proves nothing"
                );
            } else {
                assert_eq!(arrivals, [0, 0], "{address}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_disguise_gets_a_frame_into_this_host() {
    let inside = inside();
    for (between, tries) in [(Between::Nothing, 1000), (Between::Filter, 20_000)] {
        let service = Service::open();
        let guest = Guest::start(between).await;
        let mut random = Random(0x0c1a_3bae);
        let mut arrivals = [0; 2];
        for attempt in 1..=tries {
            for frame in attack(&mut random, &inside, service.port) {
                // libslirp 4.7 dies of some fragments (SIGBUS), before the control has shown anything.
                if between == Between::Filter || !is_fragment(&frame) {
                    guest.send(&frame);
                }
            }
            guest.drain();
            if attempt % (tries / 5) == 0 {
                let more = service.arrivals();
                arrivals = [arrivals[0] + more[0], arrivals[1] + more[1]];
            }
        }
        println!("{tries} tries: {arrivals:?} connections and datagrams came in");
        match between {
            Between::Filter => assert_eq!(arrivals, [0, 0]),
            _ => assert!(
                arrivals.iter().all(|count| *count > 20),
                "{arrivals:?} prove nothing"
            ),
        }
        guest.expect("DHCP after all that", &dhcp_discover(), |frame| {
            frame[36..38] == [0, 68]
        });
    }
}

/// A client on this host speaks with a server in the guest.
#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_port_works_through_the_filter() {
    let guest = Guest::start(Between::Filter).await;
    let forwarded = guest.forwarded;
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(forwarded).unwrap();
        stream.write_all(b"ping").unwrap();
        let mut answer = [0; 4];
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        stream.read_exact(&mut answer).unwrap();
        answer
    });
    guest.send(&arp_reply());
    let request = guest.receive(SERVED);
    assert_eq!((request.source.0, request.flags), (GATEWAY, SYN));
    let ports = (SERVED, request.source.1);
    let reply = |flags, sequence, acknowledged, data: &[u8]| {
        let packet = Packet::tcp(GATEWAY, ports, flags, (sequence, acknowledged), data);
        guest.send(&packet.frame());
    };
    reply(SYN | ACK, 100, request.sequence + 1, b"");
    let data = loop {
        let segment = guest.receive(SERVED);
        if !segment.data.is_empty() {
            break segment;
        }
    };
    assert_eq!(data.data, b"ping");
    reply(PSH | ACK, 101, data.sequence + 4, b"pong");
    assert_eq!(&client.join().unwrap(), b"pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_servers_are_reached_through_the_filter() {
    let guest = Guest::start(Between::Filter).await;
    guest.send(&arp_reply());
    for (from, server) in (3000..).zip(SERVERS) {
        let request = Packet::tcp(server, (from, 80), SYN, (1, 0), b"").frame();
        let sequence = Cell::new(0);
        guest.expect("a server's answer", &request, |frame| {
            segment(frame).is_some_and(|segment| {
                sequence.set(segment.sequence);
                segment.source == (server, 80) && segment.flags == SYN | ACK
            })
        });
        let numbers = (2, sequence.get() + 1);
        guest.send(&Packet::tcp(server, (from, 80), ACK, numbers, b"").frame());
        let said = loop {
            let segment = guest.receive(from);
            if !segment.data.is_empty() {
                break segment.data;
            }
        };
        assert!(said.starts_with(b"hello "), "what QEMU ran: {said:?}");
    }
}

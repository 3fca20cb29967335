//! The processes that carry a guest's connections.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// What QEMU does when a guest connects; returns the guest's side.
fn connect(socket: &Path) -> (Child, UnixStream) {
    let (guest, stdio) = UnixStream::pair().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_localgce"))
        .arg("connect")
        .arg(socket)
        .stdin(OwnedFd::from(stdio.try_clone().unwrap()))
        .stdout(OwnedFd::from(stdio.try_clone().unwrap()))
        .stderr(OwnedFd::from(stdio))
        .spawn()
        .unwrap();
    (child, guest)
}

/// Whether a server answers.
fn answered(mut guest: &UnixStream) -> bool {
    guest
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut answer = [0; 4];
    guest.write_all(b"ping").is_ok() && guest.read_exact(&mut answer).is_ok() && &answer == b"ping"
}

#[test]
fn of_1000_connections_64_are_carried() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("metadata.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut back) = client
                .and_then(|client| Ok((client.try_clone()?, client)))
                .unwrap();
            std::thread::spawn(move || std::io::copy(&mut client, &mut back));
        }
    });

    let mut connections: Vec<_> = (0..1000).map(|_| connect(&socket)).collect();
    let start = Instant::now();
    let carried = loop {
        let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
        connections.retain_mut(|(child, _)| !ended(child));
        if connections.len() <= 64 || start.elapsed() > Duration::from_mins(1) {
            break connections.len();
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(carried, 64);
    assert!(connections.iter().all(|(_, guest)| answered(guest)));

    for (mut child, guest) in connections {
        drop(guest);
        child.wait().unwrap();
    }
    let (mut child, guest) = connect(&socket);
    assert!(answered(&guest), "the next one is carried");
    drop(guest);
    child.wait().unwrap();
}

//! What a verb does when nobody reads what it prints, and when it cannot be written.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Duration;

use world::{Ran, World};

/// A deployment, and an engine if a verb starts one.
fn world() -> World {
    let world = World::new(env!("CARGO_BIN_EXE_clawbake")).init();
    let user_data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/good/user-data.yaml");
    fs::copy(user_data, world.path("user-data.yaml")).unwrap();
    world
}

/// The verb as it ends when its reader is gone before it starts.
fn unread(world: &World, words: &[&str]) -> Ran {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = world.verb(words);
    command.stdout(writer).output().unwrap().into()
}

/// Verbs that print something and change nothing.
const VERBS: [&[&str]; 22] = [
    &["--help"],
    &["--version"],
    &["images", "--help"],
    &["help", "launch"],
    &["engine", "start"],
    &["engine", "status"],
    &["engine", "env"],
    &["recipe", "list"],
    &["recipe", "show", "clawdbot"],
    &["recipe", "validate", "clawdbot"],
    &["user-data", "render"],
    &["user-data", "validate", "user-data.yaml"],
    &["secrets", "list"],
    &["secrets", "generate", "clawdbot-gateway-token"],
    &["secrets", "show", "clawdbot-gateway-token"],
    &["images", "list", "--json"],
    &["images", "prune", "--dry-run", "--json"],
    &["status"],
    &["status", "--json"],
    &["clean", "--json"],
    &["doctor"],
    &["doctor", "--json"],
];

#[test]
fn a_pipe_that_closes_early_ends_no_verb_and_is_no_error() {
    let world = world();
    for words in VERBS {
        let read = world.run(words);
        assert!(!read.stdout.is_empty(), "{words:?}: {read:?}");
        // A stage's line ends with its seconds.
        let remarks = |ran: &Ran| ran.stderr.replace(|c: char| c.is_ascii_digit(), "");
        let unread = unread(&world, words);
        assert_eq!(unread.code, read.code, "{words:?}");
        assert_eq!(remarks(&unread), remarks(&read), "{words:?}");
    }
    // It prints the name of the file that it makes.
    let init = unread(&world, &["init", "--file", "other.yaml"]);
    assert_eq!(init, Ran::done("", ""));
    assert!(world.path("other.yaml").exists());
}

#[test]
fn a_full_device_is_an_error_and_no_panic() {
    let world = world();
    // clap prints help itself, and lets that pass.
    for words in VERBS.iter().skip_while(|words| words[0] != "engine") {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ran: Ran = world.verb(words).stdout(full).output().unwrap().into();
        assert_eq!(ran.code, Some(1), "{words:?}: {ran:?}");
        let told = "error: printing to stdout: No space left on device (os error 28)\n";
        assert!(ran.stderr.ends_with(told), "{words:?}: {ran:?}");
    }
}

/// Serves a serial port that prints one line, and then stays silent.
fn serial_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = request.next().unwrap().unwrap();
            request
                .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
                .for_each(drop);
            let contents = if first.contains("start=9") {
                ""
            } else {
                "a line\\n"
            };
            let body = format!(r#"{{"contents": "{contents}", "start": "0", "next": "9"}}"#);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            write!(
                stream,
                "{head}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
    });
    port
}

#[test]
fn following_a_silent_vm_ends_when_its_reader_does() {
    let world = world();
    let target = format!(
        "target: {{gce: {{project: my-project, zone: us-central1-a, \
         endpoint: \"http://127.0.0.1:{}\", credentials: {{token_file: token}}}}}}",
        serial_port()
    );
    world.replace("clawbake.yaml", &[("target: local", &target)]);
    fs::write(world.path("token"), "t").unwrap();

    let mut command = world.verb(&["logs", "--follow"]);
    let mut follow = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 7];
    follow.stdout.take().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"a line\n");
    assert_eq!(ended(follow), Ran::done("", ""));
}

/// How a program ended that must end soon.
fn ended(mut child: Child) -> Ran {
    for _ in 0..200 {
        if child.try_wait().unwrap().is_some() {
            return child.wait_with_output().unwrap().into();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    panic!("it goes on: {:?}", child.wait_with_output().unwrap());
}

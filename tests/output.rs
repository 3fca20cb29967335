//! What a verb does when nobody reads what it prints, and when it cannot be written.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A home directory with a deployment, and its engine if a verb starts one.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        assert!(home.verb(&["init"]).output().unwrap().status.success());
        let user_data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/good/user-data.yaml");
        fs::copy(user_data, home.0.path().join("user-data.yaml")).unwrap();
        home
    }

    fn verb(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clawbake"));
        command
            .args(words)
            .env("CLAWBAKE_ENGINE", self.0.path().join("engine"))
            .env("CLAWBAKE_JOURNAL", self.0.path().join("journal"))
            .env("CLAWBAKE_CACHE", self.0.path().join("cache"))
            .current_dir(&self.0);
        command
    }

    /// The verb as it ends when its reader is gone before it starts.
    fn unread(&self, words: &[&str]) -> Output {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = self.verb(words);
        command.stdout(writer).output().unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.verb(&["engine", "stop"]).output();
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
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
    let home = Home::new();
    for words in VERBS {
        let read = home.verb(words).output().unwrap();
        assert!(!read.stdout.is_empty(), "{words:?}: {}", stderr(&read));
        let unread = home.unread(words);
        assert_eq!(unread.status.code(), read.status.code(), "{words:?}");
        // A stage's line ends with its seconds.
        let remarks = |output| stderr(output).replace(|c: char| c.is_ascii_digit(), "");
        assert_eq!(remarks(&unread), remarks(&read), "{words:?}");
    }
    // It prints the name of the file that it makes.
    let unread = home.unread(&["init", "--file", "other.yaml"]);
    assert_eq!(
        (unread.status.code(), stderr(&unread).as_str()),
        (Some(0), "")
    );
    assert!(home.0.path().join("other.yaml").exists());
}

#[test]
fn a_full_device_is_an_error_and_no_panic() {
    let home = Home::new();
    // clap prints help itself, and lets that pass.
    for words in VERBS.iter().skip_while(|words| words[0] != "engine") {
        let mut command = home.verb(words);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{words:?}: {}",
            stderr(&output)
        );
        let told = "error: printing to stdout: No space left on device (os error 28)\n";
        assert!(
            stderr(&output).ends_with(told),
            "{words:?}: {}",
            stderr(&output)
        );
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
    let home = Home::new();
    let target = format!(
        "target: {{gce: {{project: my-project, zone: us-central1-a, \
         endpoint: \"http://127.0.0.1:{}\", credentials: {{token_file: token}}}}}}",
        serial_port()
    );
    let file = home.0.path().join("clawbake.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| {
        if line.starts_with("target:") {
            &target
        } else {
            line
        }
    });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    fs::write(home.0.path().join("token"), "t").unwrap();

    let mut command = home.verb(&["logs", "--follow"]);
    let mut follow = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 7];
    follow.stdout.take().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"a line\n");
    let output = ended(follow);
    assert_eq!(
        (output.status.code(), stderr(&output).as_str()),
        (Some(0), "")
    );
}

/// How a program ended that must end soon.
fn ended(mut child: Child) -> Output {
    for _ in 0..200 {
        if child.try_wait().unwrap().is_some() {
            return child.wait_with_output().unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    panic!("it goes on: {}", stderr(&child.wait_with_output().unwrap()));
}

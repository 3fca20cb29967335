//! Google's own Python clients, unmodified, against an engine: each script in `tests/python/` asserts
//! for itself. The instances have an empty disk.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CLAWBAKE: &str = env!("CARGO_BIN_EXE_clawbake");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
/// What is run, one after the other.
const PROGRAMS: &[&str] = &["compute.py"];

/// An engine that takes its machines with it.
struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let pid = self.0.id().to_string();
        Command::new("kill").arg(pid).status().ok();
        self.0.wait().ok();
    }
}

fn serve(dir: &Path) -> (Engine, Value) {
    let engine = Command::new(CLAWBAKE)
        .args(["engine", "serve", "--power-off", "1", "--dir"])
        .arg(dir)
        .stderr(Stdio::null())
        .spawn();
    let engine = Engine(engine.unwrap());
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        if let Ok(endpoint) = std::fs::read(dir.join("endpoint.json")) {
            return (engine, serde_json::from_slice(&endpoint).unwrap());
        }
        assert!(Instant::now() < end, "the engine does not listen");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs PyPI; make e2e"]
fn googles_python_clients_find_all_that_they_ask_for() {
    // Short: the path of a unix socket below it may have 107 bytes.
    let dir = tempfile::Builder::new()
        .prefix("python-")
        .tempdir_in("/tmp")
        .unwrap();
    let venv = dir.path().join("venv");
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    run(Command::new(venv.join("bin/pip"))
        .args(["--quiet", "install", "--requirement"])
        .arg(format!("{SCRIPTS}/requirements.txt")));
    let (_engine, endpoint) = serve(&dir.path().join("engine"));
    for script in PROGRAMS {
        let mut python = Command::new(venv.join("bin/python"))
            .arg(format!("{SCRIPTS}/{script}"))
            .arg(endpoint["url"].as_str().unwrap())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let token = endpoint["token"].as_str().unwrap();
        let mut stdin = python.stdin.take().unwrap();
        stdin.write_all(token.as_bytes()).unwrap();
        drop(stdin);
        assert!(python.wait().unwrap().success(), "{script}");
    }
}

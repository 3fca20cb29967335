//! Plays the part of a VM's operating system, whose disk is blank, and of its gateway.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::json;

pub const INSTANCE: &str = "/computeMetadata/v1/instance";

/// What VMs say of themselves, as `clawbake-phase` does.
#[derive(Clone)]
pub struct Guest {
    vms: PathBuf,
    gateway: String,
    phase: &'static str,
}

impl Guest {
    /// Every VM of an engine is in this phase, with this version of the gateway.
    pub fn of(engine: &Path, gateway: &str, phase: &'static str) -> Self {
        Self {
            vms: engine.join("vms"),
            gateway: gateway.to_owned(),
            phase,
        }
    }

    /// Each VM reports its phase once more.
    pub fn report(&self) {
        for vm in fs::read_dir(&self.vms).into_iter().flatten() {
            let socket = vm.unwrap().path().join("metadata.sock");
            let path = format!("{INSTANCE}/attributes/clawbake-nonce");
            // One that is on its way out does not answer.
            let Some(nonce) = ask(&socket, "GET", &path, "") else {
                continue;
            };
            let report = json!({
                "nonce": nonce,
                "boot_id": "0",
                "image": "elsewhere",
                "gateway": self.gateway,
                "phase": self.phase,
                "at": "2026-01-01T00:00:00Z",
                "reason": "played by a test",
            });
            let path = format!("{INSTANCE}/guest-attributes/clawbake/phase");
            ask(&socket, "PUT", &path, &report.to_string());
        }
    }
}

/// Asks a VM's metadata server, and returns what it answers.
pub fn ask(socket: &Path, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nMetadata-Flavor: Google\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

/// Answers on a loopback port of its own as a gateway does, for as long as the test runs. What looks
/// like a token is the right one: it is the program that is tested here.
pub fn gateway() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        // A client that is killed while it asks is none of the gateway's business.
        listener.incoming().flatten().for_each(|stream| {
            let _ = answer(&stream);
        });
    });
    port
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut request = BufReader::new(stream);
    let (mut status, mut length) = ("401 Unauthorized", 0);
    loop {
        let mut line = String::new();
        request.read_line(&mut line)?;
        let line = line.trim_end().to_lowercase();
        if let Some(token) = line.strip_prefix("authorization: bearer ")
            && token.len() == 64
        {
            status = "200 OK";
        } else if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().unwrap_or_default();
        } else if line.is_empty() {
            break;
        }
    }
    std::io::copy(&mut request.take(length), &mut std::io::sink())?;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

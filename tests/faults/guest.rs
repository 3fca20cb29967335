//! Plays the part of a VM's operating system, whose disk is blank, and of its gateway.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

pub const INSTANCE: &str = "/computeMetadata/v1/instance";

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

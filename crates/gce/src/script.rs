//! (tests) A loopback server that answers each connection as scripted, network faults included, and
//! records the requests. It uses raw sockets, since an HTTP library cannot cut a connection in the
//! middle of a body.
//!
//! Every request is checked against Google's contract, and so is every successful [`Answer::json`]: a
//! script may answer fewer fields than Google, but no others. An [`Answer::status`] is not checked, for
//! answers that are broken on purpose.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use contract::{Content, Exchange, Sender, Tally};
use reqwest::Url;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::{Client, Credentials, Endpoints, RetryPolicy};

/// Quick, and still long enough for a `Retry-After` of one second.
pub const POLICY: RetryPolicy = RetryPolicy {
    first: Duration::from_millis(4),
    cap: Duration::from_millis(20),
    total: Duration::from_secs(3),
};

/// What the server does with one connection.
#[derive(Clone)]
pub enum Answer {
    /// Status, headers and body.
    Http(u16, Vec<(String, String)>, String),
    /// Reads the request, then resets the connection.
    Cut,
    /// Resets the connection after so many bytes of the body.
    CutAfter(usize),
}

impl Answer {
    pub fn status(status: u16, body: &str) -> Self {
        Self::Http(status, Vec::new(), body.into())
    }

    pub fn json(status: u16, body: &str) -> Self {
        Self::status(status, body).with("Content-Type", "application/json")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Http(_, headers, _) = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }
}

/// A request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub method: String,
    pub target: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn query(&self, name: &str) -> Option<String> {
        let url = Url::parse("http://h").unwrap().join(&self.target).unwrap();
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

pub struct Script {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    tally: Arc<Mutex<Tally>>,
}

impl Script {
    pub async fn play(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<_> = answers.into_iter().collect();
        let log = Arc::clone(&seen);
        let tally = Arc::new(Mutex::new(Tally::default()));
        let checked = Arc::clone(&tally);
        tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, answer, &log, &checked).await;
            }
        });
        Self { url, seen, tally }
    }

    pub fn client(&self) -> Client {
        client_at(Endpoints::at(&self.url))
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.tally.lock().unwrap().assert_clean();
        }
    }
}

pub fn client_at(endpoints: Endpoints) -> Client {
    let credentials = Credentials::token("test-token".into());
    Client::new(endpoints, credentials, "p")
        .unwrap()
        .with_retry(POLICY)
}

async fn serve(stream: TcpStream, answer: Answer, log: &Mutex<Vec<Seen>>, tally: &Mutex<Tally>) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut start = lines[0].split(' ').map(str::to_owned);
    let mut seen = Seen {
        method: start.next().unwrap(),
        target: start.next().unwrap(),
        headers: lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let len = seen
        .header("content-length")
        .map_or(0, |len| len.parse().unwrap());
    seen.body.resize(
        if let Answer::CutAfter(at) = answer {
            at.min(len)
        } else {
            len
        },
        0,
    );
    stream.read_exact(&mut seen.body).await.unwrap();
    let exchange = exchange(&seen, &answer);
    let verdicts = contract::check(&exchange);
    tally.lock().unwrap().add(&exchange, &verdicts);
    contract::record("gce").add(&exchange, &verdicts, None);
    log.lock().unwrap().push(seen);
    match answer {
        Answer::Http(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} S\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
            let text = format!("{head}Connection: close\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).await.unwrap();
        }
        Answer::Cut | Answer::CutAfter(_) => stream.get_ref().set_zero_linger().unwrap(),
    }
}

/// What is checked of a request and its answer.
fn exchange(seen: &Seen, answer: &Answer) -> Exchange {
    let kind = seen.header("content-type").unwrap_or_default();
    let mut request = Content::new(kind, seen.body.clone());
    request.whole = !matches!(answer, Answer::CutAfter(_));
    let mut exchange = Exchange {
        sender: Sender::Ours,
        method: seen.method.clone(),
        target: seen.target.clone(),
        request,
        status: None,
        response: Content::default(),
        partial: true,
    };
    if let Answer::Http(status @ 200..400, headers, body) = answer
        && let kind = headers.iter().find(|(name, _)| name == "Content-Type")
        && (kind.is_some() || body.is_empty())
    {
        let kind = kind.map_or("", |(_, kind)| kind);
        exchange.status = Some(*status);
        exchange.response = Content::new(kind, body.as_str());
    }
    exchange
}

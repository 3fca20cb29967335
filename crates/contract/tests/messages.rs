//! What is said of each way to break the contract: one file in `broken/` per mistake, of our own client
//! or of whoever answers it.

use std::fmt::Write as _;
use std::path::Path;

use contract::{Content, Exchange, Sender, check};

/// A request line with the content type after it, if it is not JSON; the body; after an empty line
/// `HTTP`, the status and the content type; and the answer's body.
fn parse(text: &str) -> Exchange {
    let text = text.trim_end();
    let (request, response) = match text.split_once("\n\nHTTP ") {
        Some((request, response)) => (request, Some(response)),
        None => (text, None),
    };
    let (first, body) = request.split_once('\n').unwrap_or((request, ""));
    let mut first = first.splitn(3, ' ');
    let mut exchange = Exchange {
        sender: Sender::Ours,
        method: first.next().unwrap().into(),
        target: first.next().unwrap().into(),
        request: content(first.next(), body),
        status: None,
        response: Content::default(),
        partial: false,
    };
    if let Some(response) = response {
        let (first, body) = response.split_once('\n').unwrap_or((response, ""));
        let (status, kind) = match first.split_once(' ') {
            Some((status, kind)) => (status, Some(kind)),
            None => (first, None),
        };
        exchange.status = Some(status.parse().unwrap());
        exchange.response = content(kind, body);
    }
    exchange
}

fn content(kind: Option<&str>, body: &str) -> Content {
    match kind {
        None if body.is_empty() => Content::new("", ""),
        kind => Content::new(kind.unwrap_or("application/json"), body),
    }
}

#[test]
fn broken_exchanges() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<_> = directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut out = String::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let verdicts = check(&parse(&std::fs::read_to_string(&file).unwrap()));
        writeln!(out, "# {name}").unwrap();
        for verdict in &verdicts {
            writeln!(out, "{}", verdict.method.unwrap_or("(unvalidated)")).unwrap();
            assert!(!verdict.findings.is_empty(), "{name} has no findings");
            for finding in &verdict.findings {
                writeln!(out, "  {finding}").unwrap();
            }
        }
        out.push('\n');
    }
    insta::assert_snapshot!(out);
}

/// Google refuses nonsense, and so does an engine that is like it: the nonsense is not its fault.
#[test]
fn nonsense_that_was_refused_is_no_finding_unless_it_is_ours() {
    let text = "POST /compute/v1/projects/p/zones/z/disks\n{\"sise\": 1}\n\nHTTP 400\n\
        {\"error\": {\"code\": 400, \"message\": \"no\", \"errors\": \
        [{\"message\": \"no\", \"domain\": \"global\", \"reason\": \"invalid\"}]}}";
    let mut exchange = parse(text);
    assert_eq!(check(&exchange)[0].findings.len(), 3);
    exchange.sender = Sender::Other;
    assert_eq!(check(&exchange)[0].findings, []);
    exchange.status = Some(200);
    assert!(!check(&exchange)[0].findings.is_empty());
}

/// A client that was killed has not said all, and nobody is to blame for it.
#[test]
fn what_was_cut_off_is_not_looked_at() {
    let mut exchange =
        parse("GET /compute/v1/projects/p/global/images/i\n\nHTTP 200\n{\"kind\": \"compute#im");
    assert!(!check(&exchange)[0].findings.is_empty());
    exchange.response.whole = false;
    assert_eq!(check(&exchange)[0].findings, []);
}

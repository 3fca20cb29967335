//! Resumable uploads: one writer at a time, and an answer for who has missed it.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::engine::{Engine, answer};

/// A connection on which a part of an upload has begun.
pub async fn begun(engine: &Engine, session: &str, promised: usize, sent: &[u8]) -> TcpStream {
    let host = engine.direct.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PUT {session} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\n\
         Content-Length: {promised}\r\nContent-Range: bytes 0-{}/{promised}\r\n\r\n",
        engine.endpoint.token,
        promised - 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(sent).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

async fn put(engine: &Engine, session: &str, range: &str, body: Vec<u8>) -> (StatusCode, Value) {
    let request = engine.request(Method::PUT, session);
    answer(request.header("Content-Range", range).body(body)).await
}

#[tokio::test]
async fn a_session_has_one_writer_who_frees_it_by_going_away() {
    let engine = Engine::start();
    engine.insert_bucket().await;
    let session = engine.begin_upload("o").await;
    let first = begun(&engine, &session, 200_000, &vec![b'a'; 50_000]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    for (range, body) in [
        ("bytes 0-199999/200000", vec![b'b'; 200_000]),
        ("bytes */200000", Vec::new()),
    ] {
        let (status, refusal) = put(&engine, &session, range, body).await;
        assert_eq!(
            (status.as_u16(), &refusal["error"]["errors"][0]["reason"]),
            (503, &json!("backendError"))
        );
    }
    let cancel = engine
        .request(Method::DELETE, &session)
        .send()
        .await
        .unwrap();
    assert_eq!(cancel.status(), 503);

    drop(first);
    let freed = Instant::now();
    let (status, _) = put(&engine, &session, "bytes */200000", Vec::new()).await;
    assert_eq!(status, 308);
    assert!(
        freed.elapsed() < Duration::from_secs(1),
        "{:?}",
        freed.elapsed()
    );
    let (status, object) = put(
        &engine,
        &session,
        "bytes 0-199999/200000",
        vec![b'b'; 200_000],
    )
    .await;
    assert_eq!(status, 200);
    assert!(engine.content("o").await.iter().all(|byte| *byte == b'b'));
    // Who has not heard of the end asks again, or sends again.
    for (range, body) in [("bytes */200000", 0), ("bytes 0-199999/200000", 200_000)] {
        let (status, again) = put(&engine, &session, range, vec![b'c'; body]).await;
        assert_eq!((status.as_u16(), &again), (200, &object));
    }
    assert!(engine.content("o").await.iter().all(|byte| *byte == b'b'));
}

#[tokio::test]
async fn two_writers_in_one_session_never_mix_their_bytes() {
    const ROUNDS: usize = 25;
    const SIZE: usize = 400_000;
    let engine = Engine::start();
    engine.insert_bucket().await;
    let (mut mixed, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let name = format!("o{round}");
        let session = engine.begin_upload(&name).await;
        let write = async |byte: u8, pieces: usize| {
            let content = vec![byte; SIZE];
            let mut stream = begun(&engine, &session, SIZE, &[]).await;
            for piece in content.chunks(SIZE.div_ceil(pieces)) {
                // Who is refused may be cut off as well.
                if stream.write_all(piece).await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.ok();
            String::from_utf8_lossy(&head[9..])
                .parse::<u16>()
                .unwrap_or(0)
        };
        let (a, b) = tokio::join!(write(b'a', 3 + round), write(b'b', 30 - round));
        refused += [a, b].iter().filter(|status| **status == 503).count();
        assert!([a, b].contains(&200), "round {round}: {a} {b}");
        let content = engine.content(&name).await;
        mixed +=
            usize::from(content.len() != SIZE || content.iter().any(|byte| *byte != content[0]));
    }
    println!("{ROUNDS} sessions with two writers, {refused} refused, {mixed} with mixed bytes");
    assert_eq!(mixed, 0);
}

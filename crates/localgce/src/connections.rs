//! Connections of a server: how long one may stay without a request, how many there are at once, and
//! which one goes when there are too many.
//!
//! Whoever may connect may take a seat, so a seat is only kept by working: a request that is being
//! answered, and above that one whose token is somebody's.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::serve::Listener;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tower::ServiceExt;

/// How long a connection may take to send a request's head, the first or the next one.
const HEAD: Duration = Duration::from_secs(30);

/// Bytes of a request's head; Google's end at 16 KiB of URL and as much of headers. Bodies pass through a
/// buffer of the same size.
const HEAD_SIZE: usize = 64 << 10;

/// One connection, as a handler finds it among its request's extensions.
#[derive(Clone, Default)]
pub struct Seat(Arc<State>);

#[derive(Default)]
struct State {
    trusted: AtomicBool,
    requests: AtomicUsize,
}

impl Seat {
    /// Its request came with a token of somebody's.
    pub fn trust(&self) {
        self.0.trusted.store(true, Ordering::Relaxed);
    }

    fn work(&self) -> Work {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        Work(self.clone())
    }

    fn rank(&self) -> Rank {
        let trusted = self.0.trusted.load(Ordering::Relaxed);
        match self.0.requests.load(Ordering::Relaxed) {
            0 if trusted => Rank::Idle,
            0 => Rank::Silent,
            _ if trusted => Rank::Working,
            _ => Rank::Unknown,
        }
    }
}

/// A request that is being answered, until the last of the answer is out.
struct Work(Seat);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The first of these goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Has not sent a complete request with a token yet.
    Silent,
    /// Waits between requests.
    Idle,
    /// Is answered without a token.
    Unknown,
    /// Is answered: it stays.
    Working,
}

/// Of the connections in the order in which they came, the one that makes room: none if all work.
fn to_go(connections: impl Iterator<Item = (u64, Rank)>) -> Option<u64> {
    connections
        .filter(|(_, rank)| *rank != Rank::Working)
        .min_by_key(|(number, rank)| (*rank, *number))
        .map(|(number, _)| number)
}

type Taken = Arc<Mutex<BTreeMap<u64, (Seat, AbortHandle)>>>;

fn lock(taken: &Taken) -> MutexGuard<'_, BTreeMap<u64, (Seat, AbortHandle)>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until it is dropped, with at most so many connections at once. Those that are there go on.
pub async fn serve<L: Listener>(mut listener: L, router: Router, most: usize) -> Infallible {
    let taken = Taken::default();
    for number in 0.. {
        let (io, _) = listener.accept().await;
        let mut connections = lock(&taken);
        if connections.len() >= most {
            let ranked = connections.iter().map(|(n, (seat, _))| (*n, seat.rank()));
            let Some((_, task)) = to_go(ranked).and_then(|number| connections.remove(&number))
            else {
                continue;
            };
            task.abort();
        }
        let seat = Seat::default();
        let answering = answer(io, router.clone(), seat.clone());
        let leaving = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            answering.await;
            lock(&leaving).remove(&number);
        });
        connections.insert(number, (seat, task.abort_handle()));
    }
    unreachable!("more connections than numbers")
}

/// Answers the requests of one connection.
async fn answer<I>(io: I, router: Router, seat: Seat)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let work = seat.work();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(seat.clone());
        let response = router.clone().oneshot(request);
        async move {
            let response = response.await?;
            Ok::<_, Infallible>(response.map(|body| {
                body.map_frame(move |frame| {
                    let _ = &work;
                    frame
                })
            }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(io), service);
    // Whatever ends it ends this connection alone.
    connection.await.ok();
}

#[cfg(test)]
mod tests {
    use super::Rank::{Idle, Silent, Unknown, Working};
    use super::to_go;

    #[test]
    fn who_works_stays_and_who_says_nothing_goes_first() {
        for (ranks, expected) in [
            (&[Working, Idle, Silent, Silent][..], Some(2)),
            (&[Unknown, Working, Idle], Some(2)),
            (&[Working, Unknown, Unknown], Some(1)),
            (&[Working, Working], None),
        ] {
            assert_eq!(to_go((0..).zip(ranks.iter().copied())), expected);
        }
    }
}

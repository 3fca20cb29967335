use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract::Tally;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::engine_dir::lead;
use crate::fault::{Asked, Fault};
use crate::ledger::Ledger;
use crate::operation::Operations;
use crate::relay::Relay;

/// How long the last exchanges may take to end after their clients have gone.
const SETTLE: Duration = Duration::from_secs(10);

/// The proxy in front of one engine, until it is dropped.
///
/// Whatever cannot be done panics: it is for tests.
pub struct Proxy {
    url: String,
    front: TempDir,
    relay: Arc<Relay>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Listens on a loopback port, in front of the engine that serves the directory `engine`.
    ///
    /// The engine is looked up for every request, and so may be started again meanwhile. What passes is
    /// recorded in `target/contract/{suite}.jsonl`, together with that of the process's other proxies of
    /// the same suite.
    ///
    /// # Panics
    /// When it cannot listen or write there.
    #[must_use]
    pub fn start(engine: &Path, suite: &str) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("making a thread for the proxy");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listening on loopback");
        listener.set_nonblocking(true).expect("a socket for async");
        let url = format!("http://{}", listener.local_addr().expect("the own port"));
        let relay = Arc::new(Relay {
            engine: engine.into(),
            faults: Mutex::new((0, Arc::new(|_: &Asked| None))),
            ledger: Arc::new(Ledger::new(suite)),
            operations: Mutex::new(Operations::default()),
        });
        runtime.spawn(accept(listener, Arc::clone(&relay)));
        Self {
            url,
            front: tempfile::tempdir().expect("making a directory"),
            relay,
            runtime: Some(runtime),
        }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A directory to give to clients as the engine's. Ask for it again once the engine has been
    /// started again: its token is another one then. Do not start an engine in it.
    ///
    /// # Panics
    /// When no engine runs.
    #[must_use]
    pub fn engine_dir(&self) -> PathBuf {
        lead(self.front.path(), &self.relay.engine, &self.url).expect("leading to the engine");
        self.front.path().into()
    }

    /// From now on, `decide` says which requests meet a fault; they are counted from 1 again. It may
    /// itself do something before the request is forwarded.
    ///
    /// # Panics
    /// When an earlier `decide` has panicked.
    pub fn inject(&self, decide: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static) {
        *self.relay.faults.lock().unwrap() = (0, Arc::new(decide));
    }

    /// What has passed, once all that is under way has ended.
    ///
    /// # Panics
    /// When something hangs that no fault made hang.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let end = Instant::now() + SETTLE;
        while !self.relay.ledger.is_quiet() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.relay.ledger.tally()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let tally = self.tally();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        eprintln!("{tally}");
        if !std::thread::panicking() {
            tally.assert_clean();
        }
    }
}

async fn accept(listener: std::net::TcpListener, relay: Arc<Relay>) {
    let listener = TcpListener::from_std(listener).expect("a socket for async");
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&relay)));
    }
}

/// Serves a connection; one that breaks is reset, for the client to see that it is not the end.
async fn serve(stream: TcpStream, relay: Arc<Relay>) {
    let service = service_fn(move |request| Box::pin(Arc::clone(&relay).answer(request)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if ended.is_err() {
        let stream = connection.into_parts().io.into_inner();
        stream.set_zero_linger().ok();
    }
}

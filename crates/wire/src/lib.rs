//! (tests) A reverse proxy in front of an engine: whatever passes is checked against Google's contract
//! and recorded, and a test decides which requests meet a fault.
//!
//! One line puts it in front of an engine that runs. Clients are given [`Proxy::engine_dir`] in place
//! of the engine's own directory, or [`Proxy::url`] in place of its URL:
//!
//! ```no_run
//! # let real = std::path::Path::new("");
//! let proxy = wire::Proxy::start(real, "gcloud");
//! # let mut command = std::process::Command::new("clawbake");
//! command.env("CLAWBAKE_ENGINE", proxy.engine_dir());
//! ```
//!
//! When it is dropped it prints `contract: N exchanges, M methods, 0 unvalidated`, and fails the test
//! if that is not so. Everything that passed is in `target/contract/gcloud.jsonl`, one exchange a line,
//! without tokens and secrets.
//!
//! Faults are decided for each request, before anything of it has been forwarded:
//!
//! ```no_run
//! # let real = std::path::Path::new("");
//! # let kill = || ();
//! use wire::{Fault, Proxy};
//!
//! let proxy = Proxy::start(real, "faults");
//! proxy.inject(move |asked| match (asked.nth, asked.method, asked.path) {
//!     (_, "POST", path) if path.ends_with("/images") => Some(Fault::AnswerLost),
//!     (7, ..) => {
//!         kill(); // before request 7 is forwarded
//!         None
//!     }
//!     (8, ..) => Some(Fault::Then(Box::new(kill))), // after request 8 has taken effect
//!     _ => None,
//! });
//! ```
//!
//! It has a thread of its own, so that tests with and without an async runtime can use it.

mod engine_dir;
mod exchange;
mod fault;
mod federated;
mod ledger;
mod operation;
mod proxy;
mod relay;
mod tee;

pub use fault::{Asked, Fault};
pub use federated::federated;
pub use proxy::Proxy;

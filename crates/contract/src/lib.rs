//! (tests) Whether an exchange with one of Google's APIs is as Google's discovery documents say, and as
//! some rules say that the documents do not hold.
//!
//! `discovery/` holds the documents, trimmed by `trim` to the methods that `methods` names, each with
//! its revision. [`check`] does no I/O: an [`Exchange`] goes in, a [`Verdict`] for each call in it comes
//! out (a batch holds several). Client and engine are both held to it, and neither knows it outside of
//! its tests.
//!
//! ```
//! use contract::{Content, Exchange, Sender};
//!
//! let verdicts = contract::check(&Exchange {
//!     sender: Sender::Other,
//!     method: "GET".into(),
//!     target: "/compute/v1/projects/p/global/images/i?colour=red".into(),
//!     request: Content::default(),
//!     status: Some(404),
//!     response: Content::json(r#"{"error": {"code": 404, "message": "no", "errors": []}}"#),
//!     partial: false,
//! });
//! assert_eq!(verdicts[0].method.as_deref(), Some("compute.images.get"));
//! assert_eq!(
//!     verdicts[0].findings[0].to_string(),
//!     "response.error.errors: is empty",
//! );
//! ```

mod check;
mod document;
mod exchange;
mod finding;
mod manners;
mod parts;
mod query;
mod record;
mod redact;
mod refusal;
mod rules;
mod strangers;
mod syntax;
mod tally;
mod walk;

pub use check::{Verdict, check};
pub use document::{method_id, revisions};
pub use exchange::{Content, Exchange, Sender};
pub use finding::Finding;
pub use record::{Record, record, records};
pub use tally::Tally;

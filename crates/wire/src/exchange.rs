use std::sync::Arc;

use contract::{Exchange, Sender};
use hyper::header::{CONTENT_TYPE, HeaderMap, USER_AGENT};
use hyper::{Request, Response};

use crate::ledger::Ledger;
use crate::tee::Copy;

/// What clawbake calls itself.
const OURS: &str = "clawbake/";

/// An exchange in progress. It is checked when it is dropped: after the answer's last byte, or when the
/// connection breaks.
pub(crate) struct Passing {
    ledger: Arc<Ledger>,
    method: String,
    target: String,
    sender: Sender,
    pub request: Copy,
    pub response: Copy,
    pub status: Option<u16>,
    pub fault: Option<String>,
}

impl Passing {
    pub fn new<B>(ledger: Arc<Ledger>, request: &Request<B>) -> Self {
        ledger.begin();
        let agent = header(request.headers(), &USER_AGENT);
        let passing = Self {
            ledger,
            method: request.method().to_string(),
            target: request.uri().to_string(),
            sender: if agent.starts_with(OURS) {
                Sender::Ours
            } else {
                Sender::Other
            },
            request: Copy::default(),
            response: Copy::default(),
            status: None,
            fault: None,
        };
        passing.request.lock().unwrap().kind = header(request.headers(), &CONTENT_TYPE);
        passing
    }

    pub fn answered<B>(&mut self, response: &Response<B>) {
        self.status = Some(response.status().as_u16());
        self.response.lock().unwrap().kind = header(response.headers(), &CONTENT_TYPE);
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let take = |copy: &Copy| std::mem::take(&mut *copy.lock().unwrap());
        let exchange = Exchange {
            sender: self.sender,
            method: std::mem::take(&mut self.method),
            target: std::mem::take(&mut self.target),
            request: take(&self.request),
            status: self.status,
            response: take(&self.response),
            partial: false,
        };
        self.ledger.end(&exchange, self.fault.as_deref());
    }
}

fn header(headers: &HeaderMap, name: &hyper::header::HeaderName) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

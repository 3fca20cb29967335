//! What our own client is held to beyond what Google demands.

use serde_json::Value;
use uuid::Uuid;

use crate::document::Found;
use crate::exchange::Exchange;
use crate::finding::Finding;

pub(crate) fn check(exchange: &Exchange, found: &Found, findings: &mut Vec<Finding>) {
    let mut say = |at: &str, message: &str| findings.push(Finding::new(at, message));
    // Without it, a request whose answer was lost cannot be sent again.
    if found.method.parameters.contains_key("requestId") {
        let id = exchange.query_value("requestId");
        match id.map(|id| Uuid::parse_str(&id)) {
            None => say(
                "query.requestId",
                "is missing; every mutation of ours has one",
            ),
            Some(Ok(id)) if !id.is_nil() => {}
            Some(_) => say("query.requestId", "is no UUID, or the zero one"),
        }
    }
    // Without it, a value that was mangled on its way would be stored as it is.
    if found.id == "secretmanager.projects.secrets.addVersion" && exchange.request.is_kept() {
        let body = exchange.request.parse().unwrap_or_default();
        let sum = body.pointer("/payload/dataCrc32c");
        if sum.and_then(Value::as_str).is_none() {
            say("request.payload.dataCrc32c", "is missing; ours has one");
        }
    }
}

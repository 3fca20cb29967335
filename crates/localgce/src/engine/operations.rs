//! Operations: PENDING, RUNNING, DONE. A mutation is checked and recorded while the client waits; its
//! work is done in the background.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::task::JoinError;

use super::Engine;
use crate::clock;
use crate::error::{Error, FULL, MAKE_ROOM};
use crate::key::{Key, Kind, Scope, region_link, zone_link};
use crate::room::is_full;
use crate::store::operations::{Served, remember, served};
use crate::store::{new_id, resources};

/// How long `wait` waits at most, as Google's does.
const WAIT: Duration = Duration::from_mins(2);

/// Whose operations they are: only the owner starts any.
const USER: &str = "owner@localgce.internal";

/// What an operation does to what.
pub struct Mutation {
    /// The resource.
    pub target: Key,
    /// `insert`, `delete`, `setLabels`, ...
    pub verb: &'static str,
    /// A request of the same id is served once.
    pub request_id: Option<String>,
}

/// What is left to do when the request has been answered.
pub type Work = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// No work: the operation is done.
// Every mutation gives its work, or its refusal.
#[allow(clippy::unnecessary_wraps)]
pub fn nothing() -> Result<Work, Error> {
    Ok(Box::pin(async { Ok(()) }))
}

/// Work that fails only when the engine does.
#[allow(clippy::unnecessary_wraps)]
pub fn work(
    work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
) -> Result<Work, Error> {
    Ok(Box::pin(async { work.await.map_err(Failure::from) }))
}

/// Why an operation failed.
pub struct Failure {
    status: u16,
    code: &'static str,
    message: String,
}

impl Failure {
    /// The client's fault, unless the device is full.
    pub fn invalid(error: anyhow::Error) -> Self {
        if is_full(&error) {
            return Self::from(error);
        }
        Self {
            status: 400,
            code: "INVALID_ARGUMENT",
            message: format!("{error:#}"),
        }
    }

    fn lost(_: &JoinError) -> Self {
        Self {
            status: 500,
            code: "INTERNAL_ERROR",
            message: "the engine failed in the middle; its log says where".into(),
        }
    }

    fn interrupted() -> Self {
        Self {
            status: 503,
            code: "SERVICE_UNAVAILABLE",
            message: "the engine was stopped in the middle; send the request again".into(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        if is_full(&error) {
            return Self {
                status: FULL,
                code: "RESOURCE_EXHAUSTED",
                message: format!("no space left on the device: {error:#}: {MAKE_ROOM}"),
            };
        }
        Self {
            status: 500,
            code: "INTERNAL_ERROR",
            message: format!("{error:#}"),
        }
    }
}

impl Engine {
    /// Checks and records a mutation in one transaction, and starts its work. Returns the operation; for
    /// a request that was served before, the operation of that time.
    pub fn mutate(
        self: &Arc<Self>,
        mutation: &Mutation,
        change: impl FnOnce(&Connection) -> Result<Work, Error>,
    ) -> Result<Value, Error> {
        let key = mutation.target.sibling(Kind::Operation, &operation_name());
        let (operation, work) = self.store.transaction(|tx| {
            if let Some(operation) = replay(tx, mutation)? {
                return Ok((operation, None));
            }
            let existing = resources::get(tx, &mutation.target)?;
            let work = change(tx)?;
            let target = resources::get(tx, &mutation.target)?.or(existing);
            let operation = body(&key, mutation, target.as_ref());
            resources::insert(tx, &key, &operation)?;
            if let Some(id) = &mutation.request_id {
                let served = Served {
                    target: mutation.target.path(),
                    verb: mutation.verb.into(),
                    operation: key.name.clone(),
                };
                remember(tx, id, &served)?;
            }
            Ok::<_, Error>((operation, Some(work)))
        })?;
        if let Some(work) = work {
            let engine = Arc::clone(self);
            tokio::spawn(async move {
                // In a task of its own: an operation ends even when its work panics.
                let result = tokio::spawn(work).await;
                engine.finish(
                    &key,
                    result.unwrap_or_else(|error| Err(Failure::lost(&error))),
                );
            });
        }
        Ok(operation)
    }

    fn finish(&self, key: &Key, result: Result<(), Failure>) {
        let finish = |operation: &mut Value| conclude(operation, result);
        if let Err(error) = self
            .store
            .transaction(|tx| resources::update(tx, key, finish))
        {
            crate::log::line(format_args!("recording the end of {}: {error}", key.name));
        }
        self.operation_done.notify_waiters();
    }

    /// The operation once it is done, or as it is after two minutes.
    pub async fn wait(&self, key: &Key) -> Result<Value, Error> {
        let end = tokio::time::Instant::now() + WAIT;
        loop {
            // Before looking, so that no end between looking and waiting is missed.
            let mut done = std::pin::pin!(self.operation_done.notified());
            done.as_mut().enable();
            let operation = self
                .store
                .transaction(|tx| resources::get(tx, key))?
                .ok_or_else(|| Error::not_found(&key.path()))?;
            if operation["status"] == "DONE" || tokio::time::timeout_at(end, done).await.is_err() {
                return Ok(operation);
            }
        }
    }

    /// Ends the operations that an earlier engine left unfinished.
    pub(super) fn end_interrupted(tx: &Connection) -> Result<(), rusqlite::Error> {
        for (key, operation) in resources::all(tx, Kind::Operation)? {
            if operation["status"] != "DONE" {
                resources::update(tx, &key, |operation| {
                    conclude(operation, Err(Failure::interrupted()));
                })?;
            }
        }
        Ok(())
    }
}

/// Adds a warning to the latest operation on a resource, which its client may have seen done already.
pub(super) fn warn_of(tx: &Connection, target: &Key, message: &str) -> rusqlite::Result<()> {
    let operations = resources::all(tx, Kind::Operation)?;
    let last = operations
        .into_iter()
        .filter(|(_, operation)| operation["targetLink"] == target.link().as_str())
        .max_by(|(_, a), (_, b)| a["insertTime"].as_str().cmp(&b["insertTime"].as_str()));
    let Some((key, _)) = last else {
        return Ok(());
    };
    resources::update(tx, &key, |operation| {
        operation["warnings"] = json!([{"code": "NOT_CRITICAL_ERROR", "message": message}]);
    })
}

fn replay(tx: &Connection, mutation: &Mutation) -> Result<Option<Value>, Error> {
    let Some(id) = &mutation.request_id else {
        return Ok(None);
    };
    if uuid::Uuid::parse_str(id).is_ok_and(|id| id.is_nil()) || uuid::Uuid::parse_str(id).is_err() {
        return Err(Error::field(
            "requestId",
            id,
            "Must be a UUID other than zero.",
        ));
    }
    let Some(first) = served(tx, id)? else {
        return Ok(None);
    };
    if first.target != mutation.target.path() || first.verb != mutation.verb {
        return Err(Error::field(
            "requestId",
            id,
            "It was used for another request.",
        ));
    }
    let key = mutation.target.sibling(Kind::Operation, &first.operation);
    Ok(resources::get(tx, &key)?)
}

/// A name like Google's: the time, and random digits.
fn operation_name() -> String {
    let random = new_id();
    let (head, tail) = (random >> 32, random & 0xffff_ffff);
    format!(
        "operation-{}-{:013x}-{head:08x}-{tail:08x}",
        clock::unix_millis(),
        new_id() >> 12
    )
}

fn body(key: &Key, mutation: &Mutation, target: Option<&Value>) -> Value {
    let now = clock::now();
    let mut operation = json!({
        "kind": "compute#operation",
        "id": new_id().to_string(),
        "name": key.name,
        "operationType": mutation.verb,
        "targetLink": mutation.target.link(),
        "status": "RUNNING",
        "user": USER,
        "progress": 0,
        "insertTime": now,
        "startTime": now,
        "selfLink": key.link(),
    });
    if let Some(id) = target.map(|target| &target["id"]) {
        operation["targetId"] = id.clone();
    }
    match &key.scope {
        Scope::Global => {}
        Scope::Region(region) => operation["region"] = region_link(&key.project, region).into(),
        Scope::Zone(zone) => operation["zone"] = zone_link(&key.project, zone).into(),
    }
    operation
}

fn conclude(operation: &mut Value, result: Result<(), Failure>) {
    operation["status"] = "DONE".into();
    operation["progress"] = 100.into();
    operation["endTime"] = clock::now().into();
    if let Err(failure) = result {
        operation["error"] =
            json!({"errors": [{"code": failure.code, "message": failure.message}]});
        operation["httpErrorStatusCode"] = failure.status.into();
        operation["httpErrorMessage"] = match failure.status {
            400 => "BAD REQUEST",
            503 => "SERVICE UNAVAILABLE",
            FULL => "INSUFFICIENT STORAGE",
            _ => "INTERNAL SERVER ERROR",
        }
        .into();
    }
}

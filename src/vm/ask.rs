//! Asking a VM to do something: a request in its metadata, the answer in a guest attribute.
//!
//! ```text
//! clawbake-request {id, nonce, do, ..} ──▶ clawbake-listen in the VM ──▶ clawbake/answer {nonce, id, ok, ..}
//! ```
//!
//! Each request has an id of its own and takes the place of the one before, so that none is ever done
//! twice, nor done for somebody who has stopped waiting for it.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use gce::{Instance, Instances, Kind, Metadata};
use serde::Deserialize;
use serde_json::json;

use super::{Counted, Counts, Look, Nonce, Report, Watch, item};
use crate::cloud::Cloud;
use crate::progress::Stage;

/// Metadata key; `clawbake-listen` waits for its change.
const KEY: &str = "clawbake-request";
/// How often metadata may have been changed by somebody else meanwhile.
const CONFLICTS: usize = 5;
/// How often in all a VM is asked for what it says was cut short.
const TRIES: u32 = 3;

/// What a VM is asked to do. An address or a token in it is a capability: `Debug` does not show it, and
/// it leaves the metadata with the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// To count what its gateway's state holds; the gateway runs.
    Counts,
    /// To count, and to stop its gateway gracefully. It starts again with the VM.
    Stop,
    /// To send its state, as a gzipped tar, to an upload session; the gateway is stopped or held.
    Export {
        /// The session's address, as this machine reaches it.
        url: &'a str,
    },
    /// To fill its blank state disk from an export and to start its gateway, which was held.
    Import {
        /// The object's address, as this machine reaches it.
        url: &'a str,
        /// A token that may read the object.
        token: &'a str,
    },
}

/// What a VM has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Answer {
    id: String,
    ok: bool,
    /// Why not; with a stop, why nothing was counted.
    pub reason: Option<String>,
    /// Whether it was cut short, and may be done if it is asked for again.
    #[serde(default)]
    again: bool,
    /// Of counts and a stop: what was counted before it. None if the recipe counts nothing.
    pub counts: Option<Counts>,
    /// Of a stop: whether the gateway had to be killed, which did not stop in time.
    #[serde(default)]
    pub killed: bool,
    /// Of an export: bytes of the object.
    pub size: Option<u64>,
    /// Of an export: the object's MD5, base64.
    pub md5: Option<String>,
    /// Of an export: the object's CRC32C, base64 of big-endian bytes.
    pub crc32c: Option<String>,
    /// Of an export and an import: files, directories and links.
    pub files: Option<u64>,
    /// Of an import: bytes of data in its files.
    pub bytes: Option<u64>,
}

/// A VM that has not done what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// The VM.
    pub instance: String,
    /// What it was asked for.
    pub asked: &'static str,
    /// Why not; holds no secret.
    pub why: String,
    /// The last lines of its serial output, if it says nothing itself.
    pub serial: String,
    /// Whether there is no such VM, or it does not run.
    pub off: bool,
    /// Whether it was cut short, and may be done if it is asked for again.
    pub again: bool,
}

impl Answer {
    /// What was counted before a stop.
    pub(crate) fn counted(&self) -> Counted {
        match (&self.counts, &self.reason) {
            (Some(counts), _) => Counted::Known(counts.clone()),
            (None, Some(why)) => Counted::Unknown(why.clone()),
            (None, None) => Counted::Known(Counts::default()),
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            instance,
            asked,
            why,
            serial,
            ..
        } = self;
        write!(f, "{instance} did not {asked}: {why}")?;
        if !serial.is_empty() {
            write!(f, "\nlast lines of its serial output:\n{serial}")?;
        }
        Ok(())
    }
}

impl std::error::Error for NoAnswer {}

impl Request<'_> {
    /// What is asked for, after "did not".
    fn asked(self) -> &'static str {
        match self {
            Self::Counts => "count its state",
            Self::Stop => "stop its gateway",
            Self::Export { .. } => "export its state",
            Self::Import { .. } => "import its state",
        }
    }

    /// As the metadata carry it.
    fn line(self, cloud: &Cloud, id: &str, nonce: &Nonce) -> String {
        let mut line = match self {
            Self::Counts => json!({"do": "counts"}),
            Self::Stop => json!({"do": "stop"}),
            Self::Export { url } => json!({"do": "export", "url": cloud.in_guest(url)}),
            Self::Import { url, token } => {
                json!({"do": "import", "url": cloud.in_guest(url), "token": token})
            }
        };
        line["id"] = id.into();
        line["nonce"] = nonce.to_string().into();
        line.to_string()
    }

    fn is_secret(self) -> bool {
        matches!(self, Self::Export { .. } | Self::Import { .. })
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request to {}", self.asked())
    }
}

impl Report for Answer {
    type Phase = String;

    const ATTRIBUTE: &'static str = "clawbake/answer";

    fn phase(&self) -> String {
        self.id.clone()
    }

    fn note(&self) -> Option<String> {
        None
    }
}

/// Asks again, a few times in all, for what was cut short: a session that broke off, a VM that was restarted.
/// Each time `asked` has to bring a request of its own.
///
/// # Errors
/// As [`ask`]; the last of them.
pub(crate) async fn insist(
    stage: &Stage,
    mut asked: impl AsyncFnMut() -> Result<Answer>,
) -> Result<Answer> {
    for left in (1..TRIES).rev() {
        let answer = asked().await;
        let again = |error: &anyhow::Error| {
            let none = error.downcast_ref::<NoAnswer>();
            none.is_some_and(|none| none.again)
        };
        match answer {
            Err(error) if again(&error) => {
                stage.note(format!(
                    "{error:#}; it is asked again, {left} more times at most"
                ));
            }
            answer => return answer,
        }
    }
    asked().await
}

/// Asks a VM that runs, and waits `timeout` at most for its answer.
///
/// # Errors
/// [`NoAnswer`] if the VM refuses, is gone or off, or says nothing.
pub(crate) async fn ask(
    cloud: &Cloud,
    name: &str,
    request: Request<'_>,
    timeout: Duration,
    stage: &Stage,
) -> Result<Answer> {
    let instances = cloud.client.instances(&cloud.zone);
    let asking = || format!("asking {name} to {}", request.asked());
    let none = |why, off, serial| NoAnswer {
        instance: name.to_owned(),
        asked: request.asked(),
        why,
        serial,
        off,
        again: false,
    };
    let id = uuid::Uuid::new_v4().simple().to_string();
    let line = |instance: &Instance| request.line(cloud, &id, &Nonce::of(instance));
    let put = put(&instances, name, line).await.with_context(asking)?;
    put.map_err(|why| none(why, true, String::new()))?;
    let mut watch = Watch::<Answer>::new(cloud.client.instances(&cloud.zone), name);
    let end = watch.until(|look| judge(look, &id, timeout), stage).await;
    if request.is_secret() {
        // What is left of it is of use to nobody; and so are words about it.
        withdraw(&instances, name, &id).await.ok();
    }
    match end.with_context(asking)? {
        End::Done(answer) => Ok(answer),
        End::Refused { why, again } => {
            let refusal = none(why, false, String::new());
            Err(NoAnswer { again, ..refusal }.into())
        }
        End::Silent(why) => Err(none(why, false, watch.tail()).into()),
        End::Off(why) => Err(none(why, true, watch.tail()).into()),
    }
}

/// How waiting for an answer ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Done(Answer),
    Refused { why: String, again: bool },
    Silent(String),
    Off(String),
}

/// How the wait for the answer to request `id` has ended, which takes `timeout` at most; `None` while it
/// goes on.
fn judge(look: &Look<'_, Answer>, id: &str, timeout: Duration) -> Option<End> {
    if let Some(answer) = look.report.filter(|answer| answer.id == id) {
        return Some(if answer.ok {
            End::Done(answer.clone())
        } else {
            let reason = answer.reason.clone();
            End::Refused {
                why: reason.unwrap_or_else(|| "it gave no reason".into()),
                again: answer.again,
            }
        });
    }
    if let Some(why) = off(look.status) {
        return Some(End::Off(why));
    }
    let late = || {
        (look.elapsed > timeout).then(|| {
            format!(
                "it has not answered for {} s: a VM that an older clawbake has made listens to nobody, and \
                 `clawbake recreate` makes it anew",
                timeout.as_secs()
            )
        })
    };
    look.silence().or_else(late).map(End::Silent)
}

/// Why a VM of this status answers nothing; `None` if it may.
fn off(status: Option<&str>) -> Option<String> {
    match status {
        None => Some("the VM is gone: somebody deleted it".into()),
        Some(status @ ("STOPPING" | "TERMINATED" | "SUSPENDING" | "SUSPENDED")) => {
            Some(format!("the VM is {status}"))
        }
        Some(_) => None,
    }
}

/// Puts a request into the metadata of a VM. The inner error says why it is of no use.
async fn put(
    instances: &Instances,
    name: &str,
    line: impl Fn(&Instance) -> String,
) -> gce::Result<Result<(), String>> {
    change(instances, name, |instance| {
        if let Some(why) = off(instance.and_then(|it| it.status.as_deref())) {
            return Err(why);
        }
        let instance = instance.cloned().unwrap_or_default();
        let line = line(&instance);
        Ok(Some(with(
            instance.metadata.unwrap_or_default(),
            Some(line),
        )))
    })
    .await
}

/// Takes a request out of the metadata, unless another one has taken its place.
async fn withdraw(instances: &Instances, name: &str, id: &str) -> gce::Result<()> {
    let changed = change(instances, name, |instance| {
        let metadata = instance.and_then(|it| it.metadata.clone());
        let holds = |metadata: &Metadata| {
            let mut items = metadata.items.iter();
            items.any(|it| {
                it.key.as_deref() == Some(KEY) && it.value.as_ref().is_some_and(|v| v.contains(id))
            })
        };
        Ok(metadata.filter(holds).map(|metadata| with(metadata, None)))
    });
    changed.await.map(drop)
}

/// Changes the metadata of a VM, again if somebody else has changed them meanwhile. `None` leaves them.
async fn change(
    instances: &Instances,
    name: &str,
    new: impl Fn(Option<&Instance>) -> Result<Option<Metadata>, String>,
) -> gce::Result<Result<(), String>> {
    let mut conflicts = 0;
    loop {
        let instance = instances.find(name).await?;
        let metadata = match new(instance.as_ref()) {
            Ok(Some(metadata)) => metadata,
            Ok(None) => return Ok(Ok(())),
            Err(why) => return Ok(Err(why)),
        };
        let set = match instances.set_metadata(name, &metadata).await {
            Ok(pending) => pending.wait().await.map(drop),
            Err(error) => Err(error),
        };
        match set {
            Err(error) if error.kind == Kind::PreconditionFailed && conflicts < CONFLICTS => {
                conflicts += 1;
            }
            set => return set.map(Ok),
        }
    }
}

/// The metadata with this request, or none, in the place of the one before. Their fingerprint stays.
fn with(mut metadata: Metadata, line: Option<String>) -> Metadata {
    metadata.items.retain(|it| it.key.as_deref() != Some(KEY));
    metadata.items.extend(line.map(|line| item(KEY, line)));
    metadata
}

#[cfg(test)]
mod tests;

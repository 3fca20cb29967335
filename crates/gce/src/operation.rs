use std::time::{Duration, Instant};

use reqwest::Method;

use crate::{
    Client, Error, Kind, Result,
    json::{last_segment, resource},
    transport::Call,
};

resource! {
    /// A change that Compute Engine has accepted.
    Operation {
        name: Option<String>,
        /// `PENDING`, `RUNNING` or `DONE`.
        status: Option<String>,
        target_link: Option<String>,
        zone: Option<String>,
        region: Option<String>,
        error: Option<OperationError>,
        http_error_status_code: Option<u16>,
        http_error_message: Option<String>,
    }
}

resource! {
    /// Why an operation failed.
    OperationError {
        errors: Vec<OperationErrorItem>,
    }
}

resource! {
    /// One reason of several.
    OperationErrorItem {
        code: Option<String>,
        message: Option<String>,
    }
}

/// Importing a 20 GiB image takes minutes. No operation of clawbake takes longer than this.
const DEADLINE: Duration = Duration::from_mins(30);
/// `wait` answers within two minutes, done or not.
const WAIT_TIMEOUT: Duration = Duration::from_secs(150);

/// An operation under way. Dropping it leaves the operation running.
#[derive(Debug)]
#[must_use = "an operation can still fail: wait for it"]
pub struct Pending {
    client: Client,
    pub(crate) operation: Operation,
    what: String,
}

impl Pending {
    pub(crate) fn new(client: Client, operation: Operation, what: String) -> Self {
        Self {
            client,
            operation,
            what,
        }
    }

    /// Waits until done, at most 30 minutes.
    pub async fn wait(self) -> Result<Operation> {
        self.wait_with(DEADLINE, |_| {}).await
    }

    /// Waits until done, at most `deadline`, and passes each state of the operation to `progress`.
    ///
    /// A failed operation is an error of [`Kind::Operation`] with its reason and HTTP status. One that
    /// is not done in time is an error of [`Kind::Timeout`].
    pub async fn wait_with(
        mut self,
        deadline: Duration,
        progress: impl FnMut(&Operation) + Send,
    ) -> Result<Operation> {
        match tokio::time::timeout(deadline, self.until_done(progress)).await {
            Ok(result) => result.and_then(|()| finish(self.operation, &self.what)),
            Err(_) => Err(Error::new(
                Kind::Timeout,
                self.what,
                format!(
                    "operation {} is {} after {} s; it goes on without us",
                    self.operation.name.unwrap_or_default(),
                    self.operation.status.unwrap_or_default(),
                    deadline.as_secs()
                ),
            )),
        }
    }

    async fn until_done(&mut self, mut progress: impl FnMut(&Operation) + Send) -> Result<()> {
        loop {
            progress(&self.operation);
            if self.operation.status.as_deref() == Some("DONE") {
                return Ok(());
            }
            let asked = Instant::now();
            let name = self.operation.name.clone().unwrap_or_default();
            let what = format!("{}: waiting for operation {name}", self.what);
            let url = self.client.compute_url(&self.path(&[&name, "wait"]))?;
            let call = Call::new(Method::POST, url, &what).timeout(WAIT_TIMEOUT);
            self.operation = match self.client.transport.once(&call).await {
                Ok(reply) => reply.json(&what)?,
                // A proxy may have cut the long request: a plain get is quick.
                Err(failure) if failure.error.is_transient() => {
                    let url = self.client.compute_url(&self.path(&[&name]))?;
                    self.client.get(url, what).await?
                }
                Err(failure) => return Err(failure.error),
            };
            // `wait` is best effort and may return at once: avoid a busy loop.
            if self.operation.status.as_deref() != Some("DONE") {
                let pause = self.client.transport.policy.first;
                tokio::time::sleep(pause.saturating_sub(asked.elapsed())).await;
            }
        }
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let scope = match (&self.operation.zone, &self.operation.region) {
            (Some(zone), _) => vec!["zones", last_segment(zone)],
            (None, Some(region)) => vec!["regions", last_segment(region)],
            (None, None) => vec!["global"],
        };
        [&scope[..], &["operations"], rest].concat()
    }
}

/// A done operation, or the error that it carries.
fn finish(operation: Operation, what: &str) -> Result<Operation> {
    let errors = operation
        .error
        .as_ref()
        .map_or(&[][..], |error| &error.errors);
    if operation.error.is_none() && operation.http_error_status_code.is_none() {
        return Ok(operation);
    }
    let mut messages: Vec<_> = errors
        .iter()
        .filter_map(|item| item.message.clone())
        .collect();
    if messages.is_empty() {
        messages.push(operation.http_error_message.clone().unwrap_or_default());
    }
    Err(Error {
        status: operation.http_error_status_code,
        reason: errors.iter().find_map(|item| item.code.clone()),
        ..Error::new(Kind::Operation, what, messages.join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Disk,
        script::{Answer, Script},
    };

    const STARTED: &str = r#"{"name":"operation-1","status":"PENDING","progress":0,
        "zone":"https://www.googleapis.com/compute/v1/projects/p/zones/z"}"#;

    #[tokio::test]
    async fn waits_in_the_operations_own_scope_until_done() {
        let script = Script::play([
            Answer::json(200, STARTED),
            Answer::json(200, &STARTED.replace("PENDING", "RUNNING")),
            Answer::status(503, "a hiccup"),
            Answer::json(200, &STARTED.replace("PENDING", "RUNNING")),
            Answer::json(200, &STARTED.replace("PENDING", "DONE")),
        ])
        .await;
        let mut seen = Vec::new();
        let disk = Disk {
            name: Some("d".into()),
            ..Disk::default()
        };
        let pending = script.client().disks("z").insert(&disk).await.unwrap();
        pending
            .wait_with(Duration::from_secs(5), |operation| {
                seen.extend(operation.status.clone());
            })
            .await
            .unwrap();
        assert_eq!(seen, ["PENDING", "RUNNING", "RUNNING", "DONE"]);
        let requests = script.requests();
        assert_eq!(requests[0].body, br#"{"name":"d"}"#);
        let operation = "/compute/v1/projects/p/zones/z/operations/operation-1";
        let asked: Vec<_> = requests[1..]
            .iter()
            .map(|r| (&*r.method, r.path().strip_prefix(operation)))
            .collect();
        let (wait, look) = (("POST", Some("/wait")), ("GET", Some("")));
        assert_eq!(asked, [wait, wait, look, wait]);
        assert_eq!(
            requests[1].header("content-length"),
            Some("0"),
            "else Google answers 411"
        );
    }

    #[tokio::test]
    async fn a_done_operation_can_carry_an_error() {
        let script = Script::play([
            Answer::json(200, r#"{"name":"op","status":"RUNNING"}"#),
            Answer::json(
                200,
                r#"{"name":"op","status":"DONE","httpErrorStatusCode":403,"httpErrorMessage":"FORBIDDEN",
                   "error":{"errors":[{"code":"QUOTA_EXCEEDED","message":"quota CPUS exceeded"}]}}"#,
            ),
        ])
        .await;
        let pending = script.client().images().delete("old").await.unwrap();
        let error = pending.wait().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "deleting image old: quota CPUS exceeded (HTTP 403, QUOTA_EXCEEDED)"
        );
        assert_eq!(error.kind, Kind::Operation);
        assert!(error.hint().is_some());
        assert!(
            script.requests()[1]
                .path()
                .ends_with("/global/operations/op/wait")
        );
    }

    #[tokio::test]
    async fn a_deadline_ends_the_wait_and_says_where_it_stood() {
        let running = Answer::json(200, r#"{"name":"op","status":"RUNNING"}"#);
        let script = Script::play(std::iter::repeat_n(running, 10_000)).await;
        let pending = script.client().images().delete("old").await.unwrap();
        let error = pending
            .wait_with(Duration::from_millis(100), |_| {})
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Timeout);
        assert!(error.message.contains("op is RUNNING"), "{error}");
    }
}

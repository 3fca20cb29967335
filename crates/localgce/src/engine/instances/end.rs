//! Deletes instances, and ends them when their time is up.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock;
use crate::engine::attached::{release, source};
use crate::engine::{Engine, Stop};
use crate::json::text;
use crate::key::Key;
use crate::store::{group_members, guest_attributes, resources, unix_seconds};

impl Engine {
    /// Stops an instance's machine, and removes the instance with its auto-delete disks.
    pub async fn delete_instance(&self, key: &Key, how: Stop) -> Result<()> {
        self.stop(key, how).await?;
        self.remove_instance(key)
    }

    /// Removes a stopped instance with its auto-delete disks.
    pub fn remove_instance(&self, key: &Key) -> Result<()> {
        let mut doomed = Vec::new();
        self.store.transaction(|tx| {
            let Some(instance) = resources::get(tx, key)? else {
                return Ok(());
            };
            for attached in instance["disks"].as_array().into_iter().flatten() {
                let Some(disk) = source(key, attached) else {
                    continue;
                };
                release(tx, &disk)?;
                if attached["autoDelete"] == true {
                    doomed.push(disk);
                }
            }
            let id = text(&instance, "id");
            guest_attributes::clear(tx, id)?;
            group_members::remove(tx, &key.path())?;
            std::fs::remove_dir_all(self.machine_dir(id)).ok();
            resources::remove(tx, key)
        })?;
        doomed.iter().try_for_each(|disk| self.remove_disk(disk))
    }

    /// Stops or deletes a running instance when its time is up, as its scheduling says, unless its machine
    /// is `gone` first.
    pub fn end_in_time(self: &Arc<Self>, key: &Key, mut gone: watch::Receiver<bool>) -> Result<()> {
        let Some((body, left)) = self.store.transaction(|tx| time_left(tx, key))? else {
            return Ok(());
        };
        let (engine, key) = (Arc::clone(self), key.clone());
        tokio::spawn(async move {
            if tokio::time::timeout(left, gone.wait_for(|gone| *gone))
                .await
                .is_ok()
            {
                return;
            }
            if let Err(error) = engine.end(&key, &body).await {
                crate::log::line(format_args!("ending {} in time: {error:#}", key.name));
            }
        });
        Ok(())
    }

    /// Ends an instance, unless it has been restarted or replaced since `before`.
    async fn end(&self, key: &Key, before: &Value) -> Result<()> {
        let same = |body: &Value| {
            body["status"] == "RUNNING"
                && body["id"] == before["id"]
                && body["resourceStatus"] == before["resourceStatus"]
        };
        let due = self.store.transaction(|tx| {
            let due = resources::get(tx, key)?.is_some_and(|body| same(&body));
            if due {
                resources::update(tx, key, |body| body["status"] = "STOPPING".into())?;
            }
            Ok::<_, rusqlite::Error>(due)
        })?;
        if !due {
            return Ok(());
        }
        if before["scheduling"]["instanceTerminationAction"] == "DELETE" {
            self.delete_instance(key, Stop::Gracefully).await
        } else {
            self.stop(key, Stop::Gracefully).await
        }
    }
}

/// Sets the time at which a starting instance is to end. It is already set when an engine boots what
/// an earlier one started.
pub fn set_deadline(body: &mut Value) {
    if body["resourceStatus"]["scheduling"]["terminationTimestamp"].is_string() {
        return;
    }
    let seconds = body["scheduling"]["maxRunDuration"]["seconds"].as_str();
    let end = match seconds.and_then(|seconds| seconds.parse::<u64>().ok()) {
        Some(seconds) => clock::rfc3339(clock::unix_millis() + seconds * 1000),
        None => match body["scheduling"]["terminationTime"].as_str() {
            Some(time) => time.into(),
            None => return,
        },
    };
    body["resourceStatus"] = json!({"scheduling": {"terminationTimestamp": end}});
}

fn time_left(tx: &Connection, key: &Key) -> rusqlite::Result<Option<(Value, Duration)>> {
    let Some(body) = resources::get(tx, key)? else {
        return Ok(None);
    };
    let end = match body["resourceStatus"]["scheduling"]["terminationTimestamp"].as_str() {
        Some(end) => unix_seconds(tx, end)?,
        None => None,
    };
    let now = clock::unix_millis() / 1000;
    Ok(end.map(|end| (body, Duration::from_secs(end.saturating_sub(now)))))
}

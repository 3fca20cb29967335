//! Starts, stops, resets and deletions of instances, as far as their state lets them.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::Value;

use crate::engine::records::get;
use crate::engine::{Engine, Stop, Work, nothing, work};
use crate::error::Error;
use crate::json::text;
use crate::key::Key;
use crate::store::resources;

impl Engine {
    /// Starts a stopped instance.
    pub fn start_instance(self: &Arc<Self>, tx: &Connection, key: &Key) -> Result<Work, Error> {
        let instance = get(tx, key)?;
        match text(&instance, "status") {
            "RUNNING" => nothing(),
            "TERMINATED" => {
                resources::update(tx, key, |instance| {
                    instance["status"] = "PROVISIONING".into();
                    if let Some(fields) = instance.as_object_mut() {
                        fields.shift_remove("statusMessage");
                    }
                })?;
                let (engine, key) = (Arc::clone(self), key.clone());
                work(async move { engine.boot(&key).await })
            }
            _ => Err(busy(key, &instance)),
        }
    }

    /// Stops a running instance.
    pub fn stop_instance(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        how: Stop,
    ) -> Result<Work, Error> {
        let instance = get(tx, key)?;
        match text(&instance, "status") {
            "TERMINATED" => nothing(),
            "RUNNING" | "STOPPING" => {
                resources::update(tx, key, |i| i["status"] = "STOPPING".into())?;
                let (engine, key) = (Arc::clone(self), key.clone());
                work(async move { engine.stop(&key, how).await })
            }
            _ => Err(busy(key, &instance)),
        }
    }

    /// Resets a running instance.
    pub fn reset_instance(self: &Arc<Self>, tx: &Connection, key: &Key) -> Result<Work, Error> {
        let instance = get(tx, key)?;
        if instance["status"] != "RUNNING" {
            return Err(busy(key, &instance));
        }
        let (engine, key) = (Arc::clone(self), key.clone());
        work(async move { engine.reset(&key).await })
    }

    /// Stops and deletes an instance that is not being started.
    pub fn discard_instance(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        how: Stop,
    ) -> Result<Work, Error> {
        let instance = get(tx, key)?;
        if ["PROVISIONING", "STAGING"].contains(&text(&instance, "status")) {
            return Err(busy(key, &instance));
        }
        resources::update(tx, key, |i| i["status"] = "STOPPING".into())?;
        let (engine, key) = (Arc::clone(self), key.clone());
        work(async move { engine.delete_instance(&key, how).await })
    }
}

fn busy(key: &Key, instance: &Value) -> Error {
    Error::not_ready(&key.path(), &format!("it is {}", text(instance, "status")))
}

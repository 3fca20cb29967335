//! Changes of instances, of which their machines are told.

use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::metadata::Metadata;
use super::request::{ServiceAccount, ShieldedInstanceConfig, Tags};
use super::scheduling::Scheduling;
use crate::catalog;
use crate::engine::records::get;
use crate::engine::{Engine, Work, machine_types, work};
use crate::error::Error;
use crate::json::prune;
use crate::key::Key;
use crate::store::{accounts, resources};

impl Engine {
    /// Sets the tags, if they are still those that the client has seen.
    pub fn set_tags(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        tags: &Tags,
    ) -> Result<Work, Error> {
        let instance = get(tx, key)?;
        if instance["tags"]["fingerprint"].as_str() != tags.fingerprint.as_deref() {
            return Err(Error::fingerprint("tags"));
        }
        self.change_and_tell(tx, key, |instance| instance["tags"] = tags.body())
    }

    /// Sets the metadata, if it is still what the client has seen.
    pub fn set_metadata(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        metadata: &Metadata,
    ) -> Result<Work, Error> {
        metadata.check()?;
        let instance = get(tx, key)?;
        if instance["metadata"]["fingerprint"].as_str() != metadata.fingerprint.as_deref() {
            return Err(Error::fingerprint("metadata"));
        }
        self.change_and_tell(tx, key, |instance| instance["metadata"] = metadata.body())
    }

    /// Sets the account that a stopped instance runs as.
    pub fn set_service_account(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        account: ServiceAccount,
    ) -> Result<Work, Error> {
        let accounts = service_accounts(tx, key, vec![account])?;
        check_stopped(key, &get(tx, key)?)?;
        self.change_and_tell(tx, key, |instance| {
            instance["serviceAccounts"] = json!(accounts);
        })
    }

    /// Sets the machine type of a stopped instance.
    pub fn set_machine_type(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        machine_type: &str,
    ) -> Result<Work, Error> {
        let link = machine_types::find_link(key, machine_type)?;
        check_stopped(key, &get(tx, key)?)?;
        self.change_and_tell(tx, key, |instance| instance["machineType"] = link.into())
    }

    /// Sets when an instance is to end. A running one keeps its time; the next start counts anew.
    pub fn set_scheduling(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        scheduling: &Scheduling,
    ) -> Result<Work, Error> {
        scheduling.check()?;
        get(tx, key)?;
        self.change_and_tell(tx, key, |instance| {
            instance["scheduling"] = scheduling.body();
        })
    }

    /// Sets those of a stopped instance's shielded options that are given.
    pub fn update_shielded_config(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        config: &ShieldedInstanceConfig,
    ) -> Result<Work, Error> {
        check_stopped(key, &get(tx, key)?)?;
        self.change_and_tell(tx, key, |instance| {
            let config = prune(json!(config));
            for (name, value) in config.as_object().into_iter().flatten() {
                instance["shieldedInstanceConfig"][name] = value.clone();
            }
        })
    }

    fn change_and_tell(
        self: &Arc<Self>,
        tx: &Connection,
        key: &Key,
        change: impl FnOnce(&mut Value),
    ) -> Result<Work, Error> {
        resources::update(tx, key, change)?;
        let (engine, key) = (Arc::clone(self), key.clone());
        work(async move { engine.publish_metadata(&key) })
    }
}

/// Refuses an instance that is not stopped, as Google does for most changes.
pub fn check_stopped(key: &Key, instance: &Value) -> Result<(), Error> {
    if instance["status"] == "TERMINATED" {
        return Ok(());
    }
    Err(Error::not_ready(
        &key.path(),
        "this engine changes the hardware of stopped instances only; stop it first",
    ))
}

/// The accounts that an instance asks for by their emails.
pub fn service_accounts(
    tx: &Connection,
    instance: &Key,
    requested: Vec<ServiceAccount>,
) -> Result<Option<Value>, Error> {
    let mut found = Vec::new();
    for account in requested {
        let email = match account.email.as_str() {
            "default" => default_account(instance)?,
            _ => account.email,
        };
        if accounts::get(tx, &email)?.is_none() {
            return Err(Error::missing(format!(
                "The resource '{email}' of type 'serviceAccount' was not found."
            )));
        }
        found.push(json!({"email": email, "scopes": account.scopes}));
    }
    Ok((!found.is_empty()).then(|| found.into()))
}

fn default_account(instance: &Key) -> Result<String, Error> {
    let project = &instance.project;
    let found = catalog::project(project);
    let missing = || Error::not_found(&format!("projects/{project}"));
    Ok(found.ok_or_else(missing)?.default_service_account())
}

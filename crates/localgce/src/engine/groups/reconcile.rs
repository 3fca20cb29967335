//! Makes and deletes instances until a group has as many as its manager asks for.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::group::group_of;
use super::manager::{set_actions, set_size};
use super::members;
use crate::engine::records::get;
use crate::engine::{Engine, Stop, Work, instances, templates, work};
use crate::error::Error;
use crate::json::{text, typed};
use crate::key::{Key, Kind};
use crate::store::{new_id, resources};

/// Which instances of a group to delete.
pub struct Replacement<'a> {
    /// By name or link.
    pub instances: &'a [String],
    /// Whether to pass over those that are none of the group's.
    pub skip_others: bool,
    /// Whether to make new ones of the same names. If not, the group gets smaller.
    pub again: bool,
}

impl Engine {
    /// Reconciles a group once its manager is written down.
    pub fn reconcile_later(self: &Arc<Self>, manager: &Key) -> Result<Work, Error> {
        let (engine, manager) = (Arc::clone(self), manager.clone());
        work(async move { engine.reconcile(&manager).await })
    }

    /// Changes how many instances there are to be.
    pub fn resize_group(
        self: &Arc<Self>,
        tx: &Connection,
        manager: &Key,
        size: u32,
    ) -> Result<Work, Error> {
        get(tx, manager)?;
        resources::update(tx, manager, |manager| set_size(manager, size))?;
        self.reconcile_later(manager)
    }

    /// Deletes a manager with its group and all instances.
    pub fn delete_group(self: &Arc<Self>, tx: &Connection, manager: &Key) -> Result<Work, Error> {
        get(tx, manager)?;
        resources::update(tx, manager, |manager| set_size(manager, 0))?;
        let (engine, manager) = (Arc::clone(self), manager.clone());
        work(async move {
            engine.reconcile(&manager).await?;
            engine.store.transaction(|tx| {
                resources::remove(tx, &group_of(&manager))?;
                resources::remove(tx, &manager)
            })?;
            Ok(())
        })
    }

    /// Deletes instances of a group.
    pub fn replace(
        self: &Arc<Self>,
        tx: &Connection,
        manager: &Key,
        request: &Replacement,
    ) -> Result<Work, Error> {
        let body = get(tx, manager)?;
        let own = members::keys(tx, &group_of(manager))?;
        let mut doomed = Vec::new();
        for reference in request.instances {
            match members::named(tx, manager, reference) {
                Ok(instance) if own.contains(&instance) => doomed.push(instance),
                _ if request.skip_others => {}
                _ => {
                    let why = "It is no instance of this group.";
                    return Err(Error::field("instances[]", reference, why));
                }
            }
        }
        let again = request.again;
        if !again {
            let size = body["targetSize"].as_u64().unwrap_or_default();
            let left = size.saturating_sub(doomed.len() as u64);
            let left = u32::try_from(left).unwrap_or_default();
            resources::update(tx, manager, |manager| set_size(manager, left))?;
        }
        let (engine, manager) = (Arc::clone(self), manager.clone());
        work(async move {
            for instance in &doomed {
                engine.delete_instance(instance, Stop::Gracefully).await?;
                if again {
                    engine.make_member(&manager, &instance.name).await?;
                }
            }
            engine.reconcile(&manager).await
        })
    }

    async fn reconcile(self: &Arc<Self>, manager: &Key) -> Result<()> {
        loop {
            let Situation {
                wanted,
                mut own,
                base,
            } = self.transact(|tx| Situation::of(tx, manager))?;
            if own.len() < wanted {
                // Four letters or digits, as Google's.
                let suffix = format!("{:04x}", new_id() & 0xffff);
                self.make_member(manager, &format!("{base}-{suffix}"))
                    .await?;
            } else if own.len() > wanted
                && let Some(last) = own.pop()
            {
                self.delete_instance(&last, Stop::Gracefully).await?;
            } else {
                return Ok(self.store.transaction(|tx| {
                    let count = u32::try_from(wanted).unwrap_or(u32::MAX);
                    resources::update(tx, manager, |body| set_actions(body, "none", count))?;
                    let size = own.len();
                    resources::update(tx, &group_of(manager), |group| group["size"] = size.into())
                })?);
            }
        }
    }

    /// Makes an instance of the group's template.
    async fn make_member(self: &Arc<Self>, manager: &Key, name: &str) -> Result<()> {
        let key = manager.sibling(Kind::Instance, name);
        let disks = self.transact(|tx| {
            let body = get(tx, manager)?;
            let (template, properties) =
                templates::find(tx, manager, text(&body, "instanceTemplate"))?;
            let request = named(name, &properties, manager, &template);
            let request = templates::merge(&properties, request);
            let disks = instances::create(tx, &key, typed(request)?)?;
            members::join(tx, &group_of(manager), &key)?;
            Ok(disks)
        })?;
        self.build(&key, &disks).await
    }

    /// A transaction whose refusal is the work's failure.
    fn transact<T>(&self, transact: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T> {
        self.store
            .transaction(transact)
            .map_err(|error| anyhow!(error.message))
    }
}

/// How many instances there are to be, those that there are, and how new ones are called.
struct Situation {
    wanted: usize,
    own: Vec<Key>,
    base: String,
}

impl Situation {
    fn of(tx: &Connection, manager: &Key) -> Result<Self, Error> {
        let body = get(tx, manager)?;
        let wanted = body["targetSize"].as_u64().unwrap_or_default();
        let base = body["baseInstanceName"].as_str().unwrap_or(&manager.name);
        Ok(Self {
            wanted: usize::try_from(wanted).unwrap_or(usize::MAX),
            own: members::keys(tx, &group_of(manager))?,
            base: base.to_owned(),
        })
    }
}

/// A name, and the metadata by which Google tells an instance whose it is.
fn named(name: &str, template: &Value, manager: &Key, template_key: &Key) -> Map<String, Value> {
    let items = template["properties"]["metadata"]["items"].as_array();
    let mut items = items.cloned().unwrap_or_default();
    items.push(json!({"key": "instance-template", "value": template_key.path()}));
    items.push(json!({"key": "created-by", "value": manager.path()}));
    let mut request = Map::new();
    request.insert("name".into(), name.into());
    request.insert("metadata".into(), json!({"items": items}));
    request
}

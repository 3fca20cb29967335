//! Compute Engine, version 1.

mod access;
pub(super) mod batch;
mod collections;
mod disks;
mod firewalls;
mod groups;
mod guest_attributes;
mod images;
mod instance_templates;
mod instances;
mod labels;
mod machine_types;
mod networks;
mod operations;
mod places;
mod resource_policies;
mod serial_port;
mod snapshots;
mod subnetworks;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{MethodRouter, delete as http_delete, get as http_get};
use axum::{Json, Router};
pub use batch::{LIMIT as BATCH_LIMIT, batch};
use collections::{aggregate, aggregated_list_of, list_of, listing};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::prune;
use super::list::ListQuery;
use crate::catalog;
use crate::engine::{Engine, Mutation, nothing};
use crate::error::Error;
use crate::key::{Key, Kind, Scope, region_link, zone_link};
use crate::store::{new_id, resources};

/// What handlers answer.
type Answer = Result<Json<Value>, Error>;

pub use images::publish;

/// What is below `projects/{project}`.
pub fn router(engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    let routes = Router::new()
        .merge(places::router())
        .merge(machine_types::router())
        .merge(networks::router())
        .merge(subnetworks::router())
        .merge(images::router())
        .merge(instances::router())
        .merge(guest_attributes::router())
        .merge(serial_port::router())
        .merge(instance_templates::router())
        .merge(groups::router())
        .merge(disks::router())
        .merge(snapshots::router())
        .merge(resource_policies::router())
        .merge(firewalls::router())
        .merge(operations::router());
    access::checked(routes, engine)
}

/// The variable parts of a URL.
#[derive(Deserialize)]
struct Place {
    project: String,
    region: Option<String>,
    zone: Option<String>,
    name: Option<String>,
}

impl Place {
    fn project(&self) -> Result<catalog::Project<'_>, Error> {
        catalog::project(&self.project)
            .ok_or_else(|| Error::not_found(&format!("projects/{}", self.project)))
    }

    fn zone(&self) -> Result<Option<&str>, Error> {
        let project = self.project()?.id;
        match self.zone.as_deref() {
            Some(zone) if !catalog::ZONES.contains(&zone) => Err(Error::not_found(&format!(
                "projects/{project}/zones/{zone}"
            ))),
            zone => Ok(zone),
        }
    }

    /// A zone of the same project.
    fn in_zone(&self, zone: &str) -> Self {
        Self {
            project: self.project.clone(),
            region: None,
            zone: Some(zone.into()),
            name: None,
        }
    }

    fn scope(&self) -> Result<Scope, Error> {
        let project = self.project()?.id;
        Ok(match (self.zone()?, self.region.as_deref()) {
            (Some(zone), _) => Scope::Zone(zone.into()),
            (None, Some(region)) if region == catalog::REGION => Scope::Region(region.into()),
            (None, Some(region)) => {
                return Err(Error::not_found(&format!(
                    "projects/{project}/regions/{region}"
                )));
            }
            (None, None) => Scope::Global,
        })
    }

    /// The resource that the URL names.
    fn key(&self, kind: Kind) -> Result<Key, Error> {
        self.new_key(kind, self.name.as_deref().unwrap_or_default())
    }

    /// A resource in this place.
    fn new_key(&self, kind: Kind, name: &str) -> Result<Key, Error> {
        Ok(Key {
            project: self.project()?.id.into(),
            scope: self.scope()?,
            kind,
            name: name.into(),
        })
    }
}

/// The query parameter of every mutation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestId {
    request_id: Option<String>,
}

impl RequestId {
    fn mutation(self, verb: &'static str, target: &Key) -> Mutation {
        Mutation {
            target: target.clone(),
            verb,
            request_id: self.request_id,
        }
    }
}

/// GET of one resource.
fn get_of(kind: Kind) -> MethodRouter<Arc<Engine>> {
    http_get(
        move |State(engine): State<Arc<Engine>>, Path(place): Path<Place>| async move {
            let key = place.key(kind)?;
            engine.store.transaction(|tx| get(tx, &key)).map(Json)
        },
    )
}

/// A resource's body.
fn get(tx: &Connection, key: &Key) -> Result<Value, Error> {
    resources::get(tx, key)?.ok_or_else(|| Error::not_found(&key.path()))
}

/// DELETE of a resource that is a record and nothing else. `refuse` says why one may not go.
fn delete_of(
    kind: Kind,
    refuse: fn(&Connection, &Key, &Value) -> Result<(), Error>,
) -> MethodRouter<Arc<Engine>> {
    http_delete(
        move |State(engine): State<Arc<Engine>>,
              Path(place): Path<Place>,
              Query(request_id): Query<RequestId>| async move {
            let key = place.key(kind)?;
            engine
                .mutate(&request_id.mutation("delete", &key), |tx| {
                    refuse(tx, &key, &get(tx, &key)?)?;
                    resources::remove(tx, &key)?;
                    nothing()
                })
                .map(Json)
        },
    )
}

/// Of a resource that nothing can hold.
#[allow(clippy::unnecessary_wraps)] // as the others
fn never(_: &Connection, _: &Key, _: &Value) -> Result<(), Error> {
    Ok(())
}

/// Refuses a name that is taken, or none.
fn check_new(tx: &Connection, key: &Key) -> Result<(), Error> {
    check_name("resource.name", &key.name)?;
    match resources::get(tx, key)? {
        Some(_) => Err(Error::already_exists(&key.path())),
        None => Ok(()),
    }
}

/// A new resource: what all have, and `fields`. The store says when it was created.
fn new_body(key: &Key, fields: Value) -> Value {
    let mut body = json!({
        "kind": key.kind.kind(),
        "id": new_id().to_string(),
        "name": key.name,
        "selfLink": key.link(),
    });
    match &key.scope {
        Scope::Global => {}
        Scope::Region(region) => body["region"] = region_link(&key.project, region).into(),
        Scope::Zone(zone) => body["zone"] = zone_link(&key.project, zone).into(),
    }
    if let Value::Object(fields) = prune(fields) {
        for (name, value) in fields {
            body[name] = value;
        }
    }
    body
}

/// Refuses what is no name.
fn check_name(field: &str, name: &str) -> Result<(), Error> {
    let letter = |c: char| c.is_ascii_lowercase();
    let inner = |c: char| letter(c) || c.is_ascii_digit() || c == '-';
    let good = name.starts_with(letter)
        && name.len() <= 63
        && name.chars().all(inner)
        && !name.ends_with('-');
    if good {
        return Ok(());
    }
    Err(Error::field(
        field,
        name,
        "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'",
    ))
}

/// The hash by which Google tells whether somebody else was quicker.
fn fingerprint(value: &Value) -> String {
    use base64::Engine as _;
    let text = value.to_string();
    let hash = u64::from(crc32c::crc32c(text.as_bytes())) << 32 | text.len() as u64;
    base64::prelude::BASE64_URL_SAFE.encode(hash.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_as_google_takes_them() {
        for good in ["a", "a-1", &"a".repeat(63)] {
            assert!(check_name("resource.name", good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "a-", "a_b", "ä", &"a".repeat(64)] {
            assert!(check_name("resource.name", bad).is_err(), "{bad}");
        }
    }
}

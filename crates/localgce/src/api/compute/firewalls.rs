//! Firewall rules.

use rusqlite::Connection;
use serde_json::{Map, Value};

use super::handlers::{delete, get, list, mutate};
use super::needs::Needs;
use crate::api::call::Call;
use crate::api::method::{self, Method, Need};
use crate::engine::Work;
use crate::engine::firewalls::{self, Firewall};
use crate::error::Error;
use crate::key::{Key, Kind};

pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.firewalls.list",
            "compute/v1/projects/{project}/global/firewalls",
        )
        .needs("compute.firewalls.list", list(Kind::Firewall)),
        method::post(
            "compute.firewalls.insert",
            "compute/v1/projects/{project}/global/firewalls",
        )
        .needs(
            "compute.firewalls.create",
            mutate("insert", Kind::Firewall, insert),
        )
        .refers(refers),
        method::get(
            "compute.firewalls.get",
            "compute/v1/projects/{project}/global/firewalls/{firewall}",
        )
        .needs("compute.firewalls.get", get(Kind::Firewall)),
        method::patch(
            "compute.firewalls.patch",
            "compute/v1/projects/{project}/global/firewalls/{firewall}",
        )
        .needs(
            "compute.firewalls.update",
            mutate("patch", Kind::Firewall, patch),
        )
        .refers(refers),
        method::put(
            "compute.firewalls.update",
            "compute/v1/projects/{project}/global/firewalls/{firewall}",
        )
        .needs(
            "compute.firewalls.update",
            mutate("update", Kind::Firewall, update),
        )
        .refers(refers),
        method::delete(
            "compute.firewalls.delete",
            "compute/v1/projects/{project}/global/firewalls/{firewall}",
        )
        .needs(
            "compute.firewalls.delete",
            delete(Kind::Firewall, |_, _, _| Ok(())),
        )
        .refers(refers),
    ]
}

/// A rule changes its network.
fn refers(_: &Connection, call: &Call, own: &str, body: &Value) -> Vec<Need> {
    let mut needs = Needs::new(call.project());
    match &body["network"] {
        Value::String(network) => needs.refer("compute.networks.updatePolicy", network),
        _ => needs.need("compute.networks.updatePolicy", own),
    }
    needs.all
}

fn insert(_: &Call, tx: &Connection, key: &Key, rule: Firewall) -> Result<Work, Error> {
    firewalls::insert(tx, key, rule)
}

type Fields = Map<String, Value>;

fn patch(_: &Call, tx: &Connection, key: &Key, changes: Fields) -> Result<Work, Error> {
    firewalls::patch(tx, key, changes)
}

fn update(_: &Call, tx: &Connection, key: &Key, rule: Fields) -> Result<Work, Error> {
    firewalls::update(tx, key, rule)
}

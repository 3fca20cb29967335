//! Firewall rules. A running machine keeps the ports that it was started with.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::addresses::port_range;
use super::records::{check_new, get, new_body};
use super::{Work, networks, nothing};
use crate::error::Error;
use crate::json::typed;
use crate::key::Key;
use crate::store::resources;

/// Output-only fields: clients may send them back, and they are ignored.
const OUTPUT_ONLY: [&str; 4] = ["kind", "id", "creationTimestamp", "selfLink"];

/// A request for a new rule.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Firewall {
    // Already read, as part of the key.
    #[serde(default, rename = "name")]
    pub _name: String,
    description: Option<String>,
    network: Option<String>,
    priority: Option<u16>,
    direction: Option<Direction>,
    disabled: Option<bool>,
    source_ranges: Option<Vec<String>>,
    destination_ranges: Option<Vec<String>>,
    source_tags: Option<Vec<String>>,
    target_tags: Option<Vec<String>>,
    log_config: Option<Value>,
    allowed: Option<Vec<Protocol>>,
    denied: Option<Vec<Protocol>>,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Direction {
    Ingress,
    Egress,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Protocol {
    #[serde(rename = "IPProtocol")]
    protocol: String,
    ports: Option<Vec<String>>,
}

/// Records a rule.
pub fn insert(tx: &Connection, key: &Key, rule: Firewall) -> Result<Work, Error> {
    let body = new_body(key, fields(key, rule)?);
    check_new(tx, key)?;
    resources::insert(tx, key, &body)?;
    nothing()
}

/// Changes the given fields.
pub fn patch(tx: &Connection, key: &Key, changes: Map<String, Value>) -> Result<Work, Error> {
    let before = get(tx, key)?;
    let mut rule = before.as_object().cloned().unwrap_or_default();
    rule.extend(changes);
    replace(tx, key, &before, rule)
}

/// Replaces all fields that a client sets.
pub fn update(tx: &Connection, key: &Key, rule: Map<String, Value>) -> Result<Work, Error> {
    let before = get(tx, key)?;
    replace(tx, key, &before, rule)
}

fn replace(
    tx: &Connection,
    key: &Key,
    before: &Value,
    mut rule: Map<String, Value>,
) -> Result<Work, Error> {
    rule.retain(|name, _| !OUTPUT_ONLY.contains(&name.as_str()));
    let mut body = new_body(key, fields(key, typed(rule.into())?)?);
    for field in ["id", "creationTimestamp"] {
        body[field] = before[field].clone();
    }
    resources::update(tx, key, |rule| *rule = body)?;
    nothing()
}

/// The fields that a client sets, checked, with Google's defaults.
fn fields(key: &Key, rule: Firewall) -> Result<Value, Error> {
    let direction = rule.direction.unwrap_or(Direction::Ingress);
    if rule.allowed.is_some() == rule.denied.is_some() {
        return Err(Error::invalid(
            "Exactly one of fields allowed and denied must be specified.",
        ));
    }
    let protocols = rule.allowed.iter().chain(&rule.denied).flatten();
    for port in protocols.flat_map(|protocol| protocol.ports.iter().flatten()) {
        if port_range(port).is_none() {
            return Err(Error::field(
                "resource.allowed[].ports[]",
                port,
                "Must be a port or a range of ports.",
            ));
        }
    }
    let anywhere = direction == Direction::Ingress && rule.source_tags.is_none();
    let source_ranges = rule
        .source_ranges
        .or_else(|| anywhere.then(|| vec!["0.0.0.0/0".to_owned()]));
    Ok(json!({
        "description": rule.description.unwrap_or_default(),
        "network": networks::find(&key.project, rule.network.as_deref())?,
        "priority": rule.priority.unwrap_or(1000),
        "direction": direction,
        "disabled": rule.disabled.unwrap_or(false),
        "sourceRanges": source_ranges,
        "destinationRanges": rule.destination_ranges,
        "sourceTags": rule.source_tags,
        "targetTags": rule.target_tags,
        "allowed": rule.allowed,
        "denied": rule.denied,
        "logConfig": rule.log_config.unwrap_or(json!({"enable": false})),
    }))
}

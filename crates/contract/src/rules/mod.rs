//! What Google demands and the discovery documents do not hold: a file for each API.

mod compute;
mod rule;
mod secretmanager;
mod storage;

use serde_json::{Map, Value};

use crate::exchange::Exchange;
use crate::finding::Finding;
use rule::{Rules, get};

fn of(api: &str) -> Option<&'static Rules> {
    match api {
        "compute" => Some(&compute::RULES),
        "secretmanager" => Some(&secretmanager::RULES),
        "storage" => Some(&storage::RULES),
        _ => None,
    }
}

/// A request's rules.
pub(crate) fn request(
    method: &str,
    exchange: &Exchange,
    body: &Value,
    findings: &mut Vec<Finding>,
) {
    let Some(rules) = of(method.split('.').next().unwrap_or_default()) else {
        return;
    };
    let mut say = |at: &str, message: String| {
        findings.push(Finding::new(format!("request.{at}"), message));
    };
    let there = |path: &&&str| get(body, path).is_some_and(|value| !value.is_null());
    for path in rows(rules.required, method) {
        if !there(&path) {
            say(path, format!("is missing; {method} requires it"));
        }
    }
    // A table's row is one choice; a method may have several.
    for (_, fields) in rules.exactly_one.iter().filter(|(id, _)| *id == method) {
        let count = fields.iter().filter(there).count();
        if count != 1 {
            let all = fields.join(", ");
            say(
                fields[0],
                format!("of {all} there must be exactly one, and there are {count}"),
            );
        }
    }
    (rules.request)(method, exchange, body, &mut say);
}

/// A resource's rules: which of its fields are wrong, and how.
pub(crate) fn resource(
    api: &str,
    schema: Option<&str>,
    fields: &Map<String, Value>,
    whole: bool,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let (Some(rules), Some(schema), true) = (of(api), schema, whole) {
        let mut say = |at: &str, message: String| found.push((at.to_owned(), message));
        for field in rows(rules.answered, schema) {
            if !fields.contains_key(*field) {
                say(field, format!("is missing; every {schema} has it"));
            }
        }
        (rules.resource)(schema, fields, &mut say);
    }
    found
}

fn rows<'a>(
    table: &'a [(&str, &'static [&'static str])],
    key: &'a str,
) -> impl Iterator<Item = &'static &'static str> + 'a {
    let rows = table.iter().filter(move |(row, _)| *row == key);
    rows.flat_map(|(_, fields)| fields.iter())
}

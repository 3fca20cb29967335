use std::collections::HashMap;

use serde_json::{Value, json};

/// Any time will do: nothing compares an invented operation's times with a clock.
const TIME: &str = "2026-01-01T00:00:00.000-00:00";

/// Invented operations, which end in an error.
#[derive(Default)]
pub(crate) struct Operations {
    by_path: HashMap<String, Value>,
}

impl Operations {
    /// Answers a mutation of Compute Engine with an operation that is to fail.
    pub fn invent(
        &mut self,
        method: &str,
        path: &str,
        body: &[u8],
        code: &str,
        message: &str,
    ) -> Value {
        let id = contract::method_id(method, path)
            .filter(|id| id.starts_with("compute."))
            .unwrap_or_else(|| panic!("{method} {path} starts no operation of Compute Engine"));
        let verb = id.rsplit('.').next().unwrap_or_default();
        let (scope, place) = scope(path);
        let number = 1_000_000_000_000 + self.by_path.len();
        let name = format!("operation-invented-{number}");
        let own = format!("{scope}/operations/{name}");
        let resource: Value = serde_json::from_slice(body).unwrap_or_default();
        let target = match (verb, resource["name"].as_str()) {
            ("insert", Some(name)) => format!("{path}/{name}"),
            _ => path.to_owned(),
        };
        let link = |path: &str| format!("https://www.googleapis.com{path}");
        let mut operation = json!({
            "kind": "compute#operation",
            "id": number.to_string(),
            "name": name,
            "operationType": verb,
            "targetLink": link(&target),
            "status": "RUNNING",
            "user": "nobody@example.com",
            "progress": 0,
            "insertTime": TIME,
            "startTime": TIME,
            "selfLink": link(&own),
        });
        if let Some(kind) = place {
            operation[kind] = link(&scope).into();
        }
        let mut done = operation.clone();
        done["status"] = "DONE".into();
        done["progress"] = 100.into();
        done["endTime"] = TIME.into();
        done["error"] = json!({"errors": [{"code": code, "message": message}]});
        done["httpErrorStatusCode"] = 403.into();
        done["httpErrorMessage"] = "FORBIDDEN".into();
        self.by_path.insert(own, done);
        operation
    }

    /// The result of an invented operation, for a request that asks for it.
    pub fn ended(&self, path: &str) -> Option<&Value> {
        self.by_path.get(path.trim_end_matches("/wait"))
    }
}

/// The path above an operation, and the operation's field that names its zone or region.
fn scope(path: &str) -> (String, Option<&'static str>) {
    let segments: Vec<_> = path.split('/').collect();
    // "", compute, v1, projects, PROJECT, then zones/ZONE, regions/REGION or global
    let kind = match segments.get(5) {
        Some(&"zones") => Some("zone"),
        Some(&"regions") => Some("region"),
        _ => None,
    };
    let length = if kind.is_some() { 7 } else { 6 };
    (segments[..length.min(segments.len())].join("/"), kind)
}

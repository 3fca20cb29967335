//! What a verb leaves, whatever names it made up: two runs that came to the same end leave the same.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::Inventory;
use crate::content::Contents;

/// Resources by kind and name, as far as their names are given, and what matters of each.
pub type End = BTreeMap<String, Vec<Value>>;

/// Labels that differ between two runs which do the same.
const OWN: [&str; 2] = ["clawbake-run", "clawbake-rollout-began"];

/// What matters of an inventory.
pub fn of(inventory: &Inventory, contents: &Contents) -> End {
    let mut end = End::new();
    for (path, item) in inventory {
        let (collection, name) = path.rsplit_once('/').unwrap();
        let kind = collection.rsplit('/').next().unwrap();
        let mut matters = Map::new();
        for field in [
            "status",
            "family",
            "sizeGb",
            "sourceImage",
            "machineType",
            "deprecated",
        ] {
            if let Some(value) = item.get(field) {
                matters.insert(field.into(), plain(value));
            }
        }
        for field in ["users", "resourcePolicies"] {
            let values = item[field].as_array().into_iter().flatten();
            matters.insert(field.into(), values.map(plain).collect());
        }
        let disks = item["disks"].as_array().into_iter().flatten();
        matters.insert(
            "disks".into(),
            disks.map(|disk| plain(&disk["source"])).collect(),
        );
        let labels = item["labels"].as_object().into_iter().flatten();
        let labels = labels.filter(|(key, _)| !OWN.contains(&key.as_str()));
        let labels: Map<_, _> = labels
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect();
        matters.insert("labels".into(), labels.into());
        if ["disks", "snapshots"].contains(&kind) {
            let content = contents.read(kind, item);
            matters.insert("content".into(), json!(char::from(content).to_string()));
        }
        let of_kind = end.entry(format!("{kind}/{}", given(name))).or_default();
        of_kind.push(matters.into());
        of_kind.sort_by_key(Value::to_string);
    }
    end
}

/// How another end differs from one.
pub fn differences(expected: &End, found: &End) -> Vec<String> {
    let names = expected
        .keys()
        .chain(found.keys().filter(|it| !expected.contains_key(*it)));
    let differ = names.filter(|name| expected.get(*name) != found.get(*name));
    let say = |of: Option<&Vec<Value>>| match of.map(Vec::as_slice) {
        None => "not there".to_owned(),
        Some([one]) => one.to_string(),
        Some(several) => json!(several).to_string(),
    };
    differ
        .map(|name| {
            let (expected, found) = (say(expected.get(name)), say(found.get(name)));
            format!("{name} is {found}, and was to be {expected}")
        })
        .collect()
}

/// The last part of a URL or a word, without what is made up.
fn plain(value: &Value) -> Value {
    match value.as_str() {
        Some(text) => given(text.rsplit('/').next().unwrap_or_default()).into(),
        None => value.clone(),
    }
}

/// A name without digests, ids of runs and times.
fn given(name: &str) -> String {
    let made_up = |part: &str| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = name
        .split('-')
        .map(|part| if made_up(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join("-")
}

//! Lists of resources: of one place, and of all.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::api::list::Page;
use crate::catalog::{REGION, ZONES};
use crate::key::{Kind, Scope, link, scope_of};

/// A page of a collection.
pub fn listing(kind: &str, path: &str, page: Page) -> Value {
    let mut list = json!({"kind": kind, "id": path, "items": page.items, "selfLink": link(path)});
    if let Some(next) = page.next {
        list["nextPageToken"] = next.into();
    }
    list
}

/// A page of a collection in `scopes`, sorted by place.
pub fn aggregate(
    kind: &str,
    collection: &str,
    project: &str,
    scopes: &[Scope],
    page: Page,
) -> Value {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for item in page.items {
        let scope = item["selfLink"].as_str().and_then(scope_of);
        found
            .entry(scope.unwrap_or_default())
            .or_default()
            .push(item);
    }
    let items: Map<_, _> = scopes
        .iter()
        .map(|scope| {
            let scope = scope.path();
            let entry = match found.remove(&scope) {
                Some(items) => json!({collection: items}),
                None => nothing_in(&scope),
            };
            (scope, entry)
        })
        .collect();
    let path = format!("projects/{project}/aggregated/{collection}");
    let mut list = json!({
        "kind": format!("{kind}AggregatedList"),
        "id": path,
        "items": items,
        "selfLink": link(&path),
    });
    if let Some(next) = page.next {
        list["nextPageToken"] = next.into();
    }
    list
}

fn nothing_in(scope: &str) -> Value {
    json!({"warning": {
        "code": "NO_RESULTS_ON_PAGE",
        "message": format!("There are no results for scope '{scope}' on this page."),
        "data": [{"key": "scope", "value": scope}],
    }})
}

/// Where resources of a kind can be.
pub fn scopes(kind: Kind) -> Vec<Scope> {
    let region = || Scope::Region(REGION.into());
    let mut scopes = match kind {
        Kind::InstanceTemplate => return vec![Scope::Global, region()],
        Kind::ResourcePolicy => return vec![region()],
        Kind::Operation => vec![Scope::Global, region()],
        Kind::Disk | Kind::InstanceGroup | Kind::InstanceGroupManager => vec![region()],
        _ => Vec::new(),
    };
    scopes.extend(zones());
    scopes
}

/// All zones.
pub fn zones() -> impl Iterator<Item = Scope> {
    ZONES.iter().map(|zone| Scope::Zone((*zone).into()))
}

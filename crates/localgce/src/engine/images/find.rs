//! Finding images by name, link or family.

use rusqlite::Connection;
use serde_json::Value;

use crate::catalog;
use crate::engine::records::get;
use crate::error::Error;
use crate::key::{Key, Kind, Scope, relative};
use crate::store::resources;

/// The newest image of the family named by `key` that is ready and not deprecated.
pub fn newest(tx: &Connection, key: &Key) -> Result<Value, Error> {
    let active = |image: &Value| matches!(state(image), None | Some("ACTIVE"));
    resources::newest_first(tx, &key.project, &Scope::Global, Kind::Image)?
        .into_iter()
        .find(|i| i["family"] == key.name && i["status"] == "READY" && active(i))
        .ok_or_else(|| {
            Error::not_found(&format!(
                "projects/{}/global/images/family/{}",
                key.project, key.name
            ))
        })
}

fn state(image: &Value) -> Option<&str> {
    image["deprecated"]["state"].as_str()
}

/// The image at `reference`, a name, link or family, if a disk may be made from it.
pub fn usable_image(tx: &Connection, disk: &Key, reference: &str) -> Result<Value, Error> {
    let place = disk.cousin(Scope::Global, Kind::Image, "");
    let path = relative(reference);
    let image = if let Some(family) = family(&place, path) {
        newest(tx, &family)?
    } else {
        let malformed = || Error::field("sourceImage", reference, "The URL is malformed.");
        get(tx, &place.resolve(Kind::Image, path).ok_or_else(malformed)?)?
    };
    let name = relative(image["selfLink"].as_str().unwrap_or_default());
    if image["status"] != "READY" {
        return Err(Error::not_ready(name, "it is not READY"));
    }
    match state(&image) {
        Some(state @ ("OBSOLETE" | "DELETED")) => Err(Error::field(
            "sourceImage",
            name,
            &format!("The image is {state}."),
        )),
        _ => Ok(image),
    }
}

/// `[projects/P/]global/images/family/F`, `[projects/P/]zones/Z/imageFamilyViews/F`, `family/F`.
fn family(place: &Key, path: &str) -> Option<Key> {
    let parts: Vec<_> = path.split('/').collect();
    let (project, rest) = match parts.as_slice() {
        ["projects", project, rest @ ..] => (*project, rest),
        rest => (place.project.as_str(), rest),
    };
    match rest {
        ["global", "images", "family", name]
        | ["zones", _, "imageFamilyViews", name]
        | ["family", name] => {
            let project = catalog::project(project)?.id.to_owned();
            Some(Key {
                project,
                ..place.sibling(Kind::Image, name)
            })
        }
        _ => None,
    }
}

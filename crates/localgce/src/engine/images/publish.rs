//! The public images in `debian-cloud`, described as Google's own are.

use rusqlite::{Connection, Result};
use serde_json::json;

use crate::clock;
use crate::debian::{PROJECT, RELEASES, SIZE_GB};
use crate::engine::records::new_body;
use crate::engine::{Engine, labels};
use crate::key::{Key, Kind, Scope, link};
use crate::store::resources;

/// The features of a Debian kernel, as Google's images declare them.
const FEATURES: [&str; 5] = [
    "UEFI_COMPATIBLE",
    "VIRTIO_SCSI_MULTIQUEUE",
    "GVNIC",
    "SEV_CAPABLE",
    "SEV_LIVE_MIGRATABLE_V2",
];

/// Roughly the disk's compressed size, by which Google charges.
const ARCHIVE_BYTES: u64 = 300 << 20;

impl Engine {
    /// Publishes this month's images unless they are there. Their files are made on first use.
    pub fn publish_images(&self) -> Result<()> {
        self.store.transaction(publish)
    }
}

fn publish(tx: &Connection) -> Result<()> {
    for release in &RELEASES {
        let key = Key {
            project: PROJECT.into(),
            scope: Scope::Global,
            kind: Kind::Image,
            name: release.image(&clock::now()),
        };
        if resources::get(tx, &key)?.is_some() {
            continue;
        }
        let number = release.family.trim_start_matches("debian-");
        let suite = release.suite;
        let mut body = new_body(
            &key,
            json!({
                "description": format!("Debian, Debian GNU/Linux, {number} ({suite}), amd64"),
                "family": release.family,
                "sourceType": "RAW",
                "status": "READY",
                "diskSizeGb": SIZE_GB.to_string(),
                "archiveSizeBytes": ARCHIVE_BYTES.to_string(),
                "guestOsFeatures": FEATURES.map(|feature| json!({"type": feature})),
                "architecture": "X86_64",
                "licenses": [link(&format!("projects/{PROJECT}/global/licenses/{}-{suite}", release.family))],
                "storageLocations": ["us"],
            }),
        );
        labels::set(&mut body, &labels::Labels::default());
        resources::insert(tx, &key, &body)?;
    }
    Ok(())
}

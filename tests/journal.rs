//! The journal against a real engine: whose a resource is decides its label, not its name.

use std::path::Path;

use anyhow::anyhow;
use clawbake::cloud::Place;
use clawbake::journal::{Fate, Journal, Resource, leftovers};
use gce::{AttachedDisk, Client, Disk, Instance, NetworkInterface};
use world::World;

const ZONE: &str = "us-central1-a";

fn resource(name: &str) -> Resource {
    let (zone, name) = (ZONE.into(), name.into());
    Resource::Disk { zone, name }
}

fn disk(name: &str, journal: Option<&Journal>) -> Disk {
    Disk {
        name: Some(name.into()),
        size_gb: Some(1),
        labels: journal.map(Journal::label).into_iter().collect(),
        ..Disk::default()
    }
}

fn vm_of(disk: &str) -> Instance {
    Instance {
        name: Some("vm".into()),
        machine_type: Some(format!("zones/{ZONE}/machineTypes/e2-small")),
        disks: vec![AttachedDisk {
            boot: Some(true),
            source: Some(format!("zones/{ZONE}/disks/{disk}")),
            ..AttachedDisk::default()
        }],
        network_interfaces: vec![NetworkInterface {
            network: Some("global/networks/default".into()),
            ..NetworkInterface::default()
        }],
        ..Instance::default()
    }
}

async fn exists(client: &Client, name: &str) -> bool {
    client.disks(ZONE).find(name).await.unwrap().is_some()
}

async fn clean(journals: &Path, client: &Client) -> Vec<(Resource, Fate)> {
    let mut fates = Vec::new();
    for leftover in leftovers(journals).unwrap() {
        fates.extend(leftover.clean(client).await.unwrap());
    }
    assert!(leftovers(journals).unwrap().is_empty());
    fates
}

#[tokio::test]
async fn only_what_carries_the_runs_label_is_its_own() {
    let world = World::new(env!("CARGO_BIN_EXE_clawbake"))
        .engine()
        .wire("journal");
    let place = Place::Local {
        engine: world.front(),
    };
    let client = place.client().await.unwrap().unwrap();
    let (dir, disks) = (world.path("journal"), client.disks(ZONE));
    let begin = || Journal::begin(&dir, "test", &place).unwrap();

    // Somebody else's disk has the name: the run fails, and its clean-up leaves that disk alone.
    let foreign = disks.insert(&disk("foreign", None)).await.unwrap();
    foreign.wait().await.unwrap();
    let mut journal = begin();
    let body = disk("foreign", Some(&journal));
    let created = journal.create(&client, resource("foreign"), disks.insert(&body));
    let error = created.await.unwrap_err();
    assert!(error.to_string().contains("foreign"), "{error}");
    drop(journal);
    assert_eq!(clean(&dir, &client).await, []);

    // The run died between writing the name down and sending the request.
    let mut journal = begin();
    journal.record(resource("foreign")).unwrap();
    drop(journal);
    let expected = [(resource("foreign"), Fate::Foreign)];
    assert_eq!(clean(&dir, &client).await, expected);
    assert!(exists(&client, "foreign").await);

    // An insert whose answer was lost is found, and is the run's to remove.
    let mut journal = begin();
    let body = disk("lost", Some(&journal));
    drop(disks.insert(&body).await.unwrap());
    let created = journal.create(&client, resource("lost"), disks.insert(&body));
    created.await.unwrap();
    let settled = journal.settle::<()>(&client, Err(anyhow!("later"))).await;
    assert_eq!(settled.unwrap_err().to_string(), "later");
    assert!(!exists(&client, "lost").await);

    // The run died while its insert was under way.
    let mut journal = begin();
    journal.record(resource("running")).unwrap();
    let body = disk("running", Some(&journal));
    drop(disks.insert(&body).await.unwrap());
    drop(journal);
    let expected = [(resource("running"), Fate::Removed)];
    assert_eq!(clean(&dir, &client).await, expected);
    assert!(!exists(&client, "running").await);

    // The run died after its insert, and somebody's VM has the disk since.
    let mut journal = begin();
    let body = disk("used", Some(&journal));
    let created = journal.create(&client, resource("used"), disks.insert(&body));
    created.await.unwrap();
    drop(journal);
    let made = client.instances(ZONE).insert(&vm_of("used")).await.unwrap();
    made.wait().await.unwrap();
    let expected = [(resource("used"), Fate::InUse)];
    assert_eq!(clean(&dir, &client).await, expected);
    assert!(exists(&client, "used").await);
}

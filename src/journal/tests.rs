use std::fs;

use super::*;
use crate::deployment::{Access, Identity};

fn client() -> Client {
    let endpoints = gce::Endpoints::at("http://127.0.0.1:9");
    Client::new(endpoints, gce::Credentials::token("t".into()), "p").unwrap()
}

fn project(id: &str, identity: Identity) -> Place {
    Place::Gce {
        project: id.into(),
        endpoint: None,
        access: Access {
            identity,
            impersonate: None,
        },
    }
}

fn place() -> Place {
    project("p", Identity::ApplicationDefault)
}

fn disk(name: &str) -> Resource {
    Resource::Disk {
        zone: "z".into(),
        name: name.into(),
    }
}

#[tokio::test]
async fn a_name_is_on_disk_before_anything_is_created_and_gone_after_success() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), "bake", &place()).unwrap();
    journal.record(disk("state")).unwrap();
    let path = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(path.path()).unwrap();
    let last = format!(
        "{{\"create\":{{\"run\":\"{}\",\"kind\":\"disk\",\"zone\":\"z\",\"name\":\"state\"}}}}\n",
        journal.run()
    );
    assert!(text.ends_with(&last), "{text}");
    journal.settle(&client(), Ok(())).await.unwrap();
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn a_run_is_dead_when_nobody_holds_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), "launch", &place()).unwrap();
    journal.record(disk("a")).unwrap();
    journal.record(disk("b")).unwrap();
    assert!(leftovers(dir.path()).unwrap().is_empty(), "it lives");
    let run = journal.run.clone();
    drop(journal);
    let found = leftovers(dir.path()).unwrap();
    assert_eq!(found[0].run, run);
    assert!(
        found[0].resources().eq(&[disk("b"), disk("a")]),
        "the last first"
    );
}

#[test]
fn what_a_later_run_uses_is_its_own_and_leaves_the_dead_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut dead = Journal::begin(dir.path(), "launch", &place()).unwrap();
    dead.record(disk("state")).unwrap();
    let id = dead.run.id.clone();
    drop(dead);
    let mut journal = Journal::begin(dir.path(), "launch", &place()).unwrap();
    journal.adopt(&disk("other")).unwrap();
    assert_eq!(journal.entries, []);
    journal.adopt(&disk("state")).unwrap();
    let resource = disk("state");
    assert_eq!(journal.entries, [Entry { run: id, resource }]);
    assert!(leftovers(dir.path()).unwrap().is_empty());
    drop(journal);
    let elsewhere = project("q", Identity::ApplicationDefault);
    keep(dir.path(), &elsewhere, &[disk("state")]).unwrap();
    assert_eq!(leftovers(dir.path()).unwrap().len(), 1, "another project's");
    let somebody_else = project("p", Identity::File("key.json".into()));
    keep(dir.path(), &somebody_else, &[disk("state")]).unwrap();
    assert!(leftovers(dir.path()).unwrap().is_empty());
}

//! VMs from templates, through the real binary and a real engine: machines are started, and nothing in them
//! is waited for.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use clawbake::labels::{GATEWAY, RESTORING};
use serde_json::Value;
use world::World;

const STATE: &str = "clawdbot-gateway-state";

/// An engine with an image, and a deployment.
struct Cloud {
    world: World,
    image: String,
}

impl Cloud {
    fn begin() -> Self {
        let world = World::new(env!("CARGO_BIN_EXE_clawbake"));
        // A port of its own: VMs of two engines would want the same address.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let front = format!("front: {}", free.local_addr().unwrap().port());
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/clawdbot");
        let changes: &[(&str, &str)] = &[("front: 18789", &front)];
        let world = world.engine().wire("template");
        let world = world.recipe(Path::new(shipped), changes);
        let archive = world.archive("golden");
        let baked = [
            "bake",
            "--no-promote",
            "--archive",
            archive.to_str().unwrap(),
        ];
        let image = world.done(&baked).trim().to_owned();
        world.done(&["secrets", "generate", "clawdbot-gateway-token"]);
        Self { world, image }
    }

    fn launch(&self) {
        self.world.done(&self.launching());
    }

    fn refused(&self) -> String {
        self.world.refused(&self.launching(), 1)
    }

    fn launching(&self) -> [&str; 4] {
        ["launch", "--no-wait", "--image", &self.image]
    }

    fn delete(&self, words: &[&str]) {
        self.world.done(&[&["delete"], words].concat());
    }

    fn json(&self, words: &[&str]) -> Value {
        let words = [&["template"], words, &["--json"]].concat();
        serde_json::from_str(&self.world.done(&words)).unwrap()
    }

    /// Names of the deployment's templates and of the one that the VM runs, newest first.
    fn templates(&self) -> (Vec<String>, Vec<String>) {
        let rows = self.json(&["list"]);
        let rows = rows.as_array().unwrap().iter();
        let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
        let running = rows.clone().filter(|row| row["runs"] == true).map(name);
        (rows.clone().map(name).collect(), running.collect())
    }

    fn client(&self) -> (gce::Client, String) {
        let endpoint = self.world.endpoint();
        let credentials = gce::Credentials::token(endpoint.token);
        let at = gce::Endpoints::at(&endpoint.url);
        let client = gce::Client::new(at, credentials, &endpoint.project);
        (client.unwrap(), endpoint.zone)
    }

    #[tokio::main]
    async fn label_state(&self, key: &str, value: &str) {
        let (client, zone) = self.client();
        let disks = client.disks(&zone);
        let mut disk = disks.get(STATE).await.unwrap();
        disk.labels.insert(key.into(), value.into());
        let fingerprint = disk.label_fingerprint.unwrap();
        let set = disks.set_labels(STATE, &disk.labels, &fingerprint).await;
        set.unwrap().wait().await.unwrap();
    }

    #[tokio::main]
    async fn state_labels(&self) -> Option<BTreeMap<String, String>> {
        let (client, zone) = self.client();
        Some(client.disks(&zone).find(STATE).await.unwrap()?.labels)
    }

    /// A snapshot of the state disk from which it is being restored.
    #[tokio::main]
    async fn restoring(&self) {
        let (client, zone) = self.client();
        let snapshot = gce::Snapshot {
            name: Some("saved".into()),
            source_disk: Some(format!("zones/{zone}/disks/{STATE}")),
            labels: [(RESTORING.to_owned(), STATE.to_owned())].into(),
            ..gce::Snapshot::default()
        };
        let inserted = client.snapshots().insert(&snapshot).await.unwrap();
        inserted.wait().await.unwrap();
    }

    /// Another template in the place of one.
    #[tokio::main]
    async fn usurp(&self, name: &str) {
        let templates = self.client().0.instance_templates(None);
        let found = templates.get(name).await.unwrap();
        let mut template = gce::InstanceTemplate {
            name: found.name,
            properties: found.properties,
            ..gce::InstanceTemplate::default()
        };
        templates.delete(name).await.unwrap().wait().await.unwrap();
        let properties = template.properties.as_mut().unwrap();
        properties
            .labels
            .retain(|key, _| key.ends_with("deployment"));
        let inserted = templates.insert(&template).await.unwrap();
        inserted.wait().await.unwrap();
    }
}

#[test]
fn the_same_content_is_the_same_template_and_others_are_pruned() {
    let cloud = Cloud::begin();
    assert_eq!(cloud.templates(), (vec![], vec![]));
    cloud.launch();
    let (first, running) = cloud.templates();
    assert_eq!((first.len(), &first), (1, &running));
    let shown = cloud.json(&["show", &first[0]]);
    let disks = &shown["properties"]["disks"];
    let image = disks[0]["initializeParams"]["sourceImage"]
        .as_str()
        .unwrap();
    assert!(image.ends_with(&format!("/global/images/{}", cloud.image)));
    assert_eq!(disks[1]["source"], STATE);
    let version = cloud.state_labels().unwrap()[GATEWAY].clone();
    assert_eq!(shown["properties"]["labels"][GATEWAY], version);

    cloud.delete(&[]);
    cloud.launch();
    assert_eq!(cloud.templates(), (first.clone(), first.clone()));

    cloud.delete(&[]);
    cloud
        .world
        .replace("clawbake.yaml", &[("type: e2-small", "type: e2-medium")]);
    cloud.launch();
    let (both, second) = cloud.templates();
    assert_eq!(both, [second.clone(), first.clone()].concat());
    let none: [&str; 0] = [];
    assert_eq!(
        cloud.json(&["prune"]),
        serde_json::json!(none),
        "three are kept"
    );
    let prune = ["prune", "--keep", "0"];
    let dry = [&prune[..], &["--dry-run"]].concat();
    assert_eq!(cloud.json(&dry), serde_json::json!(first));
    assert_eq!(cloud.json(&prune), serde_json::json!(first));
    assert_eq!(cloud.templates(), (second.clone(), second));
    let unknown = cloud.world.refused(&["template", "show", &first[0]], 1);
    assert!(unknown.contains("there is no template"), "{unknown}");
}

#[test]
fn a_launch_is_refused_before_it_could_harm_the_state() {
    let cloud = Cloud::begin();
    cloud.launch();
    let (templates, _) = cloud.templates();
    cloud.delete(&[]);

    let version = cloud.state_labels().unwrap()[GATEWAY].clone();
    cloud.label_state(GATEWAY, "2099-1-1");
    let words = cloud.refused();
    assert!(words.contains("was written by 2099.1.1"), "{words}");
    cloud.label_state(GATEWAY, "none");
    let words = cloud.refused();
    assert!(words.contains("names no version"), "{words}");
    assert_eq!(cloud.state_labels().unwrap()[GATEWAY], "none");
    cloud.label_state(GATEWAY, &version);

    cloud.restoring();
    cloud.delete(&["--state-disk", STATE]);
    let words = cloud.refused();
    assert!(
        words.contains("`clawbake state restore` goes on"),
        "{words}"
    );
    assert_eq!(cloud.state_labels(), None, "no blank disk takes its place");
    assert_eq!(cloud.templates().0, templates);
    assert_eq!(cloud.world.journals(), 0);
}

#[test]
fn a_template_that_is_not_what_its_name_says_is_not_used() {
    let cloud = Cloud::begin();
    cloud.launch();
    let (templates, _) = cloud.templates();
    cloud.delete(&[]);
    cloud.usurp(&templates[0]);
    let words = cloud.refused();
    assert!(words.contains("is not what its name says"), "{words}");
    assert_eq!(cloud.templates().0, templates, "it is nobody's to delete");
}

#[test]
fn templates_are_the_regions_where_the_deployment_says_so() {
    let cloud = Cloud::begin();
    cloud.launch();
    let (global, _) = cloud.templates();
    cloud.delete(&[]);
    let world::Endpoint {
        url,
        token,
        project,
        zone,
        ..
    } = cloud.world.endpoint();
    fs::write(cloud.world.path("token"), token).unwrap();
    let target = format!(
        "target: {{gce: {{project: {project}, zone: {zone}, templates: regional, \
         endpoint: \"{url}\", credentials: {{token_file: token}}}}}}"
    );
    cloud
        .world
        .replace("clawbake.yaml", &[("target: local", &target)]);
    cloud.launch();
    let rows = cloud.json(&["list"]);
    let region = zone.rsplit_once('-').unwrap().0;
    assert_eq!(
        (&rows[0]["region"], &rows[0]["runs"]),
        (&region.into(), &true.into())
    );
    assert_eq!(rows[1]["region"], Value::Null);
    // What was launched before is still found.
    assert_eq!(cloud.json(&["show", &global[0]])["name"], *global[0]);
    cloud.delete(&[]);
    assert_eq!(
        cloud
            .json(&["prune", "--keep", "0"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(cloud.templates().0.len(), 0);
}

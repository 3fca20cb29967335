//! A deployment with images of three releases; the oldest runs, with state.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use gce::{Disk, Image, Instance, Snapshot};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use wire::Fault;
use world::{Ran, World};

use crate::cast::Cast;
use crate::guest;
use crate::project;

/// The deployment, its VM and its family.
pub const NAME: &str = "clawdbot-gateway";
pub const STATE: &str = "clawdbot-gateway-state";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/clawdbot");

pub struct Stage {
    pub world: World,
    _cast: Cast,
}

impl Stage {
    /// Release A runs.
    pub fn begin() -> Self {
        let port = guest::gateway();
        let front = format!("front: {port}");
        let world = World::new(env!("CARGO_BIN_EXE_clawbake"))
            .serve()
            .wire("rollout")
            .recipe(Path::new(SHIPPED), &[("front: 18789", &*front)]);
        let (client, zone) = project::client(&world);
        let cast = Cast::of(&world.engine_dir(), client, zone);
        let stage = Self { world, _cast: cast };
        project::shut(&stage.world, port);
        stage
            .world
            .done(&["secrets", "generate", "clawdbot-gateway-token"]);
        stage.image("a", "2026-9-4", "17-19", "good");
        stage.world.done(&["launch"]);
        stage
    }

    /// Makes the image of a release and puts it in front of the family.
    #[tokio::main]
    pub async fn image(&self, name: &str, version: &str, schema: &str, manner: &str) {
        let (client, zone) = project::client(&self.world);
        let disk = Disk {
            name: Some("source".into()),
            size_gb: Some(10),
            ..Disk::default()
        };
        let disks = client.disks(&zone);
        disks.insert(&disk).await.unwrap().wait().await.unwrap();
        let labels = [
            ("clawbake-recipe", NAME.trim_end_matches("-gateway")),
            ("clawbake-gateway", version),
            ("clawbake-schema", schema),
            ("manner", manner),
        ];
        let image = Image {
            name: Some(name.into()),
            family: Some(NAME.into()),
            labels: labels.map(|(key, value)| (key.into(), value.into())).into(),
            source_disk: Some(format!("zones/{zone}/disks/source")),
            ..Image::default()
        };
        let made = client.images().insert(&image).await.unwrap();
        made.wait().await.unwrap();
        disks.delete("source").await.unwrap().wait().await.unwrap();
    }

    /// A verb that ends with this code.
    pub fn run(&self, words: &[&str], code: i32) -> Ran {
        let ran = self.world.run(words);
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        ran
    }

    /// `recreate`, and what it prints.
    pub fn recreate(&self, words: &[&str]) -> Value {
        let words = [&["recreate", "--json"], words].concat();
        let ran = self.run(&words, 0);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
    }

    /// Runs a verb, and kills it when its nth call that changes something has been served. Whether it got
    /// so far.
    pub fn killed_after(&self, words: &[&str], nth: usize) -> bool {
        let (process, made) = (Arc::new(AtomicU32::new(0)), AtomicUsize::new(0));
        let victim = Arc::clone(&process);
        self.world.proxy().inject(move |asked| {
            let changes = asked.method != "GET" && !asked.path.contains("/operations/");
            let now = changes && made.fetch_add(1, Ordering::SeqCst) + 1 == nth;
            let victim = Arc::clone(&victim);
            now.then(|| Fault::Then(Box::new(move || kill(&victim))))
        });
        let mut verb = self.world.verb(words);
        let mut verb = verb
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        process.store(verb.id(), Ordering::SeqCst);
        let ended = verb.wait().unwrap();
        self.world.proxy().inject(|_| None);
        assert!(ended.code().is_none_or(|code| code == 0), "{ended}");
        ended.code().is_none()
    }

    /// Deletes the VM behind the program's back.
    #[tokio::main]
    pub async fn lose_vm(&self) {
        let (client, zone) = project::client(&self.world);
        let instances = client.instances(&zone);
        instances.delete(NAME).await.unwrap().wait().await.unwrap();
    }

    #[tokio::main]
    pub async fn vm(&self) -> Option<Instance> {
        let (client, zone) = project::client(&self.world);
        client.instances(&zone).find(NAME).await.unwrap()
    }

    /// Name of the image that the VM runs.
    pub fn runs(&self) -> String {
        let vm = self.vm().expect("a VM");
        assert_eq!(vm.status.as_deref(), Some("RUNNING"));
        vm.labels["clawbake-image"].clone()
    }

    #[tokio::main]
    pub async fn disk(&self) -> Disk {
        let (client, zone) = project::client(&self.world);
        client.disks(&zone).get(STATE).await.unwrap()
    }

    #[tokio::main]
    pub async fn snapshots(&self) -> Vec<Snapshot> {
        project::client(&self.world)
            .0
            .snapshots()
            .list(None)
            .await
            .unwrap()
    }

    /// The image in front of the family.
    #[tokio::main]
    pub async fn front(&self) -> String {
        let images = project::client(&self.world).0.images();
        let front = images.find_in_family(NAME).await.unwrap().unwrap();
        front.name.unwrap()
    }

    /// Nothing is under way, and nothing is left of it.
    pub fn is_at_rest(&self) {
        let disk = self.disk();
        let left = |labels: &BTreeMap<String, String>| {
            let mut keys = labels.keys();
            keys.any(|key| key.starts_with("clawbake-ro") || key.starts_with("clawbake-resto"))
        };
        assert!(!left(&disk.labels), "{:?}", disk.labels);
        for snapshot in self.snapshots() {
            assert!(!left(&snapshot.labels), "{:?}", snapshot.labels);
        }
        assert_eq!(self.world.journals(), 0);
    }
}

/// Kills a process once it is known.
fn kill(process: &AtomicU32) {
    let pid = loop {
        let pid = i32::try_from(process.load(Ordering::SeqCst)).unwrap();
        match Pid::from_raw(pid) {
            Some(pid) => break pid,
            None => std::thread::yield_now(),
        }
    };
    kill_process(pid, Signal::KILL).unwrap();
}

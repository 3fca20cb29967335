//! A deployment with images of three releases; the oldest runs, with state.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use gce::{Disk, Image, Instance, Snapshot};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use wire::{Asked, Fault};
use world::{Ran, World};

use crate::guest;
use crate::project;
use crate::project::cast::{Cast, Manner, Manners};

/// The deployment, its VM and its family.
pub const NAME: &str = "clawdbot-gateway";
pub const STATE: &str = "clawdbot-gateway-state";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/clawdbot");

pub struct Stage {
    pub world: World,
    manners: Manners,
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
        let manners = Manners::default();
        let cast = Cast::of(&world.engine_dir(), client, zone, manners.clone());
        let stage = Self {
            world,
            manners,
            _cast: cast,
        };
        project::shut(&stage.world, port);
        stage
            .world
            .done(&["secrets", "generate", "clawdbot-gateway-token"]);
        stage.image("a", "2026-9-4", "17-19", Manner::Good);
        stage.world.done(&["launch"]);
        stage
    }

    /// Makes the image of a release that behaves like this, and puts it in front of the family.
    #[tokio::main]
    pub async fn image(&self, name: &str, version: &str, schema: &str, manner: Manner) {
        let mut manners = self.manners.lock().unwrap();
        manners.insert(version.to_owned(), manner);
        drop(manners);
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
        let mut made = 0;
        self.killed_at(words, move |_, _| {
            made += 1;
            made == nth
        })
    }

    /// The same, when a call has been served that changes something and is the one: method and path.
    pub fn killed_at(
        &self,
        words: &[&str],
        one: impl FnMut(&str, &str) -> bool + Send + 'static,
    ) -> bool {
        let (process, one) = (Arc::new(AtomicU32::new(0)), Mutex::new(one));
        let victim = Arc::clone(&process);
        self.world.proxy().inject(move |asked| {
            let now = changes(asked) && (*one.lock().unwrap())(asked.method, asked.path);
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

    /// The calls of a verb that change something: method and path.
    pub fn changes(&self, words: &[&str], code: i32) -> Vec<String> {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        self.world.proxy().inject(move |asked| {
            if changes(asked) {
                let call = format!("{} {}", asked.method, asked.path);
                seen.lock().unwrap().push(call);
            }
            None
        });
        self.run(words, code);
        self.world.proxy().inject(|_| None);
        std::mem::take(&mut *calls.lock().unwrap())
    }

    /// A verb on another machine, which has none of this one's journals.
    pub fn elsewhere(&self, words: &[&str]) -> Ran {
        let mut verb = self.world.verb(words);
        verb.env("CLAWBAKE_JOURNAL", self.world.path("elsewhere"));
        verb.output().unwrap().into()
    }

    pub fn zone(&self) -> String {
        project::client(&self.world).1
    }

    /// An image's labels.
    #[tokio::main]
    pub async fn image_labels(&self, image: &str) -> BTreeMap<String, String> {
        let images = project::client(&self.world).0.images();
        images.get(image).await.unwrap().labels
    }

    /// Starts the VM behind the program's back, and stops it again.
    #[tokio::main]
    pub async fn start_vm(&self) {
        let (client, zone) = project::client(&self.world);
        let instances = client.instances(&zone);
        instances.start(NAME).await.unwrap().wait().await.unwrap();
        instances.stop(NAME).await.unwrap().wait().await.unwrap();
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

/// Whether a call changes something.
fn changes(asked: &Asked) -> bool {
    asked.method != "GET" && !asked.path.contains("/operations/")
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

//! A deployment with images of three releases; the oldest runs, with state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use gce::{Disk, Image, Instance, Snapshot};
use serde_json::{Value, json};
use world::{Ran, World};

use crate::api::Api;
use crate::content::{self, Contents};
use crate::guard::Guard;
use crate::guest;
use crate::killed;
use crate::project;
use crate::project::cast::{Cast, Manner, Manners};

/// The deployment, its VM and its family.
pub const NAME: &str = "clawdbot-gateway";
pub const STATE: &str = "clawdbot-gateway-state";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/clawdbot");

pub struct Stage {
    /// Before the engine: it asks that, and would do so for minutes.
    _cast: Cast,
    pub world: World,
    manners: Manners,
    contents: Arc<Contents>,
    guard: Guard,
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
        let engine = world.engine_dir();
        let (api, contents) = (Arc::new(Api::of(&engine)), Arc::new(Contents::of(&engine)));
        api.make_state(STATE, NAME);
        let manners = Manners::default();
        let cast = Cast::of(&engine, client, zone, manners.clone());
        let stage = Self {
            world,
            manners,
            guard: Guard::of(api, Arc::clone(&contents), NAME),
            contents,
            _cast: cast,
        };
        stage
            .contents
            .write(&json!({"id": stage.disk_id()}), content::STATE);
        project::shut(&stage.world, port);
        stage
            .world
            .done(&["secrets", "generate", "clawdbot-gateway-token"]);
        stage.image("a", "2026-9-4", "17-19", Manner::Good);
        stage.world.done(&["launch"]);
        stage
    }

    fn behaves(&self, release: &str, manner: Manner) {
        let mut manners = self.manners.lock().unwrap();
        manners.insert(release.to_owned(), manner);
    }

    /// Makes the image of a release that behaves like this, and puts it in front of the family.
    #[tokio::main]
    pub async fn image(&self, name: &str, version: &str, schema: &str, manner: Manner) {
        self.behaves(version, manner);
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

    /// Runs a verb, and kills it after its nth change. Whether it got so far.
    pub fn killed_after(&self, words: &[&str], nth: usize) -> bool {
        killed::killed_after(&self.world, self.world.verb(words), &self.guard, nth)
    }

    /// The same, when a call has been served that changes something and is the one: method and path.
    pub fn killed_at(
        &self,
        words: &[&str],
        one: impl FnMut(&str, &str) -> bool + Send + 'static,
    ) -> bool {
        killed::killed_at(&self.world, self.world.verb(words), &self.guard, one)
    }

    /// The release of this image runs, and is in front.
    pub fn begins_with(&self, image: &str) {
        match self.vm() {
            Some(_) if self.runs() == image => {}
            Some(_) => drop(self.recreate(&["--image", image])),
            None => drop(self.run(&["launch", "--image", image], 0)),
        }
        if self.front() != image {
            self.run(&["images", "promote", "--untested", image], 0);
        }
    }

    /// A verb that was killed is asked for again, and cleaned up after; every other time on another machine,
    /// and then on this one.
    pub fn gone_on_with(&self, words: &[&str], nth: usize) {
        if nth.is_multiple_of(2) {
            self.elsewhere(words);
        } else {
            self.run(words, 0);
        }
        self.run(&["clean"], 0);
    }

    fn disk_id(&self) -> String {
        self.disk().id.unwrap().to_string()
    }

    /// The calls of a verb that change something: method and path.
    pub fn changes(&self, words: &[&str], code: i32) -> Vec<String> {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        self.world.proxy().inject(move |asked| {
            if killed::changes(asked) {
                let call = format!("{} {}", asked.method, asked.path);
                seen.lock().unwrap().push(call);
            }
            None
        });
        self.run(words, code);
        self.world.proxy().inject(|_| None);
        std::mem::take(&mut *calls.lock().unwrap())
    }

    /// Runs a verb on another machine, which knows nothing of what was begun on this one.
    pub fn elsewhere(&self, words: &[&str]) -> Ran {
        let mut verb = self.world.verb(words);
        let ran = verb.env("CLAWBAKE_JOURNAL", self.world.path("elsewhere"));
        let ran = Ran::from(ran.output().unwrap());
        assert!(ran.success(), "{words:?}: {ran:?}");
        ran
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

    /// Nothing is under way, and nothing is left of it. At no change of a verb that was to be killed the state
    /// was nowhere, or spoken for by two VMs; and it is on its disk.
    pub fn is_at_rest(&self) {
        assert_eq!(self.guard.found(), Vec::<String>::new());
        let content = self
            .contents
            .read("disks", &json!({"id": self.disk_id(), "status": "READY"}));
        assert_eq!(content, content::STATE);
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

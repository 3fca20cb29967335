//! A deployment whose releases are in a registry of npm's, and whose images are there without a bake.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use gce::Image;
use serde_json::{Value, json};
use world::{Ran, Registry, World};

use crate::api::Api;
use crate::content::{self, Contents};
use crate::guard::Guard;
use crate::guest;
use crate::killed;
use crate::planned::{self, Planned};
use crate::project;
use crate::project::cast::{Cast, Manner, Manners};

/// The deployment, its VM and its family.
pub const NAME: &str = "clawdbot-gateway";
const STATE: &str = "clawdbot-gateway-state";
const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/releases");
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/clawdbot");

pub struct Life {
    /// Before the engine: it asks that, and would do so for minutes.
    _cast: Cast,
    pub world: World,
    registry: Registry,
    manners: Manners,
    contents: Arc<Contents>,
    guard: Guard,
}

impl Life {
    /// Release A runs, with state.
    pub fn begin() -> Self {
        let port = guest::gateway();
        let front = format!("front: {port}");
        let world = World::new(env!("CARGO_BIN_EXE_clawbake"))
            .serve()
            .wire("rebuild")
            .recipe(
                Path::new(SHIPPED),
                &[
                    ("front: 18789", &*front),
                    ("npm: clawdbot\n", "npm: clawbake-stand-in\n"),
                    ("    version: 2026.1.24-3\n", ""),
                    ("overrides: {libsignal: npm:libsignal@latest}", ""),
                ],
            );
        let soak = "updates: {soak_minutes: 0}\nsecrets:";
        world.replace("clawbake.yaml", &[("secrets:", soak)]);
        let manners = Manners::default();
        let (client, zone) = project::client(&world);
        let engine = world.engine_dir();
        let (api, contents) = (Arc::new(Api::of(&engine)), Arc::new(Contents::of(&engine)));
        api.make_state(STATE, NAME);
        let life = Self {
            world,
            registry: Registry::start(),
            guard: Guard::of(api, Arc::clone(&contents), NAME),
            contents,
            _cast: Cast::of(&engine, client, zone, manners.clone()),
            manners,
        };
        let disk = json!({"id": life.disk().id.unwrap().to_string()});
        life.contents.write(&disk, content::STATE);
        project::shut(&life.world, port);
        life.done(&["secrets", "generate", "clawdbot-gateway-token"]);
        life.publish("a");
        let a = life.prepare("2026.3.1");
        life.done(&["images", "promote", "--untested", &a]);
        life.done(&["launch"]);
        life
    }

    /// Puts a release into the registry.
    pub fn publish(&self, release: &str) {
        self.registry
            .publish(Path::new(RELEASES), release, &["latest"]);
    }

    pub fn behaves(&self, release: &str, manner: Manner) {
        let mut manners = self.manners.lock().unwrap();
        manners.insert(release.to_owned(), manner);
    }

    /// What the deployment's lock says.
    pub fn lock(&self) -> String {
        std::fs::read_to_string(self.world.path("clawbake.lock")).unwrap()
    }

    /// Makes the image of a version, as a bake would, and returns its name.
    pub fn prepare(&self, version: &str) -> String {
        let planned = self.plan(version);
        self.image(&planned);
        planned.name
    }

    /// The image of a version as a bake would make it.
    pub fn plan(&self, version: &str) -> Planned {
        planned::plan(&self.registry, &self.world.path("recipe"), version)
    }

    /// Makes an image anew.
    #[tokio::main]
    pub async fn image(&self, planned: &Planned) {
        let Planned { name, labels } = planned;
        let (client, zone) = project::client(&self.world);
        let disk = gce::Disk {
            name: Some(name.into()),
            size_gb: Some(10),
            ..gce::Disk::default()
        };
        let disks = client.disks(&zone);
        disks.insert(&disk).await.unwrap().wait().await.unwrap();
        let image = Image {
            name: Some(name.into()),
            labels: labels.clone(),
            source_disk: Some(format!("zones/{zone}/disks/{name}")),
            ..Image::default()
        };
        let images = client.images();
        if images.find(name).await.unwrap().is_some() {
            images.delete(name).await.unwrap().wait().await.unwrap();
        }
        let made = images.insert(&image).await.unwrap();
        made.wait().await.unwrap();
        disks.delete(name).await.unwrap().wait().await.unwrap();
    }

    /// A verb, which asks the registry of the test.
    pub fn run(&self, words: &[&str]) -> Ran {
        self.command(words).output().unwrap().into()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let (variable, registry) = self.registry.variable();
        let mut command = self.world.verb(words);
        command.env(variable, registry);
        command
    }

    /// Runs a verb, and kills it after its nth change. Whether it got so far.
    pub fn killed_after(&self, words: &[&str], nth: usize) -> bool {
        killed::killed_after(&self.world, self.command(words), &self.guard, nth)
    }

    /// Runs a verb on another machine, which knows nothing of what was begun on this one.
    pub fn elsewhere(&self, words: &[&str]) {
        let mut verb = self.command(words);
        let ran = verb.env("CLAWBAKE_JOURNAL", self.world.path("elsewhere"));
        let ran = Ran::from(ran.output().unwrap());
        assert!(ran.success(), "{words:?}: {ran:?}");
    }

    /// At no change of a verb that was to be killed the state was nowhere, or spoken for by two VMs; and it is
    /// on its disk.
    pub fn has_its_state(&self) {
        assert_eq!(self.guard.found(), Vec::<String>::new());
        let disk = json!({"id": self.disk().id.unwrap().to_string(), "status": "READY"});
        assert_eq!(self.contents.read("disks", &disk), content::STATE);
    }

    #[tokio::main]
    async fn disk(&self) -> gce::Disk {
        let (client, zone) = project::client(&self.world);
        client.disks(&zone).get(STATE).await.unwrap()
    }

    pub fn done(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert!(ran.success(), "{words:?}: {}", ran.stderr);
        ran.stdout
    }

    /// `rebuild`, which ends with this code, and its report.
    pub fn rebuild(&self, words: &[&str], code: i32) -> Value {
        let words = [&["rebuild", "--json"], words].concat();
        let ran = self.run(&words);
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
    }

    /// The image in front of the family.
    #[tokio::main]
    pub async fn front(&self) -> Image {
        let images = project::client(&self.world).0.images();
        images.find_in_family(NAME).await.unwrap().unwrap()
    }

    /// An image's labels.
    #[tokio::main]
    pub async fn labels(&self, image: &str) -> BTreeMap<String, String> {
        let images = project::client(&self.world).0.images();
        images.get(image).await.unwrap().labels
    }

    /// The image that the VM was made of.
    #[tokio::main]
    pub async fn runs(&self) -> String {
        let (client, zone) = project::client(&self.world);
        let disk = client.disks(&zone).get(NAME).await.unwrap();
        let source = disk.source_image.unwrap();
        source.rsplit('/').next().unwrap().to_owned()
    }

    /// Whether it is a snapshot that a change of the VM leaves.
    #[tokio::main]
    pub async fn is_way_back(&self, name: &str) -> bool {
        let (client, _) = project::client(&self.world);
        let snapshot = client.snapshots().find(name).await.unwrap();
        snapshot.is_some_and(|it| it.labels["clawbake-why"].starts_with("before-"))
    }

    /// Disks, snapshots and secrets, but for those that were there at the beginning.
    #[tokio::main]
    pub async fn left(&self) -> Vec<String> {
        let (client, _) = project::client(&self.world);
        let disks = client.all_disks().await.unwrap().into_iter();
        let mut names: Vec<_> = disks.filter_map(|disk| disk.name).collect();
        let snapshots = client.snapshots().list(None).await.unwrap();
        names.extend(snapshots.into_iter().filter_map(|it| it.name));
        names.retain(|name| name != NAME && *name != format!("{NAME}-state"));
        names
    }
}

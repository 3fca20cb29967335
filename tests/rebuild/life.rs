//! A deployment whose releases are in a registry of npm's, and whose images are there without a bake.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use clawbake::image::Plan;
use clawbake::recipe::Recipe;
use gce::Image;
use serde_json::Value;
use world::{Ran, Registry, World};

use crate::guest;
use crate::project;
use crate::project::cast::{Cast, Manner, Manners};

/// The deployment, its VM and its family.
pub const NAME: &str = "clawdbot-gateway";
const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/releases");
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/clawdbot");
/// The program that says a plan is this test itself, for the registry is in its environment.
const PLANNER: &str = "(helper) says the plan of a recipe";
const PLANNED: &str = "CLAWBAKE_TEST_PLAN";

pub struct Life {
    pub world: World,
    registry: Registry,
    manners: Manners,
    _cast: Cast,
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
        let cast = Cast::of(&world.engine_dir(), client, zone, manners.clone());
        let life = Self {
            world,
            registry: Registry::start(),
            manners,
            _cast: cast,
        };
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
        let (variable, registry) = self.registry.variable();
        let mut planner = Command::new(std::env::current_exe().unwrap());
        planner
            .args(["--exact", "says_the_plan", "--ignored", "--nocapture"])
            .env(variable, registry)
            .env(
                PLANNED,
                format!("{version} {}", self.world.path("recipe").display()),
            );
        let ran = Ran::from(planner.output().unwrap()).expect(0);
        let line = ran
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix(PLANNER));
        let plan: Value = serde_json::from_str(line.expect("a plan")).unwrap();
        let text = |key: &str| plan[key].as_str().unwrap().to_owned();
        let name = text("name");
        let labels = serde_json::from_value(plan["labels"].clone()).unwrap();
        self.image(&name, labels);
        name
    }

    #[tokio::main]
    async fn image(&self, name: &str, labels: BTreeMap<String, String>) {
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
            labels,
            source_disk: Some(format!("zones/{zone}/disks/{name}")),
            ..Image::default()
        };
        let made = client.images().insert(&image).await.unwrap();
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

/// Says a plan, when it is asked to.
#[tokio::main]
pub async fn say_the_plan() {
    let Ok(asked) = std::env::var(PLANNED) else {
        return;
    };
    let (version, recipe) = asked.split_once(' ').unwrap();
    let recipe = Recipe::load(Path::new(recipe)).unwrap();
    let version = version.parse().unwrap();
    let plan = Plan::resolve(&recipe, version, None).await.unwrap();
    let mut labels = plan.lock.labels();
    labels.insert("clawbake-recipe".into(), recipe.name.to_string());
    labels.insert("clawbake-content".into(), plan.content());
    let plan = serde_json::json!({"name": plan.name, "labels": labels});
    println!("\n{PLANNER}{plan}");
}

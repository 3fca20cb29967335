//! An engine behind a proxy, a deployment, and what others have in the same project.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use clawbake::recipe::Recipe;
use orphans::Finding;
use serde_json::{Value, json};
use wire::{Asked, Fault};
use world::Ran;

use crate::api::{Api, Inventory};
use crate::call::{Call, Calls};
use crate::content::{Contents, LATER, STATE};
use crate::end::{self, End};
use crate::foreign;
use crate::guard::Guard;
use crate::guest;
use crate::planned::{self, Planned};
use crate::played::Guest;
use crate::point::{Point, Process};
use crate::verb::Verb;

/// The deployment.
pub const NAME: &str = "clawdbot-gateway";
pub const FAMILY: &str = "clawdbot-gateway";
pub const STATE_DISK: &str = "clawdbot-gateway-state";
/// The image before the newest, and the version of its gateway.
pub const BEFORE: &str = "clawdbot-gateway-before";
pub const OLDER: &str = "2026.1.24-2";
/// A snapshot of the state.
pub const SAVED: &str = "clawdbot-gateway-state-saved";
/// An archive of the state.
pub const ARCHIVE: &str = "state.tar.gz";
/// Releases of a gateway, two of which are in the registry of a rebuild.
const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/releases");
/// What a recipe says that follows them.
const FOLLOWS: [(&str, &str); 3] = [
    ("npm: clawdbot\n", "npm: clawbake-stand-in\n"),
    ("    version: 2026.1.24-3\n", ""),
    ("overrides: {libsignal: npm:libsignal@latest}", ""),
];

pub struct Scene {
    world: world::World,
    guest: Guest,
    pub api: Arc<Api>,
    pub contents: Arc<Contents>,
    /// Looks while a verb runs that works on the state.
    pub guard: Guard,
    /// What the verb leaves when nothing goes wrong.
    pub end: OnceLock<End>,
    pub verb: Verb,
    /// The image of the archive.
    pub image: String,
    /// The images whose order in time matters, oldest first.
    family: Vec<Value>,
    /// What is there before the verb.
    base: Inventory,
    /// The deployment as the verb has it, if it is not the owner who calls.
    file: Option<&'static str>,
    /// The gateway's.
    port: u16,
}

impl Scene {
    pub fn begin(archive: &Path, verb: Verb) -> Self {
        let port = guest::gateway();
        // A port of its own: VMs of two engines would want the same address.
        let front = format!("front: {port}");
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/clawdbot");
        let mut changes = vec![("front: 18789", &*front)];
        let mut world = world::World::new(env!("CARGO_BIN_EXE_clawbake"))
            .serve()
            .wire("faults");
        if verb == Verb::Rebuild {
            changes.extend(FOLLOWS);
            world = world.npm();
        }
        let world = world.recipe(Path::new(shipped), &changes);
        let engine = world.engine_dir();
        let (api, contents) = (Arc::new(Api::of(&engine)), Arc::new(Contents::of(&engine)));
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        let version = recipe.gateway.release.version.unwrap().to_string();
        let mut scene = Self {
            world,
            guest: Guest::of(&engine, Arc::clone(&api), &version, verb.phase()),
            guard: Guard::of(Arc::clone(&api), Arc::clone(&contents), NAME),
            api,
            contents,
            end: OnceLock::new(),
            verb,
            image: String::new(),
            family: Vec::new(),
            base: Inventory::new(),
            file: None,
            port,
        };
        let file = scene.world.path("clawbake.yaml");
        let deployment = fs::read_to_string(&file).unwrap() + "updates: {soak_minutes: 0}\n";
        fs::write(&file, deployment).unwrap();
        fs::hard_link(archive, scene.world.path("archive.tar.gz")).unwrap();
        if verb.asks() {
            foreign::shut(&scene.api, scene.port);
        }
        scene.succeed(&["secrets", "generate", "clawdbot-gateway-token"]);
        scene.populate();
        scene
    }

    /// Makes what is there before the verb.
    fn populate(&mut self) {
        self.api
            .make_disk(&json!({"name": "elsewhere", "sizeGb": "1"}));
        self.family = foreign::family(&self.api, self.verb);
        let own = if self.verb == Verb::Rebuild {
            self.released()
        } else {
            self.baked()
        };
        self.family.extend(own);
        if self.verb == Verb::RecreateBad {
            self.guest.fail(&self.image);
        }
        self.api.restock(&self.family);
        foreign::plant(&self.api, self.verb, &self.image);
        self.base = self.api.inventory();
    }

    /// The images of the recipe's gateway, the one that the archive becomes last.
    fn baked(&mut self) -> Vec<Value> {
        let baked = self.succeed(&["bake", "--no-promote", "--archive", "archive.tar.gz"]);
        baked.trim().clone_into(&mut self.image);
        let (api, path) = (&self.api, self.path(&self.image));
        let labels = api.inventory()[&path]["labels"].clone();
        api.delete(&path);
        if matches!(self.verb, Verb::Bake | Verb::FirstBake | Verb::BakeTaken) {
            return Vec::new();
        }
        let source = api.disk_url("elsewhere");
        let mut image = json!({"name": self.image, "labels": labels, "sourceDisk": source});
        let mut images = Vec::new();
        if self.verb.replaces() {
            images.push(foreign::older(api, &image));
        }
        if self.verb.replaces() || self.verb == Verb::Export {
            image["family"] = FAMILY.into();
            image["labels"]["clawbake-boot-test"] = "passed".into();
        }
        images.push(image);
        images
    }

    /// The images of two releases: the older one is in front, the newer one has passed its boot test.
    fn released(&mut self) -> Vec<Value> {
        let [bucket, _] = self.api.buckets();
        self.api.make_bucket(&bucket);
        let (registry, recipe) = (self.world.registry(), self.world.path("recipe"));
        let images = [("a", "2026.3.1"), ("b", "2026.3.2")].map(|(release, version)| {
            registry.publish(Path::new(RELEASES), release, &["latest"]);
            let Planned { name, labels } = planned::plan(registry, &recipe, version);
            let source = self.api.disk_url("elsewhere");
            let mut image = json!({"name": name, "labels": labels, "sourceDisk": source});
            image["labels"]["clawbake-boot-test"] = "passed".into();
            image
        });
        let [mut older, newer] = images;
        older["name"] = BEFORE.into();
        older["family"] = FAMILY.into();
        newer["name"].as_str().unwrap().clone_into(&mut self.image);
        vec![older, newer]
    }

    /// From now on the verb's caller is the deployer that `setup` makes, by workload identity
    /// federation and impersonation; whoever prepares is the project's owner.
    pub fn hand_over(&mut self) {
        let deployer = self.api.account("clawbake-deployer");
        let url = self.world.proxy().url();
        let write = |name: &str, text: &str| fs::write(self.world.path(name), text).unwrap();
        write("token", self.api.token());
        let token = self.world.path("token");
        write(
            "federated.json",
            &wire::federated(url, &token, &deployer).to_string(),
        );
        let deployment = fs::read_to_string(self.world.path("clawbake.yaml")).unwrap();
        let (local, place) = ("target: local", self.api.place());
        assert!(deployment.contains(local), "{deployment}");
        for (file, credentials) in [
            ("clawbake.yaml", "token_file: token"),
            ("deployer.yaml", "file: federated.json"),
        ] {
            let target = format!(
                "target: {{gce: {{{place}, endpoint: \"{url}\", credentials: {{{credentials}}}}}}}"
            );
            write(file, &deployment.replace(local, &target));
        }
        self.file = Some("deployer.yaml");
        self.set_up();
    }

    /// A project as its owner leaves it to a deployer.
    fn set_up(&self) {
        self.succeed(&["setup"]);
        if self.verb.asks() {
            foreign::shut(&self.api, self.port);
        }
    }

    /// An image's path.
    pub fn path(&self, image: &str) -> String {
        format!("{}/{image}", self.api.global("images"))
    }

    /// Journals that are left.
    pub fn journals(&self) -> usize {
        self.world.journals()
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        self.world.done(arguments)
    }

    /// From now on `decide` says what goes wrong. A VM has reported by the time it is asked for.
    fn inject(&self, decide: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static) {
        let guest = self.guest.clone();
        let guard = self.verb.lives().then(|| self.guard.clone());
        self.world.proxy().inject(move |asked| {
            if asked.path.ends_with("/getGuestAttributes") {
                guest.report();
            }
            if asked.method != "GET" && !asked.path.ends_with("/wait") {
                guard.iter().for_each(Guard::look);
            }
            decide(asked)
        });
    }

    /// The project as the verb is to find it.
    pub fn prepare(&self) -> Inventory {
        self.inject(|_| None);
        let _ = fs::remove_dir_all(self.world.path("journal"));
        self.api.restore(&self.base);
        self.api.restock(&self.family);
        if self.verb == Verb::FirstBake {
            let [own, _] = self.api.buckets();
            self.api.delete(&format!("storage/v1/b/{own}"));
        }
        if self.verb == Verb::Relaunch {
            self.api.make_state(STATE_DISK, NAME);
        }
        if self.verb.lives() {
            self.fill_state();
        }
        match self.verb {
            Verb::TemplatePrune => foreign::old_templates(&self.api),
            Verb::Import => fs::write(self.world.path(ARCHIVE), "an archive").unwrap(),
            Verb::Export => drop(fs::remove_file(self.world.path(ARCHIVE))),
            Verb::Rebuild => drop(fs::remove_file(self.world.path("clawbake.lock"))),
            _ => {}
        }
        if self.file.is_some() {
            self.set_up();
        }
        if self.verb.deletes() || self.verb.finds_vm() {
            let older = self.verb.replaces() && self.verb != Verb::RecreateLost;
            let image = if older { BEFORE } else { &self.image };
            self.succeed(&Verb::Launch.arguments(image, STATE_DISK));
        }
        match self.verb {
            Verb::RecreateLost => self
                .api
                .delete(&self.api.zonal(&format!("instances/{NAME}"))),
            Verb::Rollback => {
                self.succeed(&Verb::Recreate.arguments(&self.image, STATE_DISK));
            }
            _ => {}
        }
        if self.verb == Verb::Start {
            self.api.stop(NAME);
        }
        self.api.inventory()
    }

    /// The state disk, with state on it or in a snapshot.
    fn fill_state(&self) {
        self.api.make_state(STATE_DISK, NAME);
        let path = self.api.zonal(&format!("disks/{STATE_DISK}"));
        let write = |content| self.contents.write(&self.api.inventory()[&path], content);
        write(STATE);
        if matches!(self.verb, Verb::Restore | Verb::RestoreLost) {
            self.api.save(STATE_DISK, SAVED, NAME, "asked");
            write(LATER);
        }
        // More than are kept.
        let surplus = if self.verb == Verb::Restore { 7 } else { 0 };
        for index in 0..surplus {
            let name = format!("{SAVED}-{index}");
            self.api.save(STATE_DISK, &name, NAME, "before-change");
        }
        if self.verb == Verb::RestoreLost {
            self.api.delete(&path);
        }
    }

    /// What is there now, as far as it matters.
    pub fn look(&self) -> End {
        end::of(&self.api.inventory(), &self.contents)
    }

    /// A command by whoever the verb's caller is.
    pub fn verb(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.verb(arguments);
        if let Some(file) = self.file {
            command.env("CLAWBAKE_FILE", file);
        }
        command
    }

    pub fn arguments(&self) -> Vec<&str> {
        self.verb.arguments(&self.image, STATE_DISK)
    }

    /// The calls of a run without faults.
    pub fn calls(&self) -> Vec<Call> {
        self.prepare();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (log, counted) = (Arc::clone(&calls), Mutex::new(Calls::default()));
        self.inject(move |asked| {
            let call = counted.lock().unwrap().next(asked);
            log.lock().unwrap().push(call);
            None
        });
        let output = self.again();
        assert_eq!(output.code, Some(self.verb.code()), "{output:?}");
        self.inject(|_| None);
        self.end.set(self.look()).ok();
        calls.lock().unwrap().clone()
    }

    /// Runs the verb with a fault. `None` if the call did not come this time.
    pub fn run_with(&self, point: &Point) -> Option<Ran> {
        let (process, met) = (Process::default(), Arc::new(AtomicBool::new(false)));
        self.inject(point.inject(Arc::clone(&process), Arc::clone(&met)));
        let mut command = self.verb(&self.arguments());
        command.env("CLAWBAKE_REQUEST_TIMEOUT", "1");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        process.store(i32::try_from(child.id()).unwrap(), Ordering::SeqCst);
        let output = child.wait_with_output().unwrap();
        self.inject(|_| None);
        met.load(Ordering::SeqCst).then(|| output.into())
    }

    /// Runs the verb, and nothing goes wrong.
    pub fn again(&self) -> Ran {
        self.verb(&self.arguments()).output().unwrap().into()
    }

    /// Whether the archive is there that an export writes.
    pub fn exported(&self) -> bool {
        self.world.path(ARCHIVE).exists()
    }

    /// What nobody owns in the engine's directory.
    pub fn orphans(&self) -> Vec<Finding> {
        self.world.orphans()
    }

    /// Cleans up after it.
    pub fn clean(&self) -> Ran {
        self.world.run(&["clean"])
    }
}

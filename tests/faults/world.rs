//! An engine behind a proxy, a deployment, and what others have in the same project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clawbake::recipe::Recipe;
use orphans::Finding;
use serde_json::{Value, json};
use tempfile::TempDir;
use wire::{Asked, Fault, Proxy};

use crate::api::{Api, Inventory};
use crate::call::{Call, Calls};
use crate::foreign;
use crate::guest::{self, Guest};
use crate::point::{Point, Process};
use crate::verb::Verb;

const CLAWBAKE: &str = env!("CARGO_BIN_EXE_clawbake");
/// The deployment.
pub const NAME: &str = "clawdbot-gateway";
pub const FAMILY: &str = "clawdbot-gateway";
const STATE: &str = "clawdbot-gateway-state";
/// What an engine gets to end what a verb has begun.
const SETTLED: Duration = Duration::from_secs(10);

pub struct World {
    dir: TempDir,
    engine: Child,
    proxy: Proxy,
    guest: Guest,
    pub api: Api,
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

impl World {
    pub fn begin(archive: &Path, verb: Verb) -> Self {
        // Short: the path of a unix socket below it may have 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("clawbake-")
            .tempdir_in("/tmp")
            .unwrap();
        let engine = dir.path().join("engine");
        fs::create_dir(&engine).unwrap();
        let child = Command::new(CLAWBAKE)
            .args(["engine", "serve", "--power-off", "0", "--dir"])
            .arg(&engine)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let api = Api::of(&engine);
        let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
        let version = recipe.gateway.release.version.to_string();
        let mut world = Self {
            proxy: Proxy::start(&engine, "faults"),
            guest: Guest::of(&engine, &version, verb.phase()),
            dir,
            engine: child,
            api,
            verb,
            image: String::new(),
            family: Vec::new(),
            base: Inventory::new(),
            file: None,
            port: guest::gateway(),
        };
        fs::hard_link(archive, world.dir.path().join("archive.tar.gz")).unwrap();
        world.deploy();
        if verb == Verb::Promote {
            foreign::shut(&world.api, world.port);
        }
        world.succeed(&["secrets", "generate", "clawdbot-gateway-token"]);
        world.populate();
        world
    }

    /// Writes the deployment, whose gateway has a port of its own: VMs of two engines would want the
    /// same address.
    fn deploy(&self) {
        self.succeed(&["init"]);
        let (shipped, own) = (
            Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/clawdbot"),
            self.dir.path().join("recipe"),
        );
        fs::create_dir(&own).unwrap();
        let port = self.port;
        let change = |from: &Path, to: &Path, what: &str, with: &str| {
            let text = fs::read_to_string(from).unwrap();
            assert!(text.contains(what), "{} has no {what}", from.display());
            fs::write(to, text.replace(what, with)).unwrap();
        };
        let file = "recipe.yaml";
        let front = format!("front: {port}");
        change(&shipped.join(file), &own.join(file), "front: 18789", &front);
        let file = self.dir.path().join("clawbake.yaml");
        change(&file, &file, "recipe: clawdbot ", "recipe: ./recipe ");
    }

    /// Makes what is there before the verb.
    fn populate(&mut self) {
        let baked = self.succeed(&["bake", "--no-promote", "--archive", "archive.tar.gz"]);
        baked.trim().clone_into(&mut self.image);
        let (api, path) = (&self.api, self.path(&self.image));
        api.make_disk(&json!({"name": "elsewhere", "sizeGb": "1"}));
        self.family = foreign::family(api, self.verb);
        let is_there = !matches!(self.verb, Verb::Bake | Verb::FirstBake | Verb::BakeTaken);
        if is_there {
            let labels = api.inventory()[&path]["labels"].clone();
            let source = api.disk_url("elsewhere");
            let body = json!({"name": self.image, "labels": labels, "sourceDisk": source});
            self.family.push(body);
        }
        api.delete(&path);
        api.restock(&self.family);
        foreign::plant(api, self.verb, &self.image);
        self.base = api.inventory();
    }

    /// From now on the verb's caller is the deployer that `setup` makes, by workload identity
    /// federation and impersonation; whoever prepares is the project's owner.
    pub fn hand_over(&mut self) {
        let deployer = self.api.account("clawbake-deployer");
        let url = self.proxy.url();
        let write = |name: &str, text: &str| fs::write(self.dir.path().join(name), text).unwrap();
        write("token", self.api.token());
        let token = self.dir.path().join("token");
        write(
            "federated.json",
            &wire::federated(url, &token, &deployer).to_string(),
        );
        let deployment = fs::read_to_string(self.dir.path().join("clawbake.yaml")).unwrap();
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
        if self.verb == Verb::Promote {
            foreign::shut(&self.api, self.port);
        }
    }

    /// An image's path.
    pub fn path(&self, image: &str) -> String {
        format!("{}/{image}", self.api.global("images"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(CLAWBAKE);
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("CLAWBAKE_ENGINE", self.proxy.engine_dir())
            .env("CLAWBAKE_JOURNAL", self.journal())
            .env("CLAWBAKE_CACHE", self.dir.path().join("cache"))
            .stdin(Stdio::null());
        command
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// Journals that are left.
    pub fn journals(&self) -> usize {
        fs::read_dir(self.journal()).map_or(0, Iterator::count)
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// From now on `decide` says what goes wrong. A VM has reported by the time it is asked for.
    fn inject(&self, decide: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static) {
        let guest = self.guest.clone();
        self.proxy.inject(move |asked| {
            if asked.path.ends_with("/getGuestAttributes") {
                guest.report();
            }
            decide(asked)
        });
    }

    /// The project as the verb is to find it.
    pub fn prepare(&self) -> Inventory {
        self.inject(|_| None);
        let _ = fs::remove_dir_all(self.journal());
        self.api.restore(&self.base);
        self.api.restock(&self.family);
        if self.verb == Verb::FirstBake {
            let [own, _] = self.api.buckets();
            self.api.delete(&format!("storage/v1/b/{own}"));
        }
        if self.verb == Verb::Relaunch {
            self.api.make_state(STATE, NAME);
        }
        if self.file.is_some() {
            self.set_up();
        }
        if self.verb.deletes() {
            self.succeed(&Verb::Launch.arguments(&self.image, STATE));
        }
        self.api.inventory()
    }

    /// A command by whoever the verb's caller is.
    pub fn verb(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        if let Some(file) = self.file {
            command.env("CLAWBAKE_FILE", file);
        }
        command
    }

    pub fn arguments(&self) -> Vec<&str> {
        self.verb.arguments(&self.image, STATE)
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
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(self.verb.code()), "{words}");
        self.inject(|_| None);
        calls.lock().unwrap().clone()
    }

    /// Runs the verb with a fault. `None` if the call did not come this time.
    pub fn run_with(&self, point: &Point) -> Option<Output> {
        let (process, met) = (Process::default(), Arc::new(AtomicBool::new(false)));
        self.inject(point.inject(Arc::clone(&process), Arc::clone(&met)));
        let mut command = self.verb(&self.arguments());
        command.env("CLAWBAKE_REQUEST_TIMEOUT", "1");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        process.store(i32::try_from(child.id()).unwrap(), Ordering::SeqCst);
        let output = child.wait_with_output().unwrap();
        self.inject(|_| None);
        met.load(Ordering::SeqCst).then_some(output)
    }

    /// Runs the verb, and nothing goes wrong.
    pub fn again(&self) -> Output {
        self.verb(&self.arguments()).output().unwrap()
    }

    /// What nobody owns in the engine's directory.
    pub fn orphans(&self) -> Vec<Finding> {
        orphans::settle(&self.dir.path().join("engine"), self.engine.id(), SETTLED)
    }

    /// Cleans up after it.
    pub fn clean(&self) -> Output {
        self.command(&["clean"]).output().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let pid = i32::try_from(self.engine.id()).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.engine.wait();
    }
}

//! Two deployments: a gateway that runs, with state, and another one that is to take it over.

use std::fs;
use std::ops::Deref;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gce::Instance;
use world::Ran;

use crate::project;
use crate::project::cast::Manner;
use crate::stage::{NAME, Stage};

/// The deployment that takes over, its VM, its state disk and its file.
pub const NEW: &str = "openclaw-gateway";
pub const NEW_STATE: &str = "openclaw-gateway-state";
pub const FILE: &str = "new/clawbake.yaml";
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/openclaw");
/// Between two looks at the VMs.
const PAUSE: Duration = Duration::from_millis(50);

/// `migrate` between the two, in words.
pub fn verb(words: &[&str]) -> Vec<String> {
    let verb = ["migrate", "--file", FILE, "--from", "clawbake.yaml"];
    let image = if words.iter().any(|it| ["--image", "--back"].contains(it)) {
        &[][..]
    } else {
        &["--image", "new"]
    };
    let all = verb.iter().chain(image).chain(words);
    all.map(|word| (*word).to_owned()).collect()
}

pub struct Moving {
    /// Before the engine: it asks that.
    _look_out: LookOut,
    stage: Stage,
}

impl Deref for Moving {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Moving {
    pub fn begin() -> Self {
        let stage = Stage::begin();
        let new = stage.world.path("new");
        fs::create_dir(&new).unwrap();
        let mut copy = Command::new("cp");
        let copied = copy.args(["-R", SHIPPED]).arg(new.join("recipe")).status();
        assert!(copied.unwrap().success());
        let recipe = fs::read_to_string(stage.world.path("recipe/recipe.yaml")).unwrap();
        let (_, front) = recipe.split_once("front: ").unwrap();
        let (front, _) = front.split_once(',').unwrap();
        stage.world.replace(
            "new/recipe/recipe.yaml",
            &[("front: 18789", &format!("front: {front}"))],
        );
        let text = "name: openclaw-gateway\ntarget: local\nrecipe: ./recipe\n\
                    machine: {type: e2-small, boot_disk_gb: 20}\nstate: {disk_gb: 10}\n\
                    secrets:\n  OPENCLAW_GATEWAY_TOKEN: clawdbot-gateway-token\n";
        fs::write(stage.world.path(FILE), text).unwrap();
        stage.image("new", "2026-9-6", "18-23", Manner::Good);
        let look_out = LookOut::over(&stage);
        Self {
            stage,
            _look_out: look_out,
        }
    }

    pub fn migrate(&self, words: &[&str], code: i32) -> Ran {
        let words = verb(words);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.run(&words, code)
    }

    #[tokio::main]
    async fn instance(&self, name: &str) -> Option<Instance> {
        let (client, zone) = project::client(&self.world);
        client.instances(&zone).find(name).await.unwrap()
    }

    #[tokio::main]
    pub async fn instances(&self) -> Vec<String> {
        let (client, zone) = project::client(&self.world);
        let mut names = Vec::new();
        for name in [NAME, NEW] {
            let found = client.instances(&zone).find(name).await.unwrap();
            names.extend(found.and_then(|it| it.name));
        }
        names
    }

    #[tokio::main]
    pub async fn disks(&self) -> Vec<String> {
        let all = project::client(&self.world).0.all_disks().await.unwrap();
        let mut names: Vec<_> = all.into_iter().filter_map(|it| it.name).collect();
        names.sort();
        names
    }

    fn status(&self, name: &str) -> Option<String> {
        self.instance(name)?.status
    }

    /// The new gateway runs on a copy, and the old VM stays with its disk.
    pub fn has_moved(&self, disk: Option<u64>) {
        assert_eq!(self.status(NEW).as_deref(), Some("RUNNING"));
        assert_eq!(self.status(NAME).as_deref(), Some("TERMINATED"));
        let old = self.disk();
        assert_eq!(old.id, disk);
        assert_eq!(old.labels["clawbake-migration"], "done");
        assert_eq!(self.world.journals(), 0);
    }

    /// The old gateway runs on its own state, and there is no new VM.
    pub fn is_back(&self, disk: Option<u64>) {
        assert_eq!(self.status(NEW), None);
        assert_eq!(self.status(NAME).as_deref(), Some("RUNNING"));
        let old = self.disk();
        assert_eq!(old.id, disk);
        let left = old
            .labels
            .keys()
            .find(|key| key.starts_with("clawbake-migration"));
        assert_eq!(left, None);
        assert_eq!(self.world.journals(), 0);
    }
}

/// Looks all the time whether both VMs run.
struct LookOut {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LookOut {
    fn over(stage: &Stage) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, (client, zone)) = (Arc::clone(&over), project::client(&stage.world));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            let instances = client.instances(&zone);
            while !ends.load(Ordering::SeqCst) {
                let mut on = 0;
                for name in [NAME, NEW] {
                    let found = runtime.block_on(instances.find(name));
                    let status = found.ok().flatten().and_then(|it| it.status);
                    on += usize::from(status.is_some_and(|it| it != "TERMINATED"));
                }
                // One that was on at the first question may be off at the second.
                if on == 2 {
                    let both = [NAME, NEW].map(|name| {
                        let found = runtime.block_on(instances.find(name));
                        found.ok().flatten().and_then(|it| it.status)
                    });
                    let on = |status: &Option<String>| status.as_deref() == Some("RUNNING");
                    assert!(!both.iter().all(on), "two gateways run at once");
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for LookOut {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let seen = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            seen.expect("a thread").expect("one gateway at a time");
        }
    }
}

//! An engine behind a proxy, a deployment, and what others have in the same project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;
use wire::Proxy;

use crate::api::{Api, Inventory};
use crate::point::{Point, Process};

const CLAWBAKE: &str = env!("CARGO_BIN_EXE_clawbake");
pub const NAME: &str = "clawdbot-gateway";

/// What is done to the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Bake,
    Launch,
    Delete,
}

pub struct World {
    dir: TempDir,
    engine: Child,
    proxy: Proxy,
    pub api: Api,
    /// The image of the archive.
    pub image: String,
    /// What is there before a verb.
    base: Inventory,
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
            .args(["engine", "serve", "--power-off", "1", "--dir"])
            .arg(&engine)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let api = Api::of(&engine);
        let mut world = Self {
            proxy: Proxy::start(&engine, "faults"),
            dir,
            engine: child,
            api,
            image: String::new(),
            base: Inventory::new(),
        };
        fs::hard_link(archive, world.archive()).unwrap();
        world.succeed(&["init"]);
        world.succeed(&["secrets", "generate", "clawdbot-gateway-token"]);
        let image = world.succeed(&["bake", "--no-promote", "--archive", "archive.tar.gz"]);
        image.trim().clone_into(&mut world.image);
        world.plant();
        world.base = world.api.inventory();
        if verb == Verb::Bake {
            let own = format!("{}/{}", world.api.global("images"), world.image);
            world.base.remove(&own).expect("the image");
        }
        world
    }

    fn archive(&self) -> PathBuf {
        self.dir.path().join("archive.tar.gz")
    }

    /// What others have made, by names and labels as similar as can be.
    fn plant(&self) {
        let labels = json!({"clawbake-run": "000000000000", "clawbake-deployment": "other"});
        let disk = |name: &str| json!({"name": name, "sizeGb": "1", "labels": labels});
        let (api, image) = (&self.api, &self.image);
        let disks = [
            "clawdbot-gateway-2",
            "clawdbot-gateway-state-2",
            "clawdbot-gatewa",
        ];
        for name in disks {
            api.post(&api.zonal("disks"), &disk(name));
        }
        let source = api.global(&format!("images/{image}"));
        let source = source.trim_start_matches("compute/v1/");
        for name in [format!("{image}-2"), image[..image.len() - 1].to_owned()] {
            let body = json!({"name": name, "sourceImage": source, "labels": labels});
            api.post(&api.global("images"), &body);
        }
        for name in [
            format!("{image}.tar.gz"),
            format!("{image}-000000000000.tar.gz"),
        ] {
            api.upload(&name);
        }
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

    /// The project as a verb is to find it.
    pub fn prepare(&self, verb: Verb) -> Inventory {
        self.proxy.inject(|_| None);
        let _ = fs::remove_dir_all(self.journal());
        self.api.restore(&self.base);
        if verb == Verb::Delete {
            self.run(Verb::Launch);
        }
        self.api.inventory()
    }

    fn run(&self, verb: Verb) -> String {
        self.succeed(&self.arguments(verb))
    }

    fn arguments(&self, verb: Verb) -> Vec<&str> {
        match verb {
            Verb::Bake => vec!["bake", "--no-promote", "--archive", "archive.tar.gz"],
            Verb::Launch => vec!["launch", "--no-wait", "--image", &self.image],
            Verb::Delete => vec!["delete"],
        }
    }

    /// The calls of a run without faults: method and path.
    pub fn calls(&self, verb: Verb) -> Vec<(String, String)> {
        self.prepare(verb);
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&calls);
        self.proxy.inject(move |asked| {
            let call = (asked.method.to_owned(), asked.path.to_owned());
            log.lock().unwrap().push(call);
            None
        });
        self.run(verb);
        self.proxy.inject(|_| None);
        calls.lock().unwrap().clone()
    }

    /// Runs a verb with a fault. `None` if the call did not come this time.
    pub fn run_with(&self, verb: Verb, point: &Point) -> Option<Output> {
        let (process, met) = (Process::default(), Arc::new(AtomicBool::new(false)));
        self.proxy
            .inject(point.inject(Arc::clone(&process), Arc::clone(&met)));
        let mut command = self.command(&self.arguments(verb));
        command.env("CLAWBAKE_REQUEST_TIMEOUT", "1");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().unwrap();
        process.store(i32::try_from(child.id()).unwrap(), Ordering::SeqCst);
        let output = child.wait_with_output().unwrap();
        self.proxy.inject(|_| None);
        met.load(Ordering::SeqCst).then_some(output)
    }

    /// Cleans up after it.
    pub fn clean(&self) -> Output {
        self.command(&["clean"]).output().unwrap()
    }

    /// Deletes again.
    pub fn delete_again(&self) -> Output {
        self.command(&["delete"]).output().unwrap()
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

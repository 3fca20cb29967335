//! Bakes in real VMs, of a gateway that is small enough for emulated ones: one whose script fails, and
//! one whose disk is looked at as it lies.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vm-builder/recipe");
/// How long after the script's end the bake may still run: a look at the VM and the clean-up.
const REACTION: Duration = Duration::from_mins(1);
/// First byte of the root partition, as Google's images and ours have it.
const ROOT_OFFSET: u64 = 128 << 20;

/// An engine, deployments and a journal of their own; all of it goes when it is dropped.
struct Workshop {
    dir: TempDir,
    started: Instant,
}

impl Workshop {
    fn open() -> Self {
        // Short: the path of a unix socket below it may have 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("clawbake-")
            .tempdir_in("/tmp")
            .unwrap();
        let started = Instant::now();
        Self { dir, started }
    }

    fn chapter(&self, title: &str) {
        eprintln!("\n== {:>4} s  {title}", self.started.elapsed().as_secs());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn clawbake(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clawbake"));
        command
            .current_dir(self.dir.path())
            .env("CLAWBAKE_ENGINE", self.path("engine"))
            .env("CLAWBAKE_JOURNAL", self.path("journal"))
            .stdin(Stdio::null());
        command
    }

    /// A deployment of a copy of the recipe, with lines appended; returns its file.
    fn deployment(&self, name: &str, lines: &str) -> PathBuf {
        let recipe = self.path(name);
        let copied = Command::new("cp")
            .arg("-R")
            .arg(RECIPE)
            .arg(&recipe)
            .status();
        assert!(copied.unwrap().success());
        let text = fs::read_to_string(recipe.join("recipe.yaml")).unwrap() + lines;
        fs::write(recipe.join("recipe.yaml"), text).unwrap();
        let file = self.path(&format!("{name}.yaml"));
        let deployment = format!(
            "name: stand-in\ntarget: local\nrecipe: {}\nmachine: {{type: e2-small, boot_disk_gb: 10}}\n\
             state: {{disk_gb: 1}}\nsecrets: {{STANDIN_GATEWAY_TOKEN: stand-in-token}}\n",
            recipe.display()
        );
        fs::write(&file, deployment).unwrap();
        file
    }

    /// Waits for a word on a VM's serial port, and returns when it came.
    fn on_serial(&self, word: &'static str) -> JoinHandle<Instant> {
        let vms = self.path("engine/vms");
        std::thread::spawn(move || {
            let said = || {
                let logs = fs::read_dir(&vms)
                    .into_iter()
                    .flatten()
                    .map(|vm| vm.unwrap().path());
                logs.map(|vm| fs::read(vm.join("serial.log")).unwrap_or_default())
                    .any(|log| String::from_utf8_lossy(&log).contains(word))
            };
            while !said() {
                std::thread::sleep(Duration::from_millis(200));
            }
            Instant::now()
        })
    }

    /// Bakes in a VM, without promotion. Returns whether it went well, stdout and stderr.
    fn bake(&self, deployment: &Path) -> (bool, String, String) {
        let mut command = self.clawbake();
        command
            .args(["bake", "--builder=vm", "--no-promote", "--json", "--file"])
            .arg(deployment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = String::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            eprintln!("{:>4} s  {line}", self.started.elapsed().as_secs());
            stderr += &(line + "\n");
        }
        let output = child.wait_with_output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            stderr,
        )
    }

    /// What the engine has of a kind of resource, by name.
    fn names(&self, collection: &str) -> Vec<String> {
        let endpoint = fs::read(self.path("engine/endpoint.json")).unwrap();
        let endpoint: Value = serde_json::from_slice(&endpoint).unwrap();
        let text = |field: &str| endpoint[field].as_str().unwrap().to_owned();
        let (url, project, zone) = (text("url"), text("project"), text("zone"));
        let list = format!("{url}/compute/v1/projects/{project}/zones/{zone}/{collection}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let list: Value = runtime.block_on(async {
            let request = reqwest::Client::new().get(list).bearer_auth(text("token"));
            request.send().await.unwrap().json().await.unwrap()
        });
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Nothing of a bake is left but its image.
    fn expect_nothing_left(&self) {
        for collection in ["instances", "disks"] {
            assert_eq!(self.names(collection), Vec::<String>::new(), "{collection}");
        }
        assert_eq!(
            fs::read_dir(self.path("journal")).unwrap().count(),
            0,
            "a journal is left over"
        );
    }

    /// An image's disk, as it lies.
    fn disk(&self, image: &Value) -> Disk {
        let file = self.path(&format!(
            "engine/images/{}.qcow2",
            image["id"].as_str().unwrap()
        ));
        let raw = self.path("image.raw");
        let convert = Command::new("qemu-img")
            .args(["convert", "-O", "raw"])
            .arg(file)
            .arg(&raw)
            .status();
        assert!(convert.unwrap().success());
        Disk(raw)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // An engine that is left running would be worse than an error here.
        if !self
            .clawbake()
            .args(["engine", "stop"])
            .status()
            .is_ok_and(|status| status.success())
        {
            eprintln!(
                "the engine in {} could not be stopped",
                self.path("engine").display()
            );
        }
    }
}

/// A raw disk, whose root is read without mounting it.
struct Disk(PathBuf);

impl Disk {
    fn debugfs(&self, request: &str) -> String {
        let device = format!("{}?offset={ROOT_OFFSET}", self.0.display());
        let output = Command::new("debugfs")
            .args(["-R", request, &device])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn text(&self, path: &str) -> String {
        self.debugfs(&format!("cat {path}"))
    }

    /// Names in a directory; none where there is no such directory.
    fn names(&self, dir: &str) -> Vec<String> {
        let listing = self.debugfs(&format!("ls -p {dir}"));
        let names = listing.lines().filter_map(|line| line.split('/').nth(5));
        names
            .filter(|name| !matches!(*name, "." | ".."))
            .map(str::to_owned)
            .collect()
    }

    fn has(&self, path: &str) -> bool {
        let (dir, name) = path.rsplit_once('/').unwrap();
        self.names(dir).iter().any(|found| found == name)
    }
}

#[test]
#[ignore = "boots VMs; `make vm-builder`"]
fn a_vm_makes_the_image_and_a_failing_script_ends_the_bake_at_once() {
    let workshop = Workshop::open();

    workshop.chapter("a recipe asks for a package that does not exist");
    let broken = workshop.deployment("broken", "packages: [clawbake-no-such-package]\n");
    let failed = workshop.on_serial("phase=failed");
    let (good, _, message) = workshop.bake(&broken);
    let ended = Instant::now();
    assert!(!good, "the bake did not fail");
    for part in [
        "the builder VM clawbake-builder-",
        "E: Unable to locate package clawbake-no-such-package",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let reaction = ended - failed.join().unwrap();
    assert!(
        reaction < REACTION,
        "{reaction:?} from the script's end to the bake's"
    );
    workshop.expect_nothing_left();

    workshop.chapter("the whole bake");
    let (good, image, _) = workshop.bake(&workshop.deployment("whole", ""));
    assert!(good, "the bake failed");
    workshop.expect_nothing_left();

    workshop.chapter("the disk as it lies");
    let image: Value = serde_json::from_str(&image).unwrap();
    assert_eq!(image["status"], "READY", "{image}");
    let disk = workshop.disk(&image);
    assert_eq!(disk.text("/etc/stand-in"), "provisioned\n");
    assert!(
        disk.text("/etc/clawbake/image.json")
            .contains(image["name"].as_str().unwrap())
    );
    let containers = disk.text("/var/lib/docker/image/overlay2/repositories.json");
    assert!(
        containers.contains("clawbake/stand-in:2026.1.24-3"),
        "{containers}"
    );
    for present in [
        "/usr/bin/cloud-init",
        "/usr/bin/docker",
        "/usr/sbin/sshd",
        "/etc/machine-id",
    ] {
        assert!(disk.has(present), "{present} is missing");
    }
    assert_eq!(disk.text("/etc/machine-id"), "");
    let host_keys = disk
        .names("/etc/ssh")
        .into_iter()
        .filter(|name| name.starts_with("ssh_host_"));
    assert_eq!(host_keys.collect::<Vec<_>>(), Vec::<String>::new());
    for dir in [
        "/etc/netplan",
        "/var/lib/cloud",
        "/var/lib/google",
        "/var/lib/apt/lists",
        "/mnt",
    ] {
        assert_eq!(disk.names(dir), Vec::<String>::new(), "{dir}");
    }
    for gone in [
        "/usr/bin/buildah",
        "/usr/bin/mmdebstrap",
        "/usr/sbin/policy-rc.d",
        "/etc/google_instance_id",
        "/etc/hostname",
        "/var/lib/clawbake-builder",
        "/var/lib/systemd/random-seed",
        "/var/log/journal",
    ] {
        assert!(!disk.has(gone), "{gone} is left over");
    }
    workshop.chapter("the end");
}

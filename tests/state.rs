//! The state disk, its snapshots and the way back to one: the real program against a real engine. No VM
//! is booted; qemu-io writes the disks and reads them.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use gce::{Client, Credentials, Disk, Endpoints, Snapshot};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use wire::Fault;
use world::World;

const NAME: &str = "clawdbot-gateway";
const DISK: &str = "clawdbot-gateway-state";

struct Cloud(World);

impl std::ops::Deref for Cloud {
    type Target = World;

    fn deref(&self) -> &World {
        &self.0
    }
}

impl Cloud {
    fn begin() -> Self {
        let world = World::new(env!("CARGO_BIN_EXE_clawbake")).serve();
        Self(world.wire("state").init())
    }

    /// Past the proxy.
    fn client(&self) -> (Client, String) {
        let world::Endpoint {
            url,
            token,
            project,
            zone,
            ..
        } = world::Endpoint::read(&self.engine_dir()).unwrap();
        let client = Client::new(Endpoints::at(&url), Credentials::token(token), &project);
        (client.unwrap(), zone)
    }

    /// Makes the state disk as a launch does, with this on it.
    #[tokio::main]
    async fn make_disk(&self, word: u8) {
        let (client, zone) = self.client();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let disk = Disk {
            name: Some(DISK.into()),
            size_gb: Some(10),
            labels: [
                pair("clawbake-deployment", NAME),
                pair("clawbake-gateway", "2026-1-24-3"),
                pair("team", "blue"),
            ]
            .into(),
            ..Disk::default()
        };
        let inserted = client.disks(&zone).insert(&disk).await.unwrap();
        inserted.wait().await.unwrap();
        self.write(word).await;
    }

    #[tokio::main]
    async fn disk(&self) -> Option<Disk> {
        let (client, zone) = self.client();
        client.disks(&zone).find(DISK).await.unwrap()
    }

    #[tokio::main]
    async fn lose_disk(&self) {
        let (client, zone) = self.client();
        let deleted = client.disks(&zone).delete(DISK).await.unwrap();
        deleted.wait().await.unwrap();
    }

    #[tokio::main]
    async fn snapshots(&self) -> Vec<Snapshot> {
        self.client().0.snapshots().list(None).await.unwrap()
    }

    /// What is there before a try: a disk, if `word` says what is on it, and this snapshot alone.
    #[tokio::main]
    async fn reset(&self, word: Option<u8>, snapshot: &str) {
        let (client, zone) = self.client();
        if client.disks(&zone).find(DISK).await.unwrap().is_some() {
            let deleted = client.disks(&zone).delete(DISK).await.unwrap();
            deleted.wait().await.unwrap();
        }
        for other in client.snapshots().list(None).await.unwrap() {
            let name = other.name.unwrap();
            if name != snapshot {
                let deleted = client.snapshots().delete(&name).await.unwrap();
                deleted.wait().await.unwrap();
            }
        }
        let _ = fs::remove_dir_all(self.path("journal"));
        if let Some(word) = word {
            let disk = Disk {
                name: Some(DISK.into()),
                size_gb: Some(10),
                labels: [("clawbake-deployment".to_owned(), NAME.to_owned())].into(),
                ..Disk::default()
            };
            let inserted = client.disks(&zone).insert(&disk).await.unwrap();
            inserted.wait().await.unwrap();
            self.write(word).await;
        }
    }

    async fn write(&self, word: u8) {
        let (client, zone) = self.client();
        let disk = client.disks(&zone).get(DISK).await.unwrap();
        let id = disk.id.unwrap();
        assert!(self.qemu_io("disks", id, &format!("write -P {word} 0 64k")));
    }

    /// Whether this is on the state disk.
    fn holds(&self, word: u8) -> bool {
        let id = self.disk().and_then(|disk| disk.id).expect("a disk");
        self.qemu_io("disks", id, &format!("read -P {word} 0 64k"))
    }

    /// Whether a snapshot has this.
    fn saved(&self, word: u8) -> bool {
        let read = format!("read -P {word} 0 64k");
        let mut all = self.snapshots().into_iter();
        all.any(|snapshot| self.qemu_io("snapshots", snapshot.id.unwrap(), &read))
    }

    fn qemu_io(&self, kind: &str, id: u64, command: &str) -> bool {
        let file = self.engine_dir().join(kind).join(format!("{id}.qcow2"));
        assert!(file.exists(), "{}", file.display());
        let mut qemu = Command::new("qemu-io");
        let ran = qemu.args(["-f", "qcow2", "-c", command]).arg(file).output();
        let ran = ran.expect("qemu-io of qemu-utils");
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        ran.status.success() && !said.contains("failed")
    }

    /// Makes the deployment's VM, and a snapshot of its state whose making fails.
    #[tokio::main]
    async fn make_vm_and_broken_snapshot(&self) {
        let (client, zone) = self.client();
        let own = [("clawbake-deployment".to_owned(), NAME.to_owned())];
        let disks = client.disks(&zone);
        for name in ["boot", "broken"] {
            let disk = Disk {
                name: Some(name.into()),
                size_gb: Some(1),
                ..Disk::default()
            };
            disks.insert(&disk).await.unwrap().wait().await.unwrap();
        }
        let vm = gce::Instance {
            name: Some(NAME.into()),
            machine_type: Some(format!("zones/{zone}/machineTypes/e2-small")),
            labels: own.clone().into(),
            disks: vec![gce::AttachedDisk {
                boot: Some(true),
                source: Some(format!("zones/{zone}/disks/boot")),
                ..gce::AttachedDisk::default()
            }],
            network_interfaces: vec![gce::NetworkInterface {
                network: Some("global/networks/default".into()),
                ..gce::NetworkInterface::default()
            }],
            ..gce::Instance::default()
        };
        let made = client.instances(&zone).insert(&vm).await.unwrap();
        made.wait().await.unwrap();
        let id = disks.get("broken").await.unwrap().id.unwrap();
        let file = self.engine_dir().join(format!("disks/{id}.qcow2"));
        fs::write(file, "no disk").unwrap();
        let snapshot = Snapshot {
            name: Some("broken".into()),
            source_disk: Some(format!("zones/{zone}/disks/broken")),
            labels: own.into(),
            ..Snapshot::default()
        };
        let taken = client.snapshots().insert(&snapshot).await.unwrap();
        taken.wait().await.unwrap_err();
    }

    #[tokio::main]
    async fn has_vm(&self) -> bool {
        let (client, zone) = self.client();
        client.instances(&zone).find(NAME).await.unwrap().is_some()
    }

    fn snapshot(&self) -> String {
        self.done(&["state", "snapshot"]).trim().to_owned()
    }

    fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.disk().expect("a disk").labels;
        labels.remove("clawbake-run");
        labels
    }
}

#[test]
fn a_state_comes_back_from_its_snapshot_also_when_the_disk_is_lost() {
    let cloud = Cloud::begin();
    let none = cloud.refused(&["state", "snapshot"], 1);
    assert!(none.contains("there is no state disk"), "{none}");
    let none = cloud.refused(&["state", "restore"], 1);
    assert!(none.contains("no snapshot to restore from"), "{none}");
    cloud.make_disk(1);
    let first = cloud.snapshot();
    let list = cloud.done(&["state", "list"]);
    assert!(
        list.starts_with(&first) && list.contains("2026.1.24-3"),
        "{list}"
    );
    let json: Value = serde_json::from_str(&cloud.done(&["state", "list", "--json"])).unwrap();
    assert_eq!(json[0]["labels"]["clawbake-why"], "asked");
    assert_eq!(json[0]["labels"]["team"], "blue");

    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(cloud.write(2));
    let labels = cloud.labels();
    let ran = cloud.run(&["state", "restore", &first]).expect(0);
    assert_eq!(ran.stdout, format!("{DISK} is {first}\n"));
    assert!(cloud.holds(1) && cloud.saved(2));
    assert_eq!(cloud.labels(), labels);
    // Back again, by the name that it says.
    let back = ran.stderr.split("state restore ").nth(1).unwrap();
    let back = back.split_whitespace().next().unwrap();
    cloud.done(&["state", "restore", back]);
    assert!(cloud.holds(2));

    cloud.lose_disk();
    cloud.done(&["state", "restore", &first]);
    assert!(cloud.holds(1));
    assert_eq!(cloud.labels(), labels);
    let policies = cloud.disk().unwrap().resource_policies;
    assert!(
        policies[0].ends_with("/clawbake-daily-04h-keep-14d"),
        "{policies:?}"
    );
    assert_eq!(cloud.journals(), 0);
}

#[test]
fn a_strangers_snapshot_and_disk_are_left_alone() {
    let cloud = Cloud::begin();
    cloud.make_disk(1);
    let own = cloud.snapshot();
    cloud.replace(
        "clawbake.yaml",
        &[("name: clawdbot-gateway", "name: other")],
    );
    for words in [&["state", "restore", &own][..], &["state", "grow", "12"]] {
        let told = cloud.refused(words, 1);
        assert!(
            told.contains("not of the state of other") || told.contains("no state disk"),
            "{told}"
        );
    }
    assert_eq!(cloud.done(&["state", "list"]), "");
    assert!(cloud.holds(1));
}

#[test]
fn a_snapshot_that_cannot_be_restored_costs_no_vm() {
    let cloud = Cloud::begin();
    cloud.make_disk(1);
    cloud.make_vm_and_broken_snapshot();
    let told = cloud.refused(&["state", "restore", "broken"], 1);
    assert!(told.contains("the snapshot broken is FAILED"), "{told}");
    assert!(cloud.has_vm() && cloud.holds(1));
}

#[test]
fn a_disk_grows_and_does_not_shrink() {
    let cloud = Cloud::begin();
    cloud.make_disk(1);
    let ran = cloud.run(&["state", "grow", "12"]).expect(0);
    assert_eq!(ran.stdout, "12 GiB\n");
    assert!(ran.stderr.contains("disk_gb: 12"), "{}", ran.stderr);
    assert_eq!(cloud.disk().unwrap().size_gb, Some(12));
    assert_eq!(cloud.done(&["state", "grow", "12"]), "12 GiB\n");
    let told = cloud.refused(&["state", "grow", "11"], 1);
    assert!(told.contains("a disk cannot shrink"), "{told}");
    assert!(cloud.holds(1));
}

/// When a run of `state restore` is killed: at this request, before or after the engine has heard it.
/// Whether it came that far.
fn killed(cloud: &Cloud, snapshot: &str, at: usize, after: bool) -> bool {
    let process = Arc::new(AtomicI32::new(0));
    let met = Arc::new(AtomicBool::new(false));
    let (target, reached) = (Arc::clone(&process), Arc::clone(&met));
    cloud.proxy().inject(move |asked| {
        if asked.nth != at {
            return None;
        }
        reached.store(true, Ordering::SeqCst);
        let target = Arc::clone(&target);
        let kill = move || {
            while target.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            let pid = Pid::from_raw(target.load(Ordering::SeqCst)).unwrap();
            let _ = kill_process(pid, Signal::KILL);
        };
        if after {
            return Some(Fault::Then(Box::new(kill)));
        }
        kill();
        None
    });
    let mut command = cloud.verb(&["state", "restore", snapshot]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    process.store(i32::try_from(child.id()).unwrap(), Ordering::SeqCst);
    child.wait().unwrap();
    cloud.proxy().inject(|_| None);
    met.load(Ordering::SeqCst)
}

#[test]
fn a_restore_that_is_killed_at_any_call_goes_on_and_loses_nothing() {
    let cloud = Cloud::begin();
    cloud.make_disk(1);
    let first = cloud.snapshot();
    let (mut tries, mut failures) = (0, Vec::new());
    for word in [Some(2), None] {
        for at in 1.. {
            cloud.reset(word, &first);
            if !killed(&cloud, &first, at, at % 2 == 0) {
                break;
            }
            // Whoever cleans up in between takes nothing of it.
            if at % 3 == 0 {
                cloud.done(&["clean"]);
            }
            let marked = |it: &Snapshot| it.labels.contains_key("clawbake-restoring");
            let mut again = vec!["state", "restore", &first];
            if cloud.snapshots().iter().any(marked) {
                // Which one it was is written on it.
                again.pop();
            }
            let ran = cloud.run(&again);
            let snapshots = cloud.snapshots();
            let ends: [(bool, &str); 4] = [
                (ran.success(), "it does not go on"),
                (
                    cloud.holds(1),
                    "the disk is not what it was at the snapshot",
                ),
                (
                    word.is_none_or(|word| cloud.saved(word)),
                    "the state before it is lost",
                ),
                (!snapshots.iter().any(marked), "a mark is left"),
            ];
            failures.extend(
                ends.iter()
                    .filter(|(good, _)| !good)
                    .map(|(_, what)| format!("call {at}, disk {word:?}: {what}\n{}", ran.stderr)),
            );
            cloud.done(&["clean"]);
            if cloud.disk().is_none() {
                failures.push(format!("call {at}, disk {word:?}: clean takes the disk"));
            }
            tries += 1;
        }
    }
    println!(
        "restores killed at a call: {tries} tries, {} failures",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(tries > 30, "only {tries} tries");
    assert_eq!(cloud.orphans(), []);
}

//! Bakes in real VMs, of a gateway that is small enough for emulated ones: one whose script fails, and
//! one whose image is looked at as it lies, passes its boot test, and runs in a VM that gcloud made. The
//! latter by an account that may do what `setup` lets a deployer do.

use std::fs;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use world::{Endpoint, stdout};

use crate::disk::Disk;
use crate::neighbour::{ADDRESS, Neighbour};
use crate::stage::Stage;

const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/stand-in");
const BAKE: [&str; 4] = ["bake", "--builder=vm", "--no-promote", "--json"];
/// How long after the script's end the bake may still run: a look at the VM and the clean-up.
const REACTION: Duration = Duration::from_mins(1);

#[test]
#[ignore = "boots VMs for 10 to 20 minutes; `make e2e`"]
fn a_vm_makes_the_image_and_a_failing_script_ends_the_bake_at_once() {
    let stage = Stage::open("vm-builder");
    let (_neighbour, url, digest) = busybox(&stage);
    let busybox = (url, digest);

    stage.chapter("a recipe asks for a package that does not exist");
    let broken = deployment(&stage, "broken", "local", &busybox);
    append(
        &stage.path("broken/recipe.yaml"),
        "packages: [clawbake-no-such-package]\n",
    );
    let failed = on_serial(&stage, "phase=failed");
    let message = stage.refused(&[&BAKE[..], &["--file", &broken]].concat(), 1);
    let ended = Instant::now();
    for part in [
        "the builder VM clawbake-builder-",
        "E: Unable to locate package clawbake-no-such-package",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let reaction = ended - failed.join().unwrap();
    stage.say(&format!("{reaction:?} from the script's end to the bake's"));
    assert!(reaction < REACTION);
    expect_nothing_left(&stage);

    stage.chapter("the whole bake, by a deployer");
    let [owner, deployer] = targets(&stage);
    deployment(&stage, "owner", &owner, &busybox);
    stage.clawbake(&["setup", "--file", "owner.yaml"]);
    deployment(&stage, "clawbake", &deployer, &busybox);
    let image: Value = serde_json::from_str(&stage.clawbake(&BAKE)).unwrap();
    assert_eq!(image["status"], "READY", "{image}");
    expect_nothing_left(&stage);

    stage.chapter("the disk as it lies");
    let (id, name) = (image["id"].as_str(), image["name"].as_str().unwrap());
    expect_sealed(&stage.disk("images", id.unwrap()).root(), name);

    stage.chapter("the image passes its boot test and enters its family");
    stage.clawbake(&["images", "promote", name]);
    let images = stage.clawbake(&["images", "list"]);
    assert!(
        images.lines().count() == 1 && images.contains(" front ") && images.contains(" passed "),
        "{images}"
    );
    expect_nothing_left(&stage);

    stage.chapter("a VM that gcloud creates from the family becomes ready");
    create_by_gcloud(&stage);
    let report = stage.guest_attribute("by-gcloud", "clawbake/phase", |report| {
        let ended = ["ready", "failed"].contains(&report["phase"].as_str()?);
        ended.then(|| report.clone())
    });
    assert_eq!(report["phase"], "ready", "{report}");
    stage.gcloud(&["compute", "instances", "delete", "by-gcloud"]);
    expect_nothing_left(&stage);
    stage.chapter("the end");
}

/// Where a neighbour serves Debian's static busybox to VMs, and its digest.
fn busybox(stage: &Stage) -> (Neighbour, String, String) {
    let mut command = stage.command("sh");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/busybox.sh"));
    let output = command.output().unwrap();
    stdout(output, &["busybox-static"]);
    let program = stage.path("bin/busybox");
    let digest = Sha256::digest(fs::read(&program).unwrap());
    let digest = digest
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let neighbour = Neighbour::serve(&program, &stage.path("bin"));
    (neighbour, format!("http://{ADDRESS}/busybox"), digest)
}

/// The engine as a project of Google's: its owner's, and a deployer's who comes from somewhere else.
fn targets(stage: &Stage) -> [String; 2] {
    let Endpoint {
        url,
        project,
        zone,
        token,
        ..
    } = stage.endpoint();
    let file = stage.path("token");
    fs::write(&file, token).unwrap();
    let account = format!("clawbake-deployer@{project}.iam.gserviceaccount.com");
    let federated = wire::federated(&url, &file, &account);
    fs::write(stage.path("federated.json"), federated.to_string()).unwrap();
    ["token_file: token", "file: federated.json"].map(|credentials| {
        format!(
            "{{gce: {{project: {project}, zone: {zone}, endpoint: \"{url}\", \
             credentials: {{{credentials}}}}}}}"
        )
    })
}

/// Writes a deployment with a recipe of its own, and returns its file's name.
fn deployment(stage: &Stage, name: &str, target: &str, (url, sha256): &(String, String)) -> String {
    let mut copy = stage.command("cp");
    stdout(copy.args(["-R", RECIPE, name]).output().unwrap(), &["cp"]);
    let recipe = stage.path(name).join("recipe.yaml");
    let text = fs::read_to_string(&recipe).unwrap();
    let text = text
        .replace("BUSYBOX_URL", url)
        .replace("BUSYBOX_SHA256", sha256);
    fs::write(&recipe, text).unwrap();
    let file = format!("{name}.yaml");
    let text = format!(
        "name: stand-in\ntarget: {target}\nrecipe: {}\nmachine: {{type: n1-standard-1, boot_disk_gb: 10}}\n\
         state: {{disk_gb: 1}}\nsecrets: {{STANDIN_GATEWAY_TOKEN: stand-in-token}}\n",
        stage.path(name).display()
    );
    fs::write(stage.path(&file), text).unwrap();
    file
}

fn append(file: &Path, text: &str) {
    let before = fs::read_to_string(file).unwrap();
    fs::write(file, before + text).unwrap();
}

/// Waits for a word on a VM's serial port, and returns when it came.
fn on_serial(stage: &Stage, word: &'static str) -> JoinHandle<Instant> {
    let vms = stage.engine_dir().join("vms");
    std::thread::spawn(move || {
        let logs = || {
            let vms = fs::read_dir(&vms).into_iter().flatten().flatten();
            vms.map(|vm| fs::read(vm.path().join("serial.log")).unwrap_or_default())
        };
        let deadline = Instant::now() + Duration::from_mins(30);
        while !logs().any(|log| String::from_utf8_lossy(&log).contains(word)) {
            assert!(Instant::now() < deadline, "no VM ever said {word}");
            std::thread::sleep(Duration::from_millis(200));
        }
        Instant::now()
    })
}

/// Nothing of a bake or a test is left but the image.
fn expect_nothing_left(stage: &Stage) {
    for kind in ["instances", "disks"] {
        assert_eq!(stage.names(kind), Vec::<String>::new(), "{kind}");
    }
    stage.expect_no_journal();
}

/// What belongs into the image is there, and what belongs to one machine is not.
fn expect_sealed(disk: &Disk, image: &str) {
    assert_eq!(disk.read("/etc/stand-in"), "provisioned\n");
    assert!(disk.read("/etc/clawbake/image.json").contains(image));
    let containers = disk.read("/var/lib/docker/image/overlay2/repositories.json");
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
    assert_eq!(disk.read("/etc/machine-id"), "");
    let mut ssh = disk.names("/etc/ssh");
    ssh.retain(|name| name.starts_with("ssh_host_"));
    assert_eq!(ssh, Vec::<String>::new());
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
}

/// What `clawbake launch` does, as somebody does it who has gcloud alone.
fn create_by_gcloud(stage: &Stage) {
    let generate = ["secrets", "generate", "stand-in-token"];
    stage.clawbake(&[&generate[..], &["--file", "owner.yaml"]].concat());
    let user_data = stage.clawbake(&["user-data", "render"]);
    fs::write(stage.path("user-data"), user_data).unwrap();
    stage.gcloud(&[
        "compute",
        "instances",
        "create",
        "by-gcloud",
        "--machine-type=n1-standard-1",
        "--image-family=stand-in-gateway",
        "--image-project=clawbake-local",
        "--create-disk=device-name=clawbake-state,size=1GB,auto-delete=yes",
        "--metadata=enable-guest-attributes=TRUE",
        "--metadata-from-file=user-data=user-data",
        "--service-account=clawbake-vm@clawbake-local.iam.gserviceaccount.com",
        "--scopes=cloud-platform",
        "--shielded-secure-boot",
    ]);
}

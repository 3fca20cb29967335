//! A state's ways: back to an older release, out as an archive and in again, over to another gateway and back,
//! from a snapshot onto a new disk; and a launch that may not read its secret.
//!
//! One story, because each chapter needs the one before it. `make travels`: it does not fit into CI's time.

use std::fs;

use serde_json::{Value, json};
use world::stdout;

use crate::life::{Life, NAME, STATE, Seen};
use crate::stage::{Stage, hits};

/// The deployment that takes its state over.
const HEIR: &str = "heir/clawbake.yaml";

#[test]
#[ignore = "boots VMs for an hour; `make travels`"]
fn a_state_survives_its_disk_its_vm_and_its_gateway() {
    let life = Life::begin("travels");

    life.chapter("A is launched, and its state fills");
    let (url, full) = life.launch();

    life.chapter("to B and back to A: refused without the state from before B");
    life.publish("b");
    life.rebuild(0);
    life.expect(&url, "2026.3.2", &full);
    let refused = life.refused(&["rollback", "--to", "2026.3.1"], 6);
    assert!(refused.contains("--with-state"), "{refused}");
    life.expect(&url, "2026.3.2", &full);
    life.call(&url, "sessions_add", &json!({"key": "of B alone"}));
    life.clawbake(&["rollback", "--to", "2026.3.1", "--with-state"]);
    life.expect(&url, "2026.3.1", &full);

    life.chapter("an export while the gateway goes on; VM and disk are lost, and the export fills a blank disk");
    export_and_import(&life, &url, &full);

    life.chapter("another gateway takes the state over, and the old one gets its own back");
    life.publish("heir");
    bequeath(&life);
    life.clawbake(&["bake", "--file", HEIR]);
    let migrate = ["migrate", "--file", HEIR, "--from", "clawbake.yaml"];
    let heir = life.clawbake(&migrate).trim().to_owned();
    life.expect(&heir, "2026.4.1", &full);
    let status = [
        "compute",
        "instances",
        "describe",
        NAME,
        "--format=value(status)",
    ];
    assert_eq!(life.gcloud(&status).trim(), "TERMINATED");
    life.refused(&["start"], 6);
    life.clawbake(&[&migrate[..], &["--back"]].concat());
    life.expect(&url, "2026.3.1", &full);
    life.clawbake(&["delete", "--file", HEIR, "--state-disk", "heir-state"]);

    life.chapter("the VM and its state disk are lost: the state comes back from a snapshot");
    let snapshot = life.clawbake(&["state", "snapshot"]).trim().to_owned();
    life.call(&url, "sessions_add", &json!({"key": "after the snapshot"}));
    life.gcloud(&["compute", "instances", "delete", NAME]);
    life.gcloud(&["compute", "disks", "delete", STATE]);
    let list = life.clawbake(&["state", "list"]);
    assert!(list.contains(&snapshot), "{list}");
    life.clawbake(&["state", "restore", &snapshot]);
    life.clawbake(&["recreate"]);
    life.expect(&url, "2026.3.1", &full);

    life.chapter("no secret in journal, processes and disks, as the guest sees them itself");
    let script = concat!(
        "--metadata-from-file=startup-script=",
        env!("CARGO_MANIFEST_DIR"),
        "/tests/e2e/look-for-canary.sh"
    );
    life.gcloud(&["compute", "instances", "add-metadata", NAME, script]);
    life.clawbake(&["restart"]);
    let found = life.guest_attribute(NAME, "canary/", |value| Some(value.clone()));
    for place in ["journal", "processes", "disk"] {
        assert_eq!(found[place], 0, "{found}");
    }
    assert_eq!(
        found["control"], 1,
        "the search itself does not work: {found}"
    );

    life.chapter("nothing is left over");
    life.end();

    life.chapter("a secret that the VM may not read fails the launch, by name and role");
    forbid(&life, "life-token");
    let error = life.refused(&["launch"], 5);
    for part in ["life-token", "roles/secretmanager.secretAccessor"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(hits(&error, life.token()), 0);
    let seconds = life.seconds_to_failure();
    assert!(seconds <= 60, "{seconds} s from the phase to its failure");
    life.say(&format!("refused {seconds} s after the phase began"));
    life.end();
    life.chapter("the end");
}

/// Takes a secret from the VM's account.
fn forbid(life: &Stage, secret: &str) {
    let policy = life.gcloud(&["secrets", "get-iam-policy", secret, "--format=json"]);
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let member = policy["bindings"][0]["members"][0].as_str().unwrap();
    life.gcloud(&[
        "secrets",
        "remove-iam-policy-binding",
        secret,
        "--role=roles/secretmanager.secretAccessor",
        &format!("--member={member}"),
    ]);
}

/// The state leaves as an archive, and fills the blank disk of another VM: all that was seen, and files
/// of odd modes, to the bit.
fn export_and_import(life: &Life, url: &str, seen: &Seen) {
    for file in [
        json!({"name": "run.sh", "mode": 0o750, "content": "#!/bin/sh\n"}),
        json!({"name": "locked", "mode": 0o400, "content": "x"}),
        json!({"name": "link", "target": "../nowhere"}),
    ] {
        life.call(url, "files_add", &file);
    }
    let files = life.call(url, "files_list", &json!({}))["files"].clone();
    let before = life.things();
    let file = life.path("life.tar.gz");
    let file = file.to_str().unwrap();
    life.clawbake(&["state", "export", file]);
    // The gateway went on, and the short-lived VM is gone.
    life.expect(url, &seen.version, seen);
    assert_eq!(life.things(), before);
    life.clawbake(&["delete", "--state-disk", STATE]);
    assert_eq!(life.names("disks"), Vec::<String>::new());
    life.clawbake(&["launch", "--import", file]);
    life.expect(url, &seen.version, seen);
    let after = life.call(url, "files_list", &json!({}))["files"].clone();
    assert_eq!(after, files, "names, modes, owners and sizes");
}

/// Writes the deployment of another gateway, whose recipe takes the state over.
fn bequeath(life: &Stage) {
    fs::create_dir(life.path("heir")).unwrap();
    let mut copy = life.command("cp");
    let copied = copy.args(["-R", "recipe", "heir/recipe"]).output();
    stdout(copied.unwrap(), &["cp"]);
    life.replace(
        "heir/recipe/recipe.yaml",
        &[
            ("name: life\n", "name: heir\n"),
            ("family: life-gateway", "family: heir-gateway"),
            ("npm: clawbake-stand-in", "npm: clawbake-heir"),
            ("dirs: [.stand-in]", "dirs: [.heir]"),
            ("path: .stand-in/config.json", "path: .heir/config.json"),
            (
                "  health:\n",
                "    adopts: {from: clawbake-stand-in, moves: [{from: .stand-in, to: .heir}]}\n  health:\n",
            ),
        ],
    );
    let text = fs::read_to_string(life.path("clawbake.yaml")).unwrap();
    fs::write(life.path(HEIR), text.replace("name: life", "name: heir")).unwrap();
}

//! An engine with one of everything, and what happens to it.

use serde_json::json;

use super::findings;
use crate::Scene;
use crate::processes::Process;

const ZONE: &str = "projects/p/zones/z";

/// An engine, process 10, with one of everything, each owned.
fn whole() -> Scene {
    let mut scene = Scene {
        engine: Some(10),
        ..Scene::default()
    };
    let files = [
        ("localgce.db", 0),
        ("objects", 0),
        ("objects/5", 3),
        ("objects/77", 9),
        ("images/1.qcow2", 0),
        ("images/9.qcow2", 0),
        ("snapshots/2.qcow2", 0),
        ("disks/3.qcow2", 0),
        ("vms/4", 0),
    ];
    scene.files = files.map(|(path, length)| (path.into(), length)).into();
    let resources = [
        (
            "projects/p/global/images/i",
            json!({"id": "1", "status": "READY"}),
        ),
        (
            "projects/p/global/snapshots/s",
            json!({"id": "2", "status": "READY"}),
        ),
        (
            "projects/debian-cloud/global/images/d",
            json!({"id": "8", "status": "READY"}),
        ),
        (
            "projects/p/zones/z/disks/d",
            json!({"id": "3", "status": "READY", "sourceImageId": "9",
                "users": ["https://x/compute/v1/projects/p/zones/z/instances/v"]}),
        ),
        (
            "projects/p/zones/z/instances/v",
            json!({"id": "4", "status": "RUNNING"}),
        ),
        ("projects/p/zones/z/instanceGroups/g", json!({"id": "6"})),
        (
            "projects/p/zones/z/operations/o",
            json!({"name": "o", "status": "DONE"}),
        ),
    ];
    let rows = &mut scene.rows;
    rows.resources = resources.map(|(path, body)| (path.to_owned(), body)).into();
    rows.requests = vec!["o".into()];
    rows.attributes = vec!["4".into()];
    rows.members = vec![(
        format!("{ZONE}/instanceGroups/g"),
        format!("{ZONE}/instances/v"),
    )];
    rows.buckets = vec!["b".into()];
    rows.objects = vec![("5".into(), json!({"id": "b/o/5", "size": "3"}))];
    rows.uploads = vec![
        ("7".into(), "b".into(), Some("77".into())),
        ("8".into(), "b".into(), None),
    ];
    rows.files = vec![("images/9.qcow2".into(), "doomed".into())];
    rows.accounts = vec!["projects/p/serviceAccounts/a".into()];
    rows.policies = vec![
        "projects/p".into(),
        "projects/_/buckets/b".into(),
        "projects/p/serviceAccounts/a".into(),
    ];
    scene.processes = vec![
        process(10, &[1], "localgce serve --dir /e"),
        process(11, &[10, 1], "qemu path=/e/vms/4/serial.log"),
    ];
    scene
}

fn process(pid: u32, ancestors: &[u32], command: &str) -> Process {
    Process {
        pid,
        ancestors: ancestors.into(),
        command: command.into(),
    }
}

fn found(change: impl FnOnce(&mut Scene)) -> Vec<String> {
    let mut scene = whole();
    change(&mut scene);
    findings(&scene).iter().map(ToString::to_string).collect()
}

#[test]
fn everything_has_an_owner() {
    assert_eq!(found(|_| ()), [""; 0]);
}

#[test]
fn processes_and_mounts_without_an_engine() {
    assert_eq!(
        found(|scene| scene
            .processes
            .push(process(12, &[1], "tar /e/images/x.part"))),
        ["process 12: tar /e/images/x.part"]
    );
    assert_eq!(found(|scene| scene.engine = None).len(), 2);
    assert_eq!(
        found(|scene| scene
            .processes
            .push(process(12, &[10], "qemu /e/vms/44/qmp.sock"))),
        ["process 12: qemu /e/vms/44/qmp.sock"]
    );
    assert_eq!(
        found(|scene| scene.mounts.push("/e/x".into())),
        ["mount: /e/x"]
    );
}

#[test]
fn files_that_no_row_names() {
    for stray in [
        "localgce.db.bak",
        ".tmpA1",
        "objects/6",
        "objects/78.part",
        "images/2.qcow2",
        "images/.tmpA1.part",
        "images/1",
        "snapshots/1.qcow2",
        "disks/4.qcow2",
        "vms/3",
    ] {
        let found = found(|scene| {
            scene.files.insert(stray.into(), 0);
        });
        assert_eq!(found, [format!("file without a row: {stray}")]);
    }
}

#[test]
fn rows_whose_file_is_not_there() {
    for lost in [
        "objects/5",
        "images/1.qcow2",
        "images/9.qcow2",
        "snapshots/2.qcow2",
        "disks/3.qcow2",
    ] {
        let found = found(|scene| {
            scene.files.remove(lost);
        });
        let told = |found: &String| found.ends_with(&format!("{lost} is not there"));
        assert!(found.iter().any(told), "{found:?}");
    }
    let short = found(|scene| {
        scene.files.insert("objects/5".into(), 0);
    });
    assert_eq!(short, ["row b/o/5: objects/5 has 0 bytes, not 3"]);
}

#[test]
fn rows_that_wait_for_nobody() {
    for (path, status) in [
        ("zones/z/disks/d", "DELETING"),
        ("global/images/i", "PENDING"),
        ("zones/z/instances/v", "STOPPING"),
        ("zones/z/operations/o", "RUNNING"),
    ] {
        let path = format!("projects/p/{path}");
        let found = found(|scene| {
            scene.rows.resources.get_mut(&path).unwrap()["status"] = status.into();
        });
        assert_eq!(
            found,
            [format!("row {path}: {status}, and nobody is at work")]
        );
    }
    let making = found(|scene| scene.rows.files[0].1 = "making".into());
    assert_eq!(
        making,
        ["row images/9.qcow2: making, and nobody is at work"]
    );
    let gone = found(|scene| scene.rows.files[0].0 = "objects/9".into());
    assert_eq!(gone, ["row objects/9: doomed, and not there any more"]);
    let found = found(|scene| scene.processes.truncate(1));
    assert_eq!(
        found,
        [format!(
            "row {ZONE}/instances/v: RUNNING, and has no machine"
        )]
    );
}

#[test]
fn rows_about_what_is_not_there() {
    let gone = |path: &str| {
        let path = format!("{ZONE}/{path}");
        found(|scene| drop(scene.rows.resources.remove(&path)))
    };
    // Its directory, its machine, its disk, its attributes, its membership.
    assert_eq!(gone("instances/v").len(), 5);
    assert_eq!(gone("instanceGroups/g").len(), 1);
    assert_eq!(gone("operations/o"), ["row request: there is no o"]);
    // Two uploads and a policy.
    assert_eq!(found(|scene| scene.rows.buckets.clear()).len(), 3);
    assert_eq!(found(|scene| scene.rows.accounts.clear()).len(), 1);
}

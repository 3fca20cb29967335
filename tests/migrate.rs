//! Moves the state of one gateway to another with the real program and a real engine; what runs in the VMs is
//! played.

#[path = "faults/api.rs"]
#[allow(dead_code, reason = "other tests ask for more")]
mod api;
#[path = "faults/content.rs"]
mod content;
#[path = "faults/guard.rs"]
mod guard;
#[path = "faults/guest.rs"]
#[allow(dead_code, reason = "other tests play other parts")]
mod guest;
#[path = "project/killed.rs"]
mod killed;
#[path = "migrate/move.rs"]
mod moving;
mod project;
#[path = "rollout/stage.rs"]
#[allow(dead_code, reason = "other tests play other parts")]
mod stage;

use killed::killed_everywhere;
use moving::{Moving, NEW, NEW_STATE};
use project::cast::Manner;
use stage::{NAME, STATE};

#[test]
fn another_gateway_takes_the_state_over_and_the_old_vm_stays_for_the_way_back() {
    let moving = Moving::begin();
    let disk = moving.disk().id;
    let plan = moving.migrate(&["--dry-run"], 0).stdout;
    assert!(plan.starts_with("1. rehearse it on a clone"), "{plan}");
    assert!(plan.contains("create the new VM"), "{plan}");
    assert!(moving.snapshots().is_empty(), "it was a look");

    let told = moving.migrate(&["--json"], 0).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["instance"], NEW, "{told}");
    assert_eq!(told["gateway"], "2026.9.6", "{told}");
    assert_eq!(told["counts"], "sessions 4", "{told}");
    assert!(told["downtimeSeconds"].is_u64(), "{told}");
    let snapshot = &moving.snapshots()[0];
    assert_eq!(snapshot.name.as_deref(), told["snapshot"].as_str());
    assert_eq!(snapshot.labels["clawbake-why"], "before-migration");
    moving.has_moved(disk);

    // The old gateway would speak for the accounts that the new one has.
    for words in [
        &["start"][..],
        &["up"],
        &["launch"],
        &["recreate"],
        &["restart"],
    ] {
        let told = moving.run(words, 6).stderr;
        assert!(told.contains("--back"), "{words:?}: {told}");
    }
    assert_eq!(moving.migrate(&[], 0).code, Some(0), "it is done already");

    let told = moving.migrate(&["--back"], 0).stderr;
    assert!(
        told.contains(&format!("--state-disk {NEW_STATE}")),
        "{told}"
    );
    moving.is_back(disk);
    let told = moving.migrate(&[], 6).stderr;
    assert!(
        told.contains(&format!("--state-disk {NEW_STATE}")),
        "{told}"
    );
    moving.run(
        &["delete", "--file", moving::FILE, "--state-disk", NEW_STATE],
        0,
    );
    moving.migrate(&[], 0);
    moving.has_moved(disk);
    moving.run(&["delete", "--state-disk", STATE], 0);
    assert_eq!(moving.instances(), [NEW]);
}

#[test]
fn a_gateway_that_fails_on_a_clone_touches_nothing_and_one_that_fails_later_is_put_back() {
    let moving = Moving::begin();
    let disk = moving.disk().id;
    moving.image("sick", "2026-9-5", "18-23", Manner::Sick);
    let told = moving.migrate(&["--image", "sick"], 6).stderr;
    assert!(told.contains("failed its rehearsal"), "{told}");
    assert!(moving.snapshots().is_empty());
    moving.is_back(disk);

    moving.image("late", "2026-9-5", "18-23", Manner::Late);
    let told = moving.migrate(&["--image", "late"], 7).stderr;
    assert!(told.contains("the gate `counts`"), "{told}");
    assert!(told.contains("sessions: 2 of 4 are left"), "{told}");
    moving.is_back(disk);
    assert_eq!(moving.disks(), [NAME, STATE], "the copy is gone");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_made() {
    let moving = Moving::begin();
    for (was, becomes, words) in [
        (
            "name: openclaw-gateway",
            "name: clawdbot-gateway",
            "both deployments are called",
        ),
        (
            "from: clawdbot",
            "from: moltbot",
            "does not take over the state of clawdbot",
        ),
    ] {
        let file = if was.starts_with("name") {
            moving::FILE
        } else {
            "new/recipe/recipe.yaml"
        };
        moving.world.replace(file, &[(was, becomes)]);
        let told = moving.migrate(&[], 6).stderr;
        assert!(told.contains(words), "{told}");
        moving.world.replace(file, &[(becomes, was)]);
    }
    let told = moving.migrate(&["--back"], 6).stderr;
    assert!(told.contains("nothing has been taken over"), "{told}");
    moving
        .world
        .replace(moving::FILE, &[("clawdbot-gateway-token", "not-there")]);
    let told = moving.migrate(&[], 1).stderr;
    assert!(
        told.contains("these secrets do not exist: not-there"),
        "{told}"
    );
    assert!(moving.snapshots().is_empty());
    assert_eq!(moving.instances(), [NAME]);
}

/// Whatever a run was doing when it was killed, the next one brings it to its end: one gateway runs, on a
/// whole state, and nothing is left over.
#[test]
#[ignore = "minutes; `make faults`"]
fn a_migration_that_is_killed_is_gone_on_with() {
    let begin = || {
        let moving = Moving::begin();
        let disk = moving.disk().id;
        (moving, disk)
    };
    let verb = moving::verb(&[]);
    let verb: Vec<_> = verb.iter().map(String::as_str).collect();
    let kills = killed_everywhere("migrate", begin, |(moving, disk), nth| {
        let killed = moving.killed_after(&verb, nth);
        if nth.is_multiple_of(2) {
            moving.run(&["clean"], 0);
        }
        moving.gone_on_with(&verb, nth);
        moving.has_moved(*disk);
        moving.migrate(&["--back"], 0);
        moving.run(
            &["delete", "--file", moving::FILE, "--state-disk", NEW_STATE],
            0,
        );
        moving.is_back(*disk);
        assert_eq!(moving.disks(), [NAME, STATE], "kill {nth}");
        killed
    });
    assert!(kills > 8, "{kills} kills");
}

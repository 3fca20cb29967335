//! Replaces VMs with the real program and a real engine; what runs in the VMs is played.

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
mod project;
#[path = "rollout/stage.rs"]
mod stage;

use killed::killed_everywhere;
use project::cast::Manner;
use stage::{NAME, STATE, Stage};

#[test]
fn a_vm_is_recreated_with_its_state_and_comes_back_when_it_is_lost() {
    let stage = Stage::begin();
    let before = stage.disk();
    let plan = stage.run(&["recreate", "--dry-run"], 0).stdout;
    assert!(
        plan.contains("delete the VM, keep its state disk"),
        "{plan}"
    );
    assert_eq!(stage.snapshots().len(), 0, "it was a look");
    let replaced = stage.recreate(&[]);
    assert_eq!(replaced["image"], "a", "{replaced}");
    assert_eq!(replaced["gateway"], "2026.9.4", "{replaced}");
    assert!(replaced["downtimeSeconds"].is_u64(), "{replaced}");
    let snapshots = stage.snapshots();
    let taken = &snapshots[0];
    assert_eq!(taken.name.as_deref(), replaced["snapshot"].as_str());
    assert_eq!(taken.labels["clawbake-counts"], "sessions-4");
    assert_eq!(taken.labels["clawbake-gateway"], "2026-9-4");
    assert_eq!(stage.disk().id, before.id);
    stage.is_at_rest();

    stage.lose_vm();
    let replaced = stage.recreate(&[]);
    assert_eq!(replaced["image"], "a", "{replaced}");
    assert_eq!(stage.runs(), "a");
    assert_eq!(stage.disk().id, before.id);
    stage.is_at_rest();
}

#[test]
fn a_release_that_fails_is_put_back_with_the_state_before() {
    let stage = Stage::begin();
    let before = stage.disk();
    for (name, version, manner, gate) in [
        ("sick", "2026-9-5", Manner::Sick, "ready"),
        ("forgetful", "2026-9-6", Manner::Forgetful, "counts"),
    ] {
        stage.image(name, version, "18-23", manner);
        let told = stage.run(&["recreate", "--image", name], 7).stderr;
        assert!(told.contains(&format!("the gate `{gate}`")), "{told}");
        assert_eq!(stage.runs(), "a");
        let disk = stage.disk();
        assert_ne!(disk.id, before.id, "it is restored");
        assert_eq!(disk.labels["clawbake-gateway"], "2026-9-4");
        assert_eq!(disk.labels["clawbake-schema"], "17-19");
        stage.is_at_rest();
    }
}

#[test]
fn what_cannot_read_the_state_is_refused_and_a_rollback_takes_the_state_from_before() {
    let stage = Stage::begin();
    stage.image("b", "2026-9-6", "18-23", Manner::Good);
    stage.recreate(&["--image", "b"]);
    assert_eq!(stage.disk().labels["clawbake-schema"], "18-23");

    let told = stage.run(&["recreate", "--image", "a"], 6).stderr;
    assert!(told.contains("the gate `schema`"), "{told}");
    let told = stage.run(&["rollback"], 6).stderr;
    assert!(told.contains("`--with-state` goes back"), "{told}");
    assert_eq!((stage.runs().as_str(), stage.front().as_str()), ("b", "b"));
    stage.is_at_rest();

    let plan = stage.run(&["rollback", "--with-state", "--dry-run"], 0);
    assert!(
        plan.stdout.contains("make the state disk again"),
        "{plan:?}"
    );
    let told = stage.run(&["rollback", "--with-state"], 0).stderr;
    assert!(told.contains("back to a, with the state of"), "{told}");
    assert_eq!((stage.runs().as_str(), stage.front().as_str()), ("a", "a"));
    let disk = stage.disk();
    assert_eq!(disk.labels["clawbake-schema"], "17-19");
    assert!(disk.source_snapshot.is_some());
    stage.is_at_rest();
}

#[test]
fn without_state_there_is_nothing_to_keep() {
    let stage = Stage::begin();
    stage.run(&["delete", "--state-disk", STATE], 0);
    let told = stage.run(&["recreate"], 1).stderr;
    assert!(told.contains("`clawbake launch` makes a new VM"), "{told}");
}

#[test]
fn a_rollback_that_is_killed_is_finished_with_its_family_and_what_it_refuses() {
    let stage = Stage::begin();
    stage.image("b", "2026-9-6", "17-19", Manner::Good);
    stage.recreate(&["--image", "b"]);
    assert_eq!(stage.front(), "b");
    // The VM before is being made, and the family has not moved.
    let insert = format!("/zones/{}/instances", stage.zone());
    assert!(stage.killed_at(&["rollback"], move |method, path| {
        method == "POST" && path.ends_with(&insert)
    }));
    assert_eq!(stage.front(), "b");

    // Somebody else's machine brings it to its end.
    let ended = stage.elsewhere(&["recreate"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!((stage.runs().as_str(), stage.front().as_str()), ("a", "a"));
    let labels = stage.image_labels("a");
    assert_eq!(labels["clawbake-refused"], "2026-9-6");
    assert_eq!(labels["clawbake-refused-by"], "person");

    // The first machine's journal names the VM, which is in use.
    assert_eq!(stage.world.journals(), 1);
    let cleaned = stage.run(&["clean"], 0).stdout;
    assert!(!cleaned.contains("removed"), "{cleaned}");
    assert_eq!(stage.runs(), "a");
    stage.is_at_rest();
}

#[test]
fn a_vm_that_somebody_starts_meanwhile_makes_another_snapshot_necessary() {
    let stage = Stage::begin();
    stage.image("b", "2026-9-6", "18-23", Manner::Good);
    // The name of the snapshot has just been written.
    let (mut taken, label) = (false, format!("/disks/{STATE}/setLabels"));
    assert!(
        stage.killed_at(&["recreate", "--image", "b"], move |method, path| {
            taken |= method == "POST" && path.ends_with("/snapshots");
            taken && path.ends_with(&label)
        })
    );
    let first = stage.snapshots().remove(0).name;
    stage.start_vm();
    let replaced = stage.recreate(&["--image", "b"]);
    assert_eq!(stage.snapshots().len(), 2);
    assert_ne!(
        first.as_deref(),
        replaced["snapshot"].as_str(),
        "{replaced}"
    );
    assert_eq!(stage.runs(), "b");
    stage.is_at_rest();
}

#[test]
fn a_restore_stops_the_gateway_before_its_vm_goes() {
    let stage = Stage::begin();
    stage.run(&["state", "snapshot"], 0);
    let calls = stage.changes(&["state", "restore"], 0);
    let at = |call: &str| {
        let found = calls.iter().position(|it| it.ends_with(call));
        found.unwrap_or_else(|| panic!("{call}: {calls:#?}"))
    };
    let vm = format!("instances/{NAME}");
    let asked = at(&format!("{vm}/setMetadata"));
    let stopped = at(&format!("{vm}/stop"));
    let deleted = at(&vm);
    assert!(asked < stopped && stopped < deleted, "{calls:#?}");
    stage.is_at_rest();
}

/// Whatever a run was doing when it was killed, the next one brings it to its end, here or on another
/// machine, and nothing that is in use is taken for a leftover.
#[test]
#[ignore = "minutes; `make faults`"]
fn a_recreate_that_is_killed_is_gone_on_with() {
    let begin = || {
        let stage = two_releases();
        stage.image("c", "2026-9-5", "18-23", Manner::Good);
        stage.recreate(&["--image", "c"]);
        let disk = stage.disk().id;
        (stage, disk)
    };
    let kills = killed_everywhere("recreate", begin, |(stage, disk), nth| {
        let to = if stage.runs() == "b" { "c" } else { "b" };
        let killed = stage.killed_after(&["recreate", "--image", to], nth);
        stage.gone_on_with(&["recreate"], nth);
        if stage.runs() != to {
            // It had not begun.
            stage.recreate(&["--image", to]);
        }
        assert_eq!(stage.runs(), to, "kill {nth}");
        assert_eq!(stage.disk().id, *disk, "kill {nth}: nothing was restored");
        stage.is_at_rest();
        killed
    });
    assert!(kills > 8, "{kills} kills");
}

/// The same of the way back to an older release, with its state.
#[test]
#[ignore = "minutes; `make kills`"]
fn a_rollback_that_is_killed_is_gone_on_with() {
    let back = ["rollback", "--to", "2026.9.4", "--with-state"];
    let kills = killed_everywhere("rollback", two_releases, |stage, nth| {
        stage.begins_with("b");
        let killed = stage.killed_after(&back, nth);
        stage.gone_on_with(&back, nth);
        let reached = (stage.runs(), stage.front());
        assert_eq!(reached, ("a".into(), "a".into()), "kill {nth}");
        stage.is_at_rest();
        killed
    });
    assert!(kills > 12, "{kills} kills");
}

/// The same of a restore, with the VM that it deletes.
#[test]
#[ignore = "minutes; `make kills`"]
fn a_restore_that_is_killed_is_gone_on_with() {
    let kills = killed_everywhere("restore", two_releases, |stage, nth| {
        stage.begins_with("a");
        let saved = stage.run(&["state", "snapshot"], 0).stdout;
        let restore = ["state", "restore", saved.trim()];
        let before = stage.disk().id;
        let killed = stage.killed_after(&restore, nth);
        stage.gone_on_with(&restore, nth);
        assert_ne!(stage.disk().id, before, "kill {nth}: it was restored");
        assert!(stage.vm().is_none(), "kill {nth}");
        stage.is_at_rest();
        killed
    });
    assert!(kills > 6, "{kills} kills");
}

/// The same of a launch that another machine goes on with: nothing that is in use from then on is a leftover
/// here, not even a state that no VM has any more.
#[test]
#[ignore = "minutes; `make kills`"]
fn a_launch_that_is_killed_is_gone_on_with() {
    let kills = killed_everywhere("launch", Stage::begin, |stage, nth| {
        stage.run(&["delete", "--state-disk", stage::STATE], 0);
        let killed = stage.killed_after(&["launch", "--image", "a"], nth);
        // Without a VM, `up` would bake.
        if stage.vm().is_some() {
            stage.elsewhere(&["up"]);
        } else {
            stage.elsewhere(&["launch", "--image", "a"]);
        }
        if nth.is_multiple_of(2) {
            stage.run(&["clean"], 0);
        }
        assert_eq!(stage.runs(), "a", "kill {nth}");
        stage.elsewhere(&["delete"]);
        stage.run(&["clean"], 0);
        stage.disk();
        assert_eq!(stage.world.journals(), 0, "kill {nth}");
        killed
    });
    assert!(kills > 1, "{kills} kills");
}

/// A stage with a release to go to.
fn two_releases() -> Stage {
    let stage = Stage::begin();
    stage.image("b", "2026-9-6", "18-23", Manner::Good);
    stage
}

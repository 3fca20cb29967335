//! Rebuilds with the real program, a real engine and a registry of npm's: images are there without a
//! bake, and what runs in the VMs is played.

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
#[path = "rebuild/life.rs"]
mod life;
#[path = "project/planned.rs"]
mod planned;
mod project;

use killed::killed_everywhere;
use life::Life;
use planned::Planned;
use project::cast::Manner;

#[test]
#[ignore = "says the plan of a recipe for the other tests"]
fn says_the_plan() {
    planned::say();
}

/// B is new, its image is there, and it does not behave.
fn of(manner: Manner) -> (Life, String, String) {
    let life = Life::begin();
    let a = life.front().name.unwrap();
    life.publish("b");
    life.behaves("2026-3-2", manner);
    let b = life.prepare("2026.3.2");
    (life, a, b)
}

/// VM, family and state are A's, and nothing is left over.
fn untouched(life: &Life, a: &str) {
    assert_eq!(life.front().name.as_deref(), Some(a));
    assert_eq!(life.runs(), a);
    assert_eq!(life.left(), Vec::<String>::new());
    assert_eq!(life.world.journals(), 0);
}

#[test]
fn a_release_that_loses_sessions_is_refused_at_its_rehearsal_and_not_tried_again() {
    let (life, a, b) = of(Manner::Forgetful);
    assert_eq!(life.run(&["rebuild", "--check"]).code, Some(10));
    let report = life.rebuild(&[], 6);
    assert_eq!(report["end"]["at"], "refused", "{report}");
    assert_eq!(report["end"]["gate"], "rehearsal", "{report}");
    let why = report["end"]["why"].as_str().unwrap();
    assert!(why.contains("sessions: 2 of 4 are left"), "{why}");
    untouched(&life, &a);
    let front = life.front();
    assert_eq!(front.labels["clawbake-refused"], "2026-3-2");
    assert_eq!(front.labels["clawbake-refused-by"], "rehearsal");
    let labels = life.labels(&b);
    assert_eq!(labels["clawbake-boot-test"], "passed");
    let verdict = &labels["clawbake-rehearsal"];
    assert!(verdict.starts_with("failed-"), "{labels:?}");

    assert_eq!(life.run(&["rebuild", "--check"]).code, Some(0));
    let again = life.rebuild(&[], 6);
    assert_eq!(again["end"]["gate"], "check", "{again}");
    life.behaves("2026-3-2", Manner::Good);
    let retried = life.rebuild(&["--retry", "--no-replace"], 0);
    assert_eq!(retried["end"]["at"], "promoted", "{retried}");
    let front = life.front();
    assert_eq!(front.name, Some(b));
    assert!(!front.labels.contains_key("clawbake-refused"));
    assert_eq!(life.runs(), a);
}

#[test]
fn a_good_release_passes_all_gates_and_the_vm_runs_it() {
    let (life, a, b) = of(Manner::Good);
    let gates = life.done(&["rebuild", "--dry-run"]);
    assert!(
        gates.ends_with("boot-test, rehearsal, promote, replace\n"),
        "{gates}"
    );
    assert_eq!(life.runs(), a);
    let report = life.rebuild(&[], 0);
    assert_eq!(report["end"]["at"], "replaced", "{report}");
    assert!(report["downtimeSeconds"].is_u64(), "{report}");
    assert_eq!(life.runs(), b);
    let front = life.front();
    assert_eq!(front.name, Some(b));
    assert!(front.labels["clawbake-rehearsal"].starts_with("passed-"));
    let lock = life.lock();
    assert!(lock.contains("version: 2026.3.2"), "{lock}");
    assert_eq!(life.rebuild(&[], 0)["end"]["at"], "current");
    assert_eq!(life.world.journals(), 0);
}

#[test]
fn a_release_that_fails_on_the_state_itself_is_put_back_with_family_and_lock() {
    let (life, a, _) = of(Manner::Late);
    let report = life.rebuild(&[], 7);
    assert_eq!(report["end"]["at"], "putBack", "{report}");
    assert_eq!(report["end"]["gate"], "counts", "{report}");
    let front = life.front();
    assert_eq!(front.name.as_deref(), Some(&*a));
    assert_eq!(front.labels["clawbake-refused-by"], "counts");
    assert_eq!(life.runs(), a);
    let lock = life.lock();
    assert!(lock.contains("version: 2026.3.1"), "{lock}");
    assert_eq!(life.rebuild(&[], 6)["end"]["gate"], "check");
}

#[test]
fn a_release_that_never_becomes_healthy_is_refused_at_its_boot_test() {
    let (life, a, b) = of(Manner::Sick);
    let report = life.rebuild(&[], 6);
    assert_eq!(report["end"]["gate"], "boot-test", "{report}");
    untouched(&life, &a);
    assert_eq!(life.labels(&b)["clawbake-boot-test"], "failed");
    assert!(!life.labels(&b).contains_key("clawbake-rehearsal"));
}

#[test]
fn a_release_that_lowers_the_schema_is_refused_before_anything_is_made() {
    let life = Life::begin();
    let a = life.front().name.unwrap();
    life.publish("e");
    let report = life.rebuild(&[], 6);
    assert_eq!(report["end"]["gate"], "schema", "{report}");
    untouched(&life, &a);
    assert_eq!(life.front().labels["clawbake-refused-by"], "schema");
    assert_eq!(
        life.rebuild(&["--to", "2026.3.1"], 0)["end"]["at"],
        "current"
    );
    let unknown = life.run(&["rebuild", "--to", "2026.3.9"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let words = &unknown.stderr;
    assert!(words.contains("npm has no version 2026.3.9"), "{words}");
}

#[test]
fn a_release_that_a_person_went_back_from_is_not_gone_to_again() {
    let (life, a, b) = of(Manner::Good);
    life.rebuild(&[], 0);
    assert_eq!(life.runs(), b);
    life.done(&["rollback", "--with-state"]);
    let front = life.front();
    assert_eq!(front.name.as_deref(), Some(&*a));
    assert_eq!(life.runs(), a);
    assert_eq!(front.labels["clawbake-refused"], "2026-3-2");
    assert_eq!(front.labels["clawbake-refused-by"], "person");
    assert!(life.lock().contains("version: 2026.3.1"), "{}", life.lock());

    assert_eq!(life.run(&["rebuild", "--check"]).code, Some(0));
    let report = life.rebuild(&[], 6);
    let why = report["end"]["why"].as_str().unwrap();
    assert!(
        why.contains("2026.3.2 was rolled back by a person on 20"),
        "{why}"
    );
    assert_eq!(life.runs(), a);
    // Something newer clears it.
    life.publish("c");
    let c = life.prepare("2026.3.3");
    let report = life.rebuild(&[], 0);
    assert_eq!(report["end"]["at"], "replaced", "{report}");
    assert_eq!(life.runs(), c);
    assert!(!life.front().labels.contains_key("clawbake-refused"));
}

#[test]
fn the_lock_goes_where_the_family_goes_and_a_vm_behind_follows_whatever_is_held() {
    let (life, a, b) = of(Manner::Good);
    life.rebuild(&["--no-replace"], 0);
    assert_eq!(life.runs(), a);
    life.done(&["images", "rollback"]);
    assert!(
        life.lock().contains(&format!("image: {a}")),
        "{}",
        life.lock()
    );
    assert_eq!(life.front().labels["clawbake-refused-by"], "person");
    life.done(&["images", "promote", "--untested", &b]);
    assert!(
        life.lock().contains(&format!("image: {b}")),
        "{}",
        life.lock()
    );
    assert!(!life.front().labels.contains_key("clawbake-refused"));

    // A release that lowers the schema is held; the VM is behind all the same.
    life.publish("e");
    let report = life.rebuild(&[], 0);
    assert_eq!(report["end"]["at"], "replaced", "{report}");
    assert_eq!(life.runs(), b);
    assert_eq!(life.rebuild(&[], 6)["end"]["gate"], "schema");
}

/// Whatever a rebuild was doing when it was killed, the next one brings it to its end, here or on another
/// machine, and a clean-up after that takes nothing that is in use.
#[test]
#[ignore = "minutes; `make kills`"]
fn a_rebuild_that_is_killed_is_gone_on_with() {
    let begin = || {
        let life = Life::begin();
        let a = life.front().name.unwrap();
        life.publish("b");
        let b = life.plan("2026.3.2");
        (life, a, b)
    };
    let kills = killed_everywhere("rebuild", begin, |(life, a, b), nth| {
        begins_with(life, a, b);
        let killed = life.killed_after(&["rebuild"], nth);
        if nth.is_multiple_of(2) {
            life.elsewhere(&["rebuild"]);
        } else {
            life.done(&["rebuild"]);
        }
        life.done(&["clean"]);
        let reached = (life.runs(), life.front().name.unwrap());
        assert_eq!(reached, (b.name.clone(), b.name.clone()), "kill {nth}");
        life.has_its_state();
        let mut left = life.left();
        left.retain(|name| !life.is_way_back(name));
        assert_eq!(left, Vec::<String>::new(), "kill {nth}");
        assert_eq!(life.world.journals(), 0, "kill {nth}");
        killed
    });
    assert!(kills > 20, "{kills} kills");
}

/// A runs and is in front; B's image is there, and nobody has tried it.
fn begins_with(life: &Life, a: &str, b: &Planned) {
    if life.runs() != a {
        life.done(&["rollback", "--to", "2026.3.1", "--with-state"]);
    }
    life.image(b);
    assert_eq!(life.front().name.as_deref(), Some(a));
}

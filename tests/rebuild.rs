//! Rebuilds with the real program, a real engine and a registry of npm's: images are there without a
//! bake, and what runs in the VMs is played.

#[path = "rebuild/cast.rs"]
mod cast;
#[path = "faults/guest.rs"]
#[allow(dead_code, reason = "other tests play other parts")]
mod guest;
#[path = "rebuild/life.rs"]
mod life;

use cast::Manner;
use life::Life;

#[test]
#[ignore = "says the plan of a recipe for the other tests"]
fn says_the_plan() {
    life::say_the_plan();
}

#[test]
fn a_release_that_loses_sessions_is_refused_at_its_rehearsal_and_not_tried_again() {
    let life = Life::begin();
    let a = life.front().name.unwrap();
    life.publish("b");
    life.behaves("2026-3-2", Manner::Forgetful);
    let b = life.prepare("2026.3.2");
    let report = life.rebuild(&[], 6);
    assert_eq!(report["end"]["at"], "refused", "{report}");
    assert_eq!(report["end"]["gate"], "rehearsal", "{report}");
    let why = report["end"]["why"].as_str().unwrap();
    assert!(why.contains("sessions: 2 of 4 are left"), "{why}");
    let front = life.front();
    assert_eq!(front.name.as_ref(), Some(&a));
    assert_eq!(front.labels["clawbake-refused"], "2026-3-2");
    assert_eq!(front.labels["clawbake-refused-by"], "rehearsal");
    assert_eq!(life.runs(), a);
    let labels = life.labels(&b);
    assert_eq!(labels["clawbake-boot-test"], "passed");
    assert!(
        labels["clawbake-rehearsal"].starts_with("failed-"),
        "{labels:?}"
    );
    assert_eq!(life.left(), Vec::<String>::new());
    assert_eq!(life.world.journals(), 0);

    let again = life.rebuild(&[], 6);
    assert_eq!(again["end"]["gate"], "check", "{again}");
    life.behaves("2026-3-2", Manner::Good);
    let retried = life.rebuild(&["--retry", "--no-replace"], 0);
    assert_eq!(retried["end"]["at"], "promoted", "{retried}");
    let front = life.front();
    assert_eq!(front.name, Some(b));
    assert!(!front.labels.contains_key("clawbake-refused"));
}

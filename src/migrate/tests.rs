//! The machine over all of its inputs, and down every path.

use super::machine::{End, Fault, Machine, Next};
use super::preview::{effect, preview};
use super::scene::{Copy, Power, Scene};
use super::step::Step;
use crate::fleet::SUSPENDED;
use crate::rollout::Gate;
use crate::state::{Migration, Word};

const POWERS: [Option<Power>; 5] = [
    None,
    Some(Power::On),
    Some(Power::Off),
    Some(Power::Moving),
    Some(Power::Suspended),
];
const WORDS: [Option<Word>; 6] = [
    None,
    Some(Word::Begun),
    Some(Word::Stopped),
    Some(Word::Copied),
    Some(Word::Done),
    Some(Word::Back),
];
const BOTH: [bool; 2] = [false, true];

fn migration(word: Word, by: &str, was_on: bool, gate: bool) -> Migration {
    Migration {
        word,
        to: "new".into(),
        by: by.into(),
        was_on,
        stopped: None,
        snapshot: None,
        gate: gate.then(|| "ready".into()),
    }
}

fn scenes() -> Vec<Scene> {
    let mut all = Vec::new();
    for (old, new) in POWERS.iter().flat_map(|old| POWERS.map(|new| (*old, new))) {
        for word in WORDS {
            for copy in [Copy::None, Copy::Own, Copy::Other] {
                for bits in 0..32 {
                    let [snapshot, mine, was_on, gate, late] =
                        [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
                    let by = if mine { "me" } else { "other" };
                    all.push(Scene {
                        old,
                        migration: word.map(|word| migration(word, by, was_on, gate)),
                        snapshot,
                        late,
                        copy,
                        new,
                    });
                }
            }
        }
    }
    all
}

fn machines() -> Vec<Machine> {
    let mut all = Vec::new();
    for bits in 0..64 {
        let [back, began, watched, returned, checked, failed] =
            [1, 2, 4, 8, 16, 32].map(|bit| bits & bit != 0);
        all.push(Machine {
            began,
            watched,
            returned,
            checked,
            failed: failed.then_some(Gate::Counts),
            ..Machine::new("new".into(), "me".into(), back)
        });
    }
    all
}

#[test]
fn whatever_is_there_no_step_lets_two_gateways_speak_or_loses_state() {
    let mut decisions = 0;
    for machine in machines() {
        for scene in scenes() {
            decisions += 1;
            let Next::Take(step) = machine.next(&scene) else {
                continue;
            };
            let word = scene.migration.as_ref().map(|it| it.word);
            let told = || format!("{step:?} in {scene:?} by {machine:?}");
            let old_rests = matches!(scene.old, None | Some(Power::Off));
            match &step {
                Step::Insert => {
                    assert!(old_rests && scene.new.is_none(), "{}", told());
                    assert!(
                        scene.copy == Copy::Own && word == Some(Word::Copied),
                        "{}",
                        told()
                    );
                }
                Step::Return => {
                    assert!(
                        scene.new.is_none() && word == Some(Word::Back),
                        "{}",
                        told()
                    );
                }
                Step::Snapshot(_) => assert!(old_rests, "{}", told()),
                Step::Copy => assert_eq!(scene.copy, Copy::None, "{}", told()),
                Step::Discard { copy } => {
                    assert_eq!(word, Some(Word::Back), "{}", told());
                    assert!(!copy || scene.copy == Copy::Own, "{}", told());
                }
                Step::Finish(_) => assert!(old_rests && machine.watched, "{}", told()),
                _ => {}
            }
            let goes_on = matches!(
                step,
                Step::Copy | Step::Insert | Step::Watch | Step::Finish(_)
            );
            let lost = scene.late && scene.old == Some(Power::Off);
            assert!(!goes_on || !lost, "{}", told());
            let free = matches!(step, Step::Begin(_) | Step::TakeOver(_) | Step::Settle(_));
            let by = scene.migration.as_ref().map(|it| &*it.by);
            assert!(free || by == Some("me"), "{}", told());
        }
    }
    assert_eq!(decisions, 64 * 25 * 6 * 3 * 32);
}

/// What goes wrong with one step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    /// It fails, or its answer is lost.
    Fails { done: bool },
    /// It is the last of a run that is killed.
    Kills { done: bool },
}

/// Takes a migration to its end, with mishaps at some steps; another run goes on with what a killed one has
/// left.
fn walk(scene: &mut Scene, mishaps: &[(usize, Mishap)], back: bool) -> End {
    let mut runs = 0;
    let new = |runs: usize| Machine::new("new".into(), format!("run-{runs}"), back);
    let mut machine = new(0);
    for index in 0..200 {
        let step = match machine.next(scene) {
            Next::End(end) => return end,
            Next::Take(step) => step,
        };
        let mishap = mishaps.iter().find(|(at, _)| *at == index).map(|it| it.1);
        let before = scene.clone();
        if !matches!(
            mishap,
            Some(Mishap::Fails { done: false } | Mishap::Kills { done: false })
        ) {
            effect(scene, &step);
        }
        assert!(
            scene.old != Some(Power::On) || scene.new != Some(Power::On),
            "two gateways: {step:?} {mishaps:?}"
        );
        match mishap {
            None => machine.succeeded(&before, &step),
            // A change of labels whose answer was lost is told as somebody else's.
            Some(Mishap::Fails { done: true }) if before.migration != scene.migration => {
                machine.failed(&before, &step, Fault::Overtaken);
            }
            Some(Mishap::Fails { .. }) => machine.failed(&before, &step, Fault::Other),
            Some(Mishap::Kills { .. }) => {
                runs += 1;
                machine = new(runs);
            }
        }
    }
    panic!("no end: {mishaps:?}");
}

fn at_first(old: Option<Power>) -> Scene {
    Scene {
        old,
        migration: None,
        snapshot: false,
        late: false,
        copy: Copy::None,
        new: None,
    }
}

/// Calls again until it ends well or is back where it was.
fn whole(scene: &mut Scene, first: End) -> End {
    let mut end = first;
    for _ in 0..4 {
        if !matches!(end, End::Refused(_) | End::Stuck(_)) {
            return end;
        }
        end = walk(scene, &[], false);
    }
    end
}

#[test]
fn every_mishap_at_every_step_ends_with_one_gateway() {
    let mishaps = BOTH.map(|done| [Mishap::Fails { done }, Mishap::Kills { done }]);
    let mishaps = mishaps.as_flattened();
    let mut paths = 0;
    for old in [None, Some(Power::On), Some(Power::Off)] {
        for (first, one) in (0..18).flat_map(|at| mishaps.iter().map(move |it| (at, *it))) {
            for (second, other) in (0..18).flat_map(|at| mishaps.iter().map(move |it| (at, *it))) {
                let mut scene = at_first(old);
                let end = walk(&mut scene, &[(first, one), (second, other)], false);
                match whole(&mut scene, end) {
                    End::Done => {
                        assert_eq!(scene.new, Some(Power::On));
                        assert_ne!(scene.old, Some(Power::On));
                    }
                    End::PutBack(_) => assert_eq!(scene, at_first_with(old, &scene)),
                    end => {
                        panic!("{end:?} after {one:?} at {first}, {other:?} at {second}: {scene:?}")
                    }
                }
                paths += 1;
            }
        }
    }
    assert_eq!(paths, 3 * 72 * 72);
}

/// As at first, but for the snapshot, which stays.
fn at_first_with(old: Option<Power>, scene: &Scene) -> Scene {
    Scene {
        snapshot: scene.snapshot,
        ..at_first(old)
    }
}

#[test]
fn a_gateway_that_fails_is_gone_with_its_copy_and_one_that_had_taken_over_keeps_its_disk() {
    let mut scene = at_first(Some(Power::On));
    let mut machine = Machine::new("new".into(), "me".into(), false);
    let end = loop {
        match machine.next(&scene) {
            Next::End(end) => break end,
            Next::Take(step @ Step::Watch) => {
                machine.failed(&scene, &step, Fault::Gate(Gate::Counts));
            }
            Next::Take(step) => {
                machine.succeeded(&scene, &step);
                effect(&mut scene, &step);
            }
        }
    };
    assert_eq!(end, End::PutBack(Gate::Counts));
    assert_eq!(scene, at_first_with(Some(Power::On), &scene));

    assert_eq!(walk(&mut scene, &[], false), End::Done);
    assert_eq!(walk(&mut scene, &[], false), End::Done);
    assert_eq!(walk(&mut scene, &[], true), End::Back);
    assert_eq!((scene.old, scene.new), (Some(Power::On), None));
    assert_eq!((scene.copy, scene.migration.clone()), (Copy::Own, None));
    let again = walk(&mut scene, &[], false);
    assert!(matches!(again, End::Refused(_)), "{again:?}");
    let nothing = walk(&mut at_first(None), &[], true);
    assert!(matches!(nothing, End::Refused(_)), "{nothing:?}");
}

#[test]
fn an_old_vm_that_somebody_has_started_is_not_spoken_over() {
    let mut scene = at_first(Some(Power::On));
    scene.migration = Some(migration(Word::Copied, "me", true, false));
    scene.snapshot = true;
    let end = walk(&mut scene, &[], false);
    assert_eq!(end, End::PutBack(Gate::Turn));
    assert_eq!((scene.old, scene.new), (Some(Power::On), None));
}

#[test]
fn what_an_old_vm_wrote_that_has_run_since_the_snapshot_is_not_left_behind() {
    for (copy, new) in [
        (Copy::None, None),
        (Copy::Own, None),
        (Copy::Own, Some(Power::On)),
    ] {
        let mut scene = Scene {
            migration: Some(migration(Word::Copied, "me", true, false)),
            snapshot: true,
            late: true,
            copy,
            new,
            ..at_first(Some(Power::Off))
        };
        assert_eq!(walk(&mut scene, &[], false), End::PutBack(Gate::Turn));
        assert_eq!((scene.old, scene.new), (Some(Power::On), None));
    }
}

#[test]
fn the_steps_are_those_that_will_be_taken() {
    let machine = Machine::new("new".into(), "me".into(), false);
    let (steps, end) = preview(machine, at_first(Some(Power::On)));
    assert_eq!(end, Some(End::Done));
    assert_eq!(
        steps.to_string(),
        "1. write on the old state disk that it is taken over\n\
         2. stop the old gateway, if it runs\n\
         3. stop the old VM\n\
         4. put the stopped state into a snapshot\n\
         5. make the new state disk of it\n\
         6. create the new VM\n\
         7. wait until the new gateway is ready and has all of the state\n\
         8. write down that it has taken over; the old VM stays, stopped"
    );
}

#[test]
fn a_vm_that_is_suspended_is_neither_copied_nor_taken_for_one_that_is_off() {
    let machine = Machine::new("new".into(), "me".into(), false);
    let next = machine.next(&at_first(Some(Power::Suspended)));
    assert_eq!(next, Next::End(End::Refused(SUSPENDED.into())));
    for word in [Word::Stopped, Word::Copied] {
        let scene = Scene {
            migration: Some(migration(word, "me", true, false)),
            ..at_first(Some(Power::Suspended))
        };
        assert_eq!(machine.next(&scene), Next::End(End::Stuck(SUSPENDED)));
    }
}

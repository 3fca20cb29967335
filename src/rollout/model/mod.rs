//! Every path of a rollout: a cloud as plain data, in which every call works, fails, loses its answer or
//! is the last of a run that is killed, and every gateway becomes ready or does not.
//!
//! On every path, at every moment: the state before is there as it was, on its disk or in a snapshot; what
//! is deleted was saved; no release starts on what a newer one wrote, and none before the disk names it.
//! Every path comes to an end: the new VM runs, or the one before on its state, and nothing of the
//! rollout is left on disk or snapshots; the family is in front with what runs, whoever brings a rollback, or
//! a rebuild that has failed, to its end. Somebody starts the VM meanwhile, and what it wrote is kept; or
//! suspends it, and nothing is changed until it is awake.

mod cloud;
mod driver;

use std::collections::HashMap;

use super::next::End;
use super::scene::Power;
use super::why::Why;
use cloud::{ARCHIVE, Call, Cloud, NEW, OLD, OLDER, release};
use driver::{Driver, Event, Turn, Wish};

/// More runs than a path can need.
const RUNS: usize = 8;
/// Snapshots that a run leaves at most.
const COPIES: usize = 3;
/// More turns than a path can take.
const TURNS: usize = 500;
/// For a path of that length.
const STACK: usize = 256 << 20;

/// A situation, and how much goes wrong in it.
#[derive(Debug, Clone)]
struct Case {
    name: &'static str,
    wish: Wish,
    /// The VM is lost before it begins.
    lost: bool,
    /// Whether the new gateway works.
    works: bool,
    /// How many events other than [`Event::Works`] a path may have.
    troubles: usize,
    /// How many runs there are at the same time.
    at_once: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Moment {
    cloud: Cloud,
    drivers: Vec<Driver>,
    runs: usize,
    left: usize,
}

#[derive(Debug, Default)]
struct Explored {
    /// Number of paths from each moment on.
    paths: HashMap<Moment, u128>,
    /// The way to this moment.
    trail: Vec<(usize, Event, Turn)>,
    done: usize,
    back: usize,
    stuck: usize,
}

impl Drop for Explored {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the way there:");
            for (place, event, turn) in &self.trail {
                eprintln!("{place} {event:?} {turn:?}");
            }
        }
    }
}

impl Explored {
    fn explore(&mut self, case: &Case, moment: &Moment) -> u128 {
        if let Some(paths) = self.paths.get(moment) {
            return *paths;
        }
        moment.cloud.check();
        assert!(self.trail.len() < TURNS, "{}: it does not end", case.name);
        let mut paths = 0;
        let mut over = true;
        for place in 0..moment.drivers.len() {
            for event in events(case, moment, place) {
                over = false;
                let mut next = moment.clone();
                next.left -=
                    usize::from(event != Event::Works && !is_free(case, moment, place, event));
                let turn = moment.drivers[place].turn(&moment.cloud);
                self.trail.push((place, event, turn));
                if next.drivers[place].take(&mut next.cloud, event).is_none() {
                    next.again(case, place);
                }
                paths += self.explore(case, &next);
                self.trail.pop();
            }
        }
        if over {
            paths = self.end(case, moment);
        }
        self.paths.insert(moment.clone(), paths);
        paths
    }

    /// All runs have ended.
    fn end(&mut self, case: &Case, moment: &Moment) -> u128 {
        let ends: Vec<_> = moment
            .drivers
            .iter()
            .map(|it| it.turn(&moment.cloud))
            .collect();
        let stuck = |turn: &Turn| matches!(turn, Turn::Ended(End::Stuck(why)) if !why.is_empty());
        let several = case.at_once > 1;
        let suspended = moment.power() == Some(Power::Suspended);
        let refused =
            |turn: &Turn| (several || suspended) && matches!(turn, Turn::Ended(End::Refused(..)));
        if ends.iter().any(stuck) || ends.iter().all(refused) {
            // Somebody calls again.
            self.stuck += 1;
            let mut next = moment.clone();
            next.drivers.truncate(1);
            next.again(case, 0);
            return self.explore(case, &next);
        }
        for end in ends.iter().filter(|end| !refused(end)) {
            let cloud = &moment.cloud;
            let describe = || format!("{}: {end:?}\n{moment:#?}", case.name);
            let vm = cloud.vm.as_ref();
            let disk = cloud.disk.as_ref();
            match end {
                Turn::Ended(End::Done) if several => self.done += 1,
                Turn::Ended(End::Done) => {
                    self.done += 1;
                    assert!(case.works, "{}", describe());
                    let vm = vm.unwrap_or_else(|| panic!("{}", describe()));
                    assert_eq!(
                        (&*vm.template, vm.power),
                        (case.wish.to, Power::On),
                        "{}",
                        describe()
                    );
                    assert_eq!(cloud.family, case.wish.to, "{}", describe());
                }
                Turn::Ended(End::PutBack(_)) if several => self.back += 1,
                Turn::Ended(End::PutBack(gate)) => {
                    self.back += 1;
                    let failed = case.wish.why != Why::Rebuild || gate.is_of_the_release();
                    let front = if failed { OLD } else { NEW };
                    assert_eq!(cloud.family, front, "{}", describe());
                    let vm = vm.unwrap_or_else(|| panic!("{}", describe()));
                    assert_eq!(
                        (&*vm.template, vm.power),
                        (OLD, Power::On),
                        "{}",
                        describe()
                    );
                    let wrote = &disk.unwrap().content.by;
                    assert!(wrote.iter().all(|by| by == OLD), "{}", describe());
                    let late = disk.unwrap().content.late;
                    assert_eq!(late, cloud.late, "{}", describe());
                }
                Turn::Ended(End::LeftAsItIs(_)) => assert!(!case.wish.knows, "{}", describe()),
                _ => panic!("{}", describe()),
            }
            let disk = disk.unwrap_or_else(|| panic!("{}", describe()));
            assert_eq!(disk.intent, None, "{}", describe());
            assert!(
                cloud.copies.values().all(|it| it.mark.is_none()),
                "{}",
                describe()
            );
            assert!(
                several || cloud.copies.len() <= 1 + COPIES * (moment.runs + case.troubles),
                "{}",
                describe()
            );
            if let (Some(vm), true) = (vm, case.wish.knows) {
                assert_eq!(disk.written, release(&vm.template), "{}", describe());
                assert!(several || cloud.lock == vm.template, "{}", describe());
            }
        }
        1
    }
}

impl Moment {
    fn begin(case: &Case) -> Self {
        let mut cloud = Cloud::new();
        if case.lost {
            cloud.vm = None;
        }
        if case.wish.why == Why::Rebuild {
            cloud.family = case.wish.to.into();
        }
        let drivers = (0..case.at_once).map(|me| Driver::begin(&case.wish, &cloud, me));
        Self {
            drivers: drivers.collect(),
            cloud,
            runs: case.at_once,
            left: case.troubles,
        }
    }

    fn power(&self) -> Option<Power> {
        self.cloud.vm.as_ref().map(|vm| vm.power)
    }

    /// The verb is called again.
    fn again(&mut self, case: &Case, place: usize) {
        if let Some(vm) = &mut self.cloud.vm
            && vm.power == Power::Suspended
        {
            vm.power = Power::On;
        }
        let (wish, cloud) = (&case.wish, &mut self.cloud);
        let there = cloud.vm.as_ref().is_some_and(|vm| vm.template == wish.to);
        let goes_on = cloud.scene().intent().is_some();
        let done = wish.to != OLD && there && !goes_on;
        // It promotes before it replaces.
        if wish.why == Why::Rebuild && !goes_on && !done {
            cloud.family = wish.to.into();
        }
        let begin = if done { Driver::done } else { Driver::begin };
        self.drivers[place] = begin(wish, cloud, self.runs);
        self.runs += 1;
        assert!(
            self.runs <= RUNS,
            "{}: it does not end\n{self:#?}",
            case.name
        );
    }
}

/// What may happen to a run in its next turn; nothing once it has ended.
fn events(case: &Case, moment: &Moment, place: usize) -> Vec<Event> {
    use Event::{
        Bad, Fails, Gone, KilledAfter, KilledBefore, KilledMidway, LosesAnswer, Started, Suspended,
        Works,
    };
    let free = |turn: &[Event]| match moment.left {
        0 => Vec::new(),
        _ => turn.to_vec(),
    };
    match moment.drivers[place].turn(&moment.cloud) {
        Turn::Ended(_) => Vec::new(),
        // What a person does to the VM after that is not of the rollout.
        Turn::Look if moment.drivers[place].has_ended() => vec![Works],
        Turn::Look => match moment.power() {
            Some(Power::On) => [vec![Works], free(&[Suspended])].concat(),
            Some(Power::Off) => [vec![Works], free(&[Started])].concat(),
            _ => vec![Works],
        },
        Turn::Listen if is_free(case, moment, place, Bad) => {
            [vec![Bad], free(&[KilledBefore, Fails, Gone])].concat()
        }
        Turn::Listen => [vec![Works], free(&[KilledBefore, Fails, Bad, Gone])].concat(),
        Turn::Call(Call::Stop | Call::Delete) => [
            vec![Works],
            free(&[KilledBefore, KilledAfter, KilledMidway, Fails, LosesAnswer]),
        ]
        .concat(),
        Turn::Call(Call::Copy(_)) if moment.power() == Some(Power::Off) => [
            vec![Works],
            free(&[KilledBefore, KilledAfter, Fails, LosesAnswer, Started]),
        ]
        .concat(),
        Turn::Call(_) => [
            vec![Works],
            free(&[KilledBefore, KilledAfter, Fails, LosesAnswer]),
        ]
        .concat(),
    }
}

/// Whether it is no trouble, but what the case is about: the new gateway does not work.
fn is_free(case: &Case, moment: &Moment, place: usize, event: Event) -> bool {
    let listens = moment.drivers[place].turn(&moment.cloud) == Turn::Listen;
    let new = moment
        .cloud
        .vm
        .as_ref()
        .is_some_and(|vm| vm.template == case.wish.to);
    let started = moment
        .cloud
        .disk
        .as_ref()
        .and_then(|disk| disk.intent.as_ref());
    let forward = started.is_some_and(|intent| !intent.word.is_back());
    event == Event::Bad && listens && !case.works && new && forward
}

fn case(name: &'static str, to: &'static str, works: bool) -> Case {
    Case {
        name,
        wish: Wish {
            to,
            why: match to {
                OLDER => Why::Rollback,
                NEW => Why::Rebuild,
                _ => Why::Recreate,
            },
            state: (to == OLDER).then_some(ARCHIVE),
            soak: false,
            knows: true,
        },
        lost: false,
        works,
        troubles: 3,
        at_once: 1,
    }
}

/// Explores all cases, side by side.
fn explore(cases: impl IntoIterator<Item = Case>) {
    let explore = |case| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn(move || explore_one(&case)).unwrap()
    };
    let threads: Vec<_> = cases.into_iter().map(explore).collect();
    let paths: u128 = threads.into_iter().map(|it| it.join().unwrap()).sum();
    println!("{paths} paths");
    assert!(paths > 100_000, "{paths} paths");
}

fn explore_one(case: &Case) -> u128 {
    let mut explored = Explored::default();
    let paths = explored.explore(case, &Moment::begin(case));
    println!(
        "{:<48}{:>12} moments {:>16} paths; ends: {} done, {} put back, {} stopped and called again",
        case.name,
        explored.paths.len(),
        paths,
        explored.done,
        explored.back,
        explored.stuck
    );
    paths
}

#[test]
fn a_rollout_ends_well_whatever_fails_and_wherever_it_is_killed() {
    let base = |name, to, works| case(name, to, works);
    let cases = [
        base("a newer release", NEW, true),
        base("a newer release that fails", NEW, false),
        base("the same release", OLD, true),
        base("the same release, which fails now", OLD, false),
        base("an older release with its state", OLDER, true),
        base("an older release that fails with its state", OLDER, false),
        Case {
            lost: true,
            ..base("the VM is lost", OLD, true)
        },
        Case {
            wish: Wish {
                knows: false,
                ..base("", OLD, true).wish
            },
            lost: true,
            ..base("it is lost, and nobody knows its template", OLD, false)
        },
        Case {
            wish: Wish {
                soak: true,
                ..base("", NEW, true).wish
            },
            ..base("a newer release that is watched", NEW, true)
        },
    ];
    explore(cases);
}

/// Two runs of a verb at the same time, each of which has no trouble but the other.
fn two_runs(name: &'static str, to: &'static str, works: bool) -> Case {
    Case {
        at_once: 2,
        troubles: 0,
        ..case(name, to, works)
    }
}

#[test]
fn two_runs_at_once_lose_nothing() {
    explore([
        two_runs("two runs, a newer release", NEW, true),
        two_runs("two runs, a newer release that fails", NEW, false),
    ]);
}

#[test]
#[ignore = "takes a minute and 3 GB; `make kills`"]
fn two_rollbacks_at_once_lose_nothing() {
    explore([two_runs(
        "two runs, an older release with its state",
        OLDER,
        true,
    )]);
}

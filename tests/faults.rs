//! Every call of bake, boot test, promotion, launch and delete, and of the verbs that work on a gateway's
//! state, fails in every way, one at a time: the real program as a process, against a real engine, with
//! faults on the wire between them.
//!
//! Afterwards the verb has done what it says, or it has failed and says so truly; and after
//! `clawbake clean` nothing is left over, and nothing of anybody else's was touched. Where there is state,
//! it is somewhere at every moment, one VM at most speaks for it, and whatever was cut short is brought to
//! its end by the next run.

#[path = "faults/api.rs"]
mod api;
#[path = "faults/call.rs"]
mod call;
#[path = "faults/content.rs"]
mod content;
#[path = "faults/deployer.rs"]
mod deployer;
#[path = "faults/end.rs"]
mod end;
#[path = "faults/foreign.rs"]
mod foreign;
#[path = "faults/guard.rs"]
mod guard;
#[path = "faults/guest.rs"]
mod guest;
#[path = "faults/life.rs"]
mod life;
#[path = "project/planned.rs"]
mod planned;
#[path = "faults/played.rs"]
mod played;
#[path = "faults/point.rs"]
mod point;
#[path = "faults/scene.rs"]
mod scene;
#[path = "faults/verb.rs"]
mod verb;
#[path = "faults/verdict.rs"]
mod verdict;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use scene::Scene;
use verb::Verb;

/// How many worlds there are at a time. A point spends most of its time in pauses and time-outs: two
/// cores are busy with six.
const WORLDS: usize = 6;

#[derive(Default)]
struct Row {
    call: String,
    points: usize,
    leaks: usize,
    lies: usize,
    time: Duration,
}

/// By verb, and a call's place in the verb's run.
type Table = BTreeMap<(Verb, usize), Row>;

#[test]
#[ignore = "says the plan of a recipe for the other tests"]
fn says_the_plan() {
    planned::say();
}

/// Of all verbs, or of those that `VERBS` names: `VERBS=Launch,Delete`. Every point, or with `EVERY=3` every
/// third, by which the ways take turns at the calls.
#[test]
#[ignore = "a quarter of an hour; `make faults`"]
fn no_fault_leaves_anything_or_is_told_wrong() {
    let began = Instant::now();
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let archive = ::world::archive(&dir.path().join("archive"), "");
    let chosen = std::env::var("VERBS").unwrap_or_default();
    let is_called = |verb: &Verb, name: &str| format!("{verb:?}") == name;
    for name in chosen.split(',').filter(|name| !name.is_empty()) {
        let known = Verb::ALL.iter().any(|verb| is_called(verb, name));
        assert!(known, "there is no verb {name}");
    }
    let is_chosen = |verb: &Verb| {
        let mut names = chosen.split(',');
        chosen.is_empty() || names.any(|name| is_called(verb, name))
    };
    let every = std::env::var("EVERY").map_or(1, |text| text.parse().unwrap());
    let shares = Verb::ALL.into_iter().filter(is_chosen);
    let shares = shares.flat_map(|verb| (0..verb.worlds()).map(move |share| (verb, share)));
    let (shares, table) = (Mutex::new(shares), Mutex::default());
    std::thread::scope(|scope| {
        for _ in 0..WORLDS {
            scope.spawn(|| {
                loop {
                    let next = shares.lock().unwrap().next();
                    let Some((verb, share)) = next else { break };
                    try_points(&archive, verb, share, every, &table);
                }
            });
        }
    });
    let table: Table = table.into_inner().unwrap();
    print(&table);
    let sum = |column: fn(&Row) -> usize| table.values().map(column).sum::<usize>();
    let (points, wrong) = (sum(|row| row.points), sum(|row| row.leaks + row.lies));
    let time = began.elapsed().as_secs();
    eprintln!("{points} points, {wrong} wrong, {time} s");
    assert!(
        points > 500 / every || !chosen.is_empty(),
        "only {points} points"
    );
    assert_ne!(points, 0);
    assert_eq!(wrong, 0);
}

/// What `setup` gives a deployer is what the verbs ask for, and nothing more.
#[test]
#[ignore = "a minute and a half; `make faults`"]
fn the_deployers_role_is_what_its_verbs_ask_for() {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let archive = ::world::archive(&dir.path().join("archive"), "");
    let mut asked = deployer::learn(&archive);
    eprintln!("a deployer's verbs ask for {} permissions", asked.len());
    // The image of a VM that was baked in is made of its disk: tests/e2e/vm_builder.rs does that.
    assert!(asked.insert("compute.disks.useReadOnly".to_owned()));
    // These scenes have global templates.
    assert!(asked.insert("compute.regionOperations.list".to_owned()));
    // On this machine a gateway that is to become ready is asked with its token; on Google it is behind a
    // tunnel, and a deployer reads no secret.
    assert!(asked.remove("secretmanager.versions.access"));
    assert_eq!(asked, deployer::working());
    assert_eq!(
        deployer::unmissed(&archive),
        [
            // For VMs without an address of their own.
            "compute.routers.list",
            // Without it there is no project.
            "resourcemanager.projects.get",
        ]
    );
}

/// Tries one scene's share of a verb's points, of which it takes one in `every`.
fn try_points(archive: &Path, verb: Verb, share: usize, every: usize, table: &Mutex<Table>) {
    let scene = Scene::begin(archive, verb);
    let calls = scene.calls();
    let at = |turn: usize| {
        let points = if verb.is_long() {
            point::some(&calls[turn], turn)
        } else {
            point::all(&calls[turn], turn)
        };
        points.into_iter().map(move |point| (turn, point))
    };
    let points = verb.own(&calls).flat_map(at).step_by(every);
    for (turn, point) in points.skip(share).step_by(verb.worlds()) {
        let began = Instant::now();
        let verdict = if verb.lives() {
            life::at(&scene, &point)
        } else {
            verdict::at(&scene, &point)
        };
        let Some(verdict) = verdict else {
            continue;
        };
        for (what, words) in [("LEAK", &verdict.leaks), ("LIE", &verdict.lies)] {
            for words in words {
                eprintln!("{what}: {verb:?} {point:?}: {words}");
            }
        }
        let mut table = table.lock().unwrap();
        let row = table.entry((verb, turn)).or_default();
        row.call = point.call.to_string();
        row.points += 1;
        row.leaks += verdict.leaks.len();
        row.lies += verdict.lies.len();
        row.time += began.elapsed();
    }
    assert_eq!(scene.orphans(), [], "{verb:?}: nobody owns it");
}

fn print(table: &Table) {
    let heads = ["points", "leaks", "lies", "s"].map(|head| format!("{head:>7}"));
    eprintln!("{:<12}{:<44}{}", "verb", "call", heads.concat());
    for ((verb, _), row) in table {
        let cells = [row.points, row.leaks, row.lies].map(|cell| format!("{cell:>7}"));
        let (verb, seconds) = (format!("{verb:?}"), row.time.as_secs());
        eprintln!("{verb:<12}{:<44}{}{seconds:>7}", row.call, cells.concat());
    }
}

//! Every call of bake, launch and delete fails in every way, one at a time: the real program as a
//! process, against a real engine, with faults on the wire between them.
//!
//! Afterwards the verb has done what it says, or it has failed and says so truly; and after
//! `clawbake clean` nothing is left over, and nothing of anybody else's was touched.

#[path = "faults/api.rs"]
mod api;
#[path = "faults/point.rs"]
mod point;
#[path = "faults/world.rs"]
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

use api::Inventory;
use point::{Kind, Point};
use world::{NAME, Verb, World};

/// What was found at one point.
#[derive(Debug, Default)]
struct Verdict {
    leaks: Vec<String>,
    lies: Vec<String>,
}

#[derive(Default)]
struct Row {
    tried: usize,
    leaks: usize,
    lies: usize,
}

#[test]
#[ignore = "ten minutes; `make faults`"]
fn no_fault_leaves_anything_or_is_told_wrong() {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let archive = archive(dir.path());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        // VMs of two engines would want the same loopback address.
        for verbs in [&[Verb::Bake][..], &[Verb::Launch, Verb::Delete]] {
            let (archive, found) = (&archive, &found);
            scope.spawn(move || {
                for verb in verbs {
                    let rows = every_point(*verb, archive);
                    found.lock().unwrap().push((*verb, rows));
                }
            });
        }
    });
    let (mut tried, mut wrong) = (0, 0);
    eprintln!(
        "{:<8} {:<44} {:>6} {:>6} {:>5}",
        "verb", "call", "points", "leaks", "lies"
    );
    for (verb, rows) in found.into_inner().unwrap() {
        for (
            (nth, call),
            Row {
                tried: points,
                leaks,
                lies,
            },
        ) in rows
        {
            let verb = format!("{verb:?}").to_lowercase();
            eprintln!("{verb:<8} {nth:>2} {call:<41} {points:>6} {leaks:>6} {lies:>5}");
            tried += points;
            wrong += leaks + lies;
        }
    }
    eprintln!("{tried} points, {wrong} wrong");
    assert!(tried > 300, "only {tried} points");
    assert_eq!(wrong, 0);
}

/// A blank disk of 1 GiB, as Compute Engine imports it.
fn archive(dir: &Path) -> std::path::PathBuf {
    let disk = std::fs::File::create(dir.join("disk.raw")).unwrap();
    disk.set_len(1 << 30).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--format=oldgnu", "-Sczf", "archive.tar.gz", "disk.raw"]);
    assert!(tar.current_dir(dir).status().unwrap().success());
    dir.join("archive.tar.gz")
}

fn every_point(verb: Verb, archive: &Path) -> BTreeMap<(usize, String), Row> {
    let world = World::begin(archive, verb);
    let calls = world.calls(verb);
    let mut rows = BTreeMap::new();
    for (index, (method, path)) in calls.iter().enumerate() {
        let call = contract::method_id(method, path).unwrap_or("storage.objects.insert");
        let operation = method != "GET" && path.contains("/compute/") && !path.ends_with("/wait");
        for point in point::all(index + 1, operation) {
            let Some(verdict) = at(&world, verb, &point) else {
                continue;
            };
            for (what, words) in [("LEAK", &verdict.leaks), ("LIE", &verdict.lies)] {
                for words in words {
                    eprintln!("{what}: {verb:?} {call} {point:?}: {words}");
                }
            }
            let row: &mut Row = rows.entry((point.nth, call.to_owned())).or_default();
            row.tried += 1;
            row.leaks += verdict.leaks.len();
            row.lies += verdict.lies.len();
        }
    }
    rows
}

/// One run with one fault, and what is there afterwards.
fn at(world: &World, verb: Verb, point: &Point) -> Option<Verdict> {
    let before = world.prepare(verb);
    let output = world.run_with(verb, point)?;
    let after = world.api.inventory();
    let mut verdict = Verdict::default();
    verdict
        .lies
        .extend(lies(world, verb, point, &output, &before, &after));
    let cleaned = world.clean();
    if !cleaned.status.success() {
        verdict
            .lies
            .push(format!("clean: {}", text(&cleaned.stderr)));
    }
    let mut last = world.api.inventory();
    let done = output.status.success();
    if verb == Verb::Delete && !done {
        let again = world.delete_again();
        if !again.status.success() {
            verdict
                .lies
                .push(format!("delete, again: {}", text(&again.stderr)));
        }
        last = world.api.inventory();
    }
    let expected = expected(world, verb, done, &before);
    for path in last.keys().filter(|path| !expected.contains(path)) {
        verdict
            .leaks
            .push(format!("{path} is left over\n{}", text(&output.stderr)));
    }
    for path in expected.iter().filter(|path| !last.contains_key(*path)) {
        verdict
            .leaks
            .push(format!("{path} is gone\n{}", text(&output.stderr)));
    }
    for (path, was) in &before {
        // A state disk is attached and detached, and its users change with that.
        let changed = last.get(path).is_some_and(|is| is != was);
        if changed && !path.ends_with(&format!("/{NAME}-state")) {
            verdict.leaks.push(format!("{path} was changed"));
        }
    }
    if world.journals() > 0 {
        verdict.leaks.push("a journal is left over".into());
    }
    Some(verdict)
}

/// What is to be there in the end.
fn expected(world: &World, verb: Verb, done: bool, before: &Inventory) -> Vec<String> {
    let mut expected: Vec<_> = before.keys().cloned().collect();
    let vm = format!("{}/{NAME}", world.api.zonal("instances"));
    let boot = format!("{}/{NAME}", world.api.zonal("disks"));
    match verb {
        Verb::Bake if done => {
            expected.push(format!("{}/{}", world.api.global("images"), world.image));
        }
        Verb::Launch if done => expected.extend([format!("{boot}-state"), vm, boot]),
        Verb::Delete => expected.retain(|path| *path != vm && *path != boot),
        Verb::Bake | Verb::Launch => {}
    }
    expected
}

/// What the verb's exit code and words claim and is not so.
fn lies(
    world: &World,
    verb: Verb,
    point: &Point,
    output: &Output,
    before: &Inventory,
    after: &Inventory,
) -> Vec<String> {
    let (words, vm) = (
        text(&output.stderr),
        format!("{}/{NAME}", world.api.zonal("instances")),
    );
    let mut lies = Vec::new();
    let status = |path: &str| after.get(path).map(|it| it["status"].clone());
    match (output.status.code(), verb) {
        (Some(0), Verb::Bake) => {
            let name = text(&output.stdout);
            let image = format!("{}/{}", world.api.global("images"), name.trim());
            if status(&image) != Some("READY".into()) {
                lies.push(format!("{image} is not READY"));
            }
        }
        (Some(0), Verb::Launch) if status(&vm) != Some("RUNNING".into()) => {
            lies.push(format!("{vm} is not RUNNING"));
        }
        (Some(0), Verb::Delete) if after.contains_key(&vm) => lies.push(format!("{vm} is there")),
        (None, _) if !matches!(point.kind, Kind::Kill(_)) => lies.push("it was killed".into()),
        (Some(0) | None, _) => {}
        (Some(code), _) => {
            if !words.contains("error: ") {
                lies.push(format!("exit {code} without a word"));
            }
            if matches!(point.kind, Kind::Interrupt(_)) != (code == 130) {
                lies.push(format!("exit {code}"));
            }
            let left = after.keys().filter(|path| !before.contains_key(*path));
            if verb != Verb::Delete && left.count() > 0 && !words.contains("not cleaned up") {
                lies.push("what is left over is not named".into());
            }
        }
    }
    for line in words.lines() {
        let Some((_, gone)) = line
            .split_once("instance ")
            .filter(|_| line.contains(" deleted (") || line.ends_with(": removed"))
        else {
            continue;
        };
        if gone.starts_with(NAME) && after.contains_key(&vm) {
            lies.push(format!("\"{line}\", and it is there"));
        }
    }
    lies.iter().map(|lie| format!("{lie}\n{words}")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

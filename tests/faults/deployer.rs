//! The deployer's role, found out: it begins empty, a verb is refused, and the role gets the permission
//! that the refusal names, until nothing is refused any more. Who refuses is the engine, by a table of
//! its own after Google's reference: what is missing there is not seen here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use clawbake::setup::{ROLE, permissions};

use world::Ran;

use crate::scene::Scene;
use crate::verb::Verb;

/// A command, and its exit code.
type Command<'a> = (&'a [&'a str], i32);

/// Verbs, and the commands that come after them.
const SCENES: [(Verb, &[Command]); 21] = [
    (Verb::Bake, &[(&["images", "list"], 0)]),
    (Verb::Promote, &[(&["images", "rollback"], 0)]),
    (Verb::BootTest, &[]),
    (Verb::Prune, &[]),
    (
        Verb::Launch,
        &[
            (&["status"], 0),
            (&["logs"], 0),
            (&["template", "list"], 0),
            (&["template", "prune"], 0),
            // It takes the family's image, and then finds that there is a VM.
            (&["launch", "--no-wait"], 1),
            // It restarts what has failed, and that fails again.
            (&["up"], 5),
            (&["stop"], 0),
            (&["resize", "e2-medium"], 5),
            (&["state", "snapshot"], 0),
            (&["state", "list"], 0),
            (&["state", "grow", "12"], 0),
            (&["state", "restore"], 0),
        ],
    ),
    (Verb::Rebuild, &[(&["rebuild", "--check"], 0)]),
    (Verb::Relaunch, &[]),
    (Verb::TemplatePrune, &[]),
    (Verb::Import, &[]),
    (Verb::Export, &[]),
    (Verb::Delete, &[]),
    (Verb::DeleteState, &[]),
    (Verb::Snapshot, &[(&["state", "list"], 0)]),
    (Verb::Restore, &[]),
    (Verb::Grow, &[]),
    (Verb::Stop, &[]),
    (Verb::Start, &[]),
    (Verb::Restart, &[]),
    (Verb::Resize, &[]),
    (Verb::Recreate, &[]),
    (Verb::Rollback, &[]),
];

/// How many scenes are tried at a time.
const WORLDS: usize = 4;

/// What a deployer's verbs need, found out.
pub fn learn(archive: &Path) -> BTreeSet<String> {
    let (granted, scenes) = (Mutex::default(), Mutex::new(SCENES.into_iter()));
    std::thread::scope(|scope| {
        for _ in 0..WORLDS {
            scope.spawn(|| {
                loop {
                    let next = scenes.lock().unwrap().next();
                    let Some((verb, then)) = next else { break };
                    let began = Instant::now();
                    grant(archive, verb, then, &granted);
                    eprintln!("{verb:?}: {} s", began.elapsed().as_secs());
                }
            });
        }
    });
    granted.into_inner().unwrap()
}

/// Grants what a scene asks for until it comes to its end; what another one has asked for it has too.
fn grant(archive: &Path, verb: Verb, then: &[Command], granted: &Mutex<BTreeSet<String>>) {
    let mut scene = Scene::begin(archive, verb);
    scene.hand_over();
    loop {
        scene.prepare();
        let has = granted.lock().unwrap().clone();
        scene.api.permit(ROLE, &has);
        let Some(words) = refused(&scene, then) else {
            break;
        };
        let name = named(&words).unwrap_or_else(|| panic!("{verb:?}: {words}"));
        assert!(!has.contains(&name), "{verb:?} is refused again: {words}");
        granted.lock().unwrap().insert(name);
    }
}

/// What a verb says, or a command after it, if it does not end as it should.
fn refused(scene: &Scene, then: &[Command]) -> Option<String> {
    let verb = scene.arguments();
    let verb = (verb.as_slice(), scene.verb.code());
    std::iter::once(verb)
        .chain(then.iter().copied())
        .find_map(|(arguments, code)| {
            let ran = Ran::from(scene.verb(arguments).output().unwrap());
            (ran.code != Some(code)).then_some(ran.stderr)
        })
}

/// Those that `doctor` has of its own, and does not miss by name.
pub fn unmissed(archive: &Path) -> Vec<&'static str> {
    let mut scene = Scene::begin(archive, Verb::Launch);
    scene.hand_over();
    let doctor = |without: Option<&str>| {
        let all = permissions::all().into_iter().map(str::to_owned);
        let granted = all.filter(|name| Some(name.as_str()) != without);
        scene.api.permit(ROLE, &granted.collect());
        let ran = Ran::from(scene.verb(&["doctor"]).output().unwrap());
        (ran.success(), ran.stdout)
    };
    let (healthy, words) = doctor(None);
    assert!(healthy, "{words}");
    let own = permissions::VERBS
        .iter()
        .find(|(verb, _)| *verb == "doctor");
    let own = own.unwrap().1.iter().copied();
    own.filter(|name| named(&doctor(Some(name)).1).as_deref() != Some(name))
        .collect()
}

/// The permission that a message names.
fn named(words: &str) -> Option<String> {
    let is_permission = |word: &&str| {
        let parts: Vec<_> = word.split('.').collect();
        let letters = |part: &&str| !part.is_empty() && part.chars().all(char::is_alphabetic);
        parts.len() == 3 && parts.iter().all(letters)
    };
    words.split('\'').find(is_permission).map(str::to_owned)
}

/// What the role has for verbs that are not `doctor`.
pub fn working() -> BTreeSet<String> {
    let verbs = permissions::VERBS
        .iter()
        .filter(|(verb, _)| *verb != "doctor");
    verbs
        .flat_map(|(_, needed)| *needed)
        .map(|name| (*name).to_owned())
        .collect()
}

//! Verbs that meet at one engine, and what `clean` and `engine reset` may delete.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use world::{Ran, World};

/// Verbs at once.
const VERBS: usize = 8;
const ROUNDS: usize = 4;

fn home() -> World {
    World::new(env!("CARGO_BIN_EXE_clawbake"))
}

#[test]
fn verbs_at_once_without_an_engine_share_the_one_that_starts() {
    let home = home();
    let mut failures = 0;
    for _ in 0..ROUNDS {
        let started = home.at_once(&["engine", "start"], VERBS);
        failures += started.iter().filter(|it| !it.success()).count();
        for output in &started {
            assert_eq!(output.stdout, started[0].stdout, "{}", output.stderr);
        }
        assert!(home.run(&["engine", "stop"]).success());
    }
    println!(
        "engine start at once: {} tries, {failures} failures",
        VERBS * ROUNDS
    );
    assert_eq!(failures, 0);
}

#[test]
fn secrets_generated_at_once_are_all_stored() {
    let home = home();
    assert!(home.run(&["init"]).success());
    let mut failures = 0;
    for round in 0..ROUNDS {
        let name = format!("secret-{round}");
        let stored = home.at_once(&["secrets", "generate", &name], VERBS);
        for output in stored.iter().filter(|it| !it.success()) {
            eprintln!("{}", output.stderr);
            failures += 1;
        }
        let mut versions: Vec<_> = stored.iter().map(|it| it.stdout.clone()).collect();
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), VERBS, "{versions:?}");
    }
    println!(
        "secrets generate at once: {} tries, {failures} failures",
        VERBS * ROUNDS
    );
    assert_eq!(failures, 0);
}

/// What is in a directory, with what links lead to.
fn tree(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(tree(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn reset_deletes_an_engines_directory_and_no_other() {
    let home = home();
    let precious = home.path("home");
    fs::create_dir_all(precious.join("Documents")).unwrap();
    fs::write(precious.join("Documents/thesis"), "years").unwrap();
    let reset = |dir: &Path| {
        let mut command = home.verb(&["engine", "reset", "--yes"]);
        Ran::from(command.env("CLAWBAKE_ENGINE", dir).output().unwrap())
    };
    let kept = |dir: &Path, why: &str| {
        let before = tree(&precious);
        let output = reset(dir);
        assert_eq!(output.code, Some(1), "{}", output.stderr);
        assert!(output.stderr.contains(why), "{}", output.stderr);
        assert_eq!(tree(&precious), before);
    };
    kept(&precious, "does not have an engine's mark");
    kept(&precious.join("Documents/thesis"), "Not a directory");
    symlink(&precious, home.path("link")).unwrap();
    kept(&home.path("link"), "is a link");
    // No engine makes itself at home there either.
    let before = (tree(&precious), precious.metadata().unwrap().mode());
    let mut start = home.verb(&["engine", "start"]);
    let refused: Ran = start
        .env("CLAWBAKE_ENGINE", &precious)
        .output()
        .unwrap()
        .into();
    // Should one have started, it is not left behind.
    let mut stop = home.verb(&["engine", "stop"]);
    stop.env("CLAWBAKE_ENGINE", &precious).output().unwrap();
    let why = "holds files that are no engine's";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    let after = (tree(&precious), precious.metadata().unwrap().mode());
    assert_eq!(after, before);

    // An engine's own goes, also while it runs, and links in it lead nowhere.
    let engine = home.path("engine");
    for mark in [true, false] {
        assert!(home.run(&["engine", "start"]).success());
        if mark {
            symlink(&precious, engine.join("disks/link")).unwrap();
        } else {
            // As versions before the mark left it.
            assert!(home.run(&["engine", "stop"]).success());
            fs::remove_file(engine.join("engine.tag")).unwrap();
        }
        let output = reset(&engine);
        assert!(output.success(), "{}", output.stderr);
        assert!(!engine.exists());
    }
    assert!(precious.join("Documents/thesis").exists());
    assert!(reset(&engine).success(), "there is none any more");
}

#[test]
fn clean_keeps_journals_that_it_cannot_read_and_goes_on_with_the_rest() {
    let home = home();
    let journals = home.path("journal");
    fs::create_dir(&journals).unwrap();
    let gone = home.path("gone");
    let begin = serde_json::json!({"begin": {"id": "r", "verb": "bake", "began": 1, "pid": 1,
        "place": {"kind": "local", "engine": gone}}});
    let create = |kind: &str| serde_json::json!({"create": {"run": "r", "kind": kind, "zone": "z", "name": "n"}});
    let write = |name: &str, lines: &[&[u8]]| {
        fs::write(journals.join(name), lines.join(&b'\n')).unwrap();
    };
    let (begin, disk, rocket) = (
        begin.to_string(),
        create("disk").to_string(),
        create("rocket").to_string(),
    );
    write("a-kind.jsonl", &[begin.as_bytes(), rocket.as_bytes(), b""]);
    write(
        "b-first.jsonl",
        &[&begin.as_bytes()[1..], disk.as_bytes(), b""],
    );
    write("c-bytes.jsonl", &[begin.as_bytes(), b"\"\xff\"", b""]);
    write("d-whole.jsonl", &[begin.as_bytes(), disk.as_bytes(), b""]);
    let output = home.run(&["clean"]);
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    for (file, line) in [("a-kind", 2), ("b-first", 1), ("c-bytes", 2)] {
        let told = format!("{file}.jsonl cannot be read: its line {line} ");
        assert!(output.stderr.contains(&told), "{}", output.stderr);
    }
    assert_eq!(output.stdout, "disk n in z: not there\n");
    let names = tree(&journals);
    let names: Vec<_> = names.iter().filter_map(|path| path.file_name()).collect();
    assert_eq!(names, ["a-kind.jsonl", "b-first.jsonl", "c-bytes.jsonl"]);
}

//! The walls of the house: which room may not know which, and no circle of imports.

mod circles;
mod imports;
mod picture;

use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// Files below `room` that mention one of `strangers`.
fn mentions(room: &str, strangers: &[&str]) -> Vec<String> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(room);
    let files = if place.is_dir() {
        sources(&place)
    } else {
        vec![(place.clone(), fs::read_to_string(&place).unwrap())]
    };
    assert!(!files.is_empty(), "{room} has no sources");
    files
        .iter()
        .flat_map(|(path, text)| {
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let code: Vec<_> = code.collect();
            let found = strangers
                .iter()
                .filter(move |stranger| code.iter().any(|line| line.contains(**stranger)));
            found
                .map(|stranger| format!("{}: {stranger}", path.display()))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn client_and_engine_do_not_know_each_other() {
    let manifests = [
        ("crates/gce/Cargo.toml", "localgce"),
        ("crates/localgce/Cargo.toml", "gce.workspace"),
        ("crates/localgce/Cargo.toml", "../gce"),
    ];
    for (manifest, stranger) in manifests {
        let text =
            fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(manifest)).unwrap();
        assert!(!text.contains(stranger), "{manifest} names {stranger}");
    }
    assert_eq!(
        mentions("crates/gce/src", &["localgce::"]),
        Vec::<String>::new()
    );
    assert_eq!(
        mentions("crates/localgce/src", &["use gce", "gce::Client"]),
        Vec::<String>::new()
    );
}

/// What checks client and engine is part of neither.
#[test]
fn the_contract_is_for_tests_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for manifest in [
        "Cargo.toml",
        "crates/gce/Cargo.toml",
        "crates/localgce/Cargo.toml",
    ] {
        let text = fs::read_to_string(root.join(manifest)).unwrap();
        let (_, rest) = text.split_once("\n[dependencies]").unwrap();
        let (needed, dev) = rest.split_once("\n[dev-dependencies]").unwrap();
        let named = |text: &str| {
            let crates =
                ["contract", "orphans", "wire", "world"].map(|name| format!("/{name}\" }}"));
            crates.iter().any(|name| text.contains(name))
        };
        assert!(!named(needed), "{manifest} depends on it");
        assert!(named(dev), "{manifest} is not checked by it");
    }
    for room in [
        "crates/contract/src",
        "crates/orphans/src",
        "crates/wire/src",
        "crates/world/src",
    ] {
        assert_eq!(
            mentions(
                room,
                &["use gce", "gce::Client", "localgce::", "use clawbake"]
            ),
            Vec::<String>::new()
        );
    }
}

#[test]
fn what_decides_does_no_io_and_knows_no_cloud() {
    let strangers = [
        "gce::",
        "localgce",
        "crate::cloud",
        "crate::fleet",
        "crate::bake",
        "crate::image",
        "tokio::",
        "reqwest",
        "std::process",
    ];
    for room in [
        "src/recipe",
        "src/deployment",
        "src/userdata",
        "src/document",
        "src/names.rs",
    ] {
        assert_eq!(mentions(room, &strangers), Vec::<String>::new());
    }
}

#[test]
fn one_place_tells_google_from_the_engine() {
    for room in [
        "src/bake",
        "src/doctor",
        "src/fleet",
        "src/image",
        "src/release",
        "src/journal",
        "src/setup",
        "src/userdata",
        "src/vm",
    ] {
        assert_eq!(
            mentions(room, &["Target::", "localgce", "crate::engine"]),
            Vec::<String>::new()
        );
    }
}

#[test]
fn the_command_line_is_a_roof_and_not_a_floor() {
    for room in [
        "src/bake",
        "src/doctor",
        "src/fleet",
        "src/image",
        "src/recipe",
        "src/setup",
        "src/deployment",
        "src/userdata",
        "src/release",
        "src/cloud",
        "src/engine.rs",
        "src/vm",
    ] {
        assert_eq!(
            mentions(room, &["crate::cli", "clap::", "indicatif", "println!"]),
            Vec::<String>::new()
        );
    }
}

/// Word comes from the VM: nobody logs in to it, and no door is opened for that.
#[test]
fn nothing_in_the_making_logs_in() {
    for room in [
        "src/bake",
        "src/image",
        "src/fleet",
        "src/journal",
        "src/vm",
    ] {
        assert_eq!(mentions(room, &["\"ssh", ":22\""]), Vec::<String>::new());
    }
    for room in ["src/bake", "src/image"] {
        assert_eq!(
            mentions(room, &["firewall", "TcpStream"]),
            Vec::<String>::new()
        );
    }
}

//! The picture of the imports: `cargo test --test walls picture -- --nocapture` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::circles::{circles, describe};
use crate::imports::{Imports, Sources, imports, sources};

const CRATES: [&str; 7] = [
    "",
    "crates/contract",
    "crates/gce",
    "crates/localgce",
    "crates/orphans",
    "crates/wire",
    "crates/world",
];

/// The rooms from the roof to the ground. A room imports from lower floors alone, and not from its
/// neighbours. The other crates have no rooms.
const FLOORS: [(&str, &[&[&str]]); 2] = [
    (
        "",
        &[
            &["cli", "fuzzing"],
            &["doctor"],
            &["setup"],
            &["migrate"],
            &["rollout"],
            &["updates"],
            &["bake", "state"],
            &["fleet"],
            &["image", "run", "userdata"],
            &["bucket", "journal", "vm"],
            &["cloud"],
            &["deployment", "engine", "lock"],
            &["recipe"],
            &["names", "release", "serial"],
            &["document", "labels", "paths", "printable", "progress"],
        ],
    ),
    (
        "crates/localgce",
        &[
            &["serve"],
            &["api"],
            &["engine"],
            &["config", "debian", "metadata", "store"],
            &["connect", "connections", "json", "key", "mark", "vm"],
            &[
                "catalog", "child", "clock", "endpoint", "error", "log", "private",
            ],
            &["room"],
        ],
    ),
];

/// The room that a file is in, or the file itself where it is in none.
fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// What each room imports, room by room.
fn rooms(imports: &Imports) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut rooms: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (from, to) in imports.keys().map(|(from, to)| (room(from), room(to))) {
        if from != to {
            rooms.entry(from).or_default().insert(to);
        }
    }
    rooms
}

/// Imports from a room that is not on a lower floor, and rooms that are on none. What stands in
/// `lib.rs` and `main.rs` is above all rooms.
fn upwards(imports: &Imports, floors: &[&[&str]]) -> String {
    let mut text = String::new();
    let floor = |room: &str| match room {
        "lib" | "main" => Some(0),
        _ => {
            let floor = floors.iter().position(|floor| floor.contains(&room));
            floor.map(|number| number + 1)
        }
    };
    for ((from, to), lines) in imports {
        let (above, below) = (room(from), room(to));
        if above != below && (floor(below).is_none() || floor(above) >= floor(below)) {
            let import = lines.first().unwrap();
            writeln!(text, "  {from}:{} -> {to}: {}", import.line, import.path).unwrap();
        }
    }
    text
}

/// The imports of a crate's library, or of its program where it has no library.
fn imports_of(name: &str) -> Imports {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = sources(&root.join(name).join("src"));
    let file = ["lib.rs", "main.rs"]
        .into_iter()
        .find(|it| sources.contains_key(*it));
    imports(&sources, file.unwrap())
}

#[test]
fn no_crate_has_a_circle_of_imports() {
    let mut faults = String::new();
    for name in CRATES {
        let imports = imports_of(name);
        for circle in circles(&imports) {
            let lines = describe(&circle, &imports);
            writeln!(faults, "{name}/src: a circle\n{lines}").unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn no_room_imports_from_a_floor_above() {
    let mut faults = String::new();
    for (name, floors) in FLOORS {
        faults += &upwards(&imports_of(name), floors);
    }
    assert!(
        faults.is_empty(),
        "imports from a floor above, from the same one, or from a room that is not in `FLOORS`:\n{faults}"
    );
}

#[test]
fn the_picture() {
    for name in CRATES {
        println!("{name}/src");
        for (room, imported) in rooms(&imports_of(name)) {
            let imported: Vec<_> = imported.into_iter().collect();
            println!("  {room} -> {}", imported.join(" "));
        }
    }
}

/// A made-up crate.
fn made_up(files: &[(&str, &str)]) -> Imports {
    let sources: Sources = files
        .iter()
        .map(|&(file, text)| (file.to_owned(), text.to_owned()))
        .collect();
    imports(&sources, "lib.rs")
}

fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let circles = circles(&made_up(files));
    circles
        .into_iter()
        .map(|it| it.into_iter().collect())
        .collect()
}

#[test]
fn a_resource_that_imports_its_router_is_a_circle() {
    let files = [
        ("lib.rs", "mod api;"),
        (
            "api/mod.rs",
            "mod disks;\npub struct Place;\npub fn router() { disks::get() }",
        ),
        ("api/disks.rs", "use super::Place;\npub fn get() {}"),
    ];
    assert_eq!(found(&files), [["api/disks.rs", "api/mod.rs"]]);
    let imports = made_up(&files);
    let circle = &circles(&imports)[0];
    assert_eq!(
        describe(circle, &imports),
        "  api/disks.rs -> api/mod.rs\n    1: super::Place\n\
         \u{20} api/mod.rs -> api/disks.rs\n    3: disks::get\n"
    );
}

#[test]
fn a_name_is_followed_to_the_file_that_defines_it() {
    // Through a re-export, a rename, `*`, an alias of a module, a macro and an attribute.
    let files = [
        (
            "lib.rs",
            "mod a; mod b; mod c; pub use a::One as Uno; pub use b::*;",
        ),
        ("a.rs", "pub struct One; fn f() { crate::Two::new() }"),
        (
            "b.rs",
            "pub struct Two; use crate::c; fn f() { vec![c::three()] }",
        ),
        ("c.rs", "#[serde(with = \"crate::Uno\")] pub fn three() {}"),
    ];
    assert_eq!(found(&files), [["a.rs", "b.rs", "c.rs"]]);
}

#[test]
fn lists_of_modules_and_tests_make_no_circle() {
    let files = [
        ("lib.rs", "mod a; pub use a::{A, B};"),
        (
            "a/mod.rs",
            "mod one; mod two; pub use one::A; pub use two::B;",
        ),
        ("a/one.rs", "use super::B; pub struct A;"),
        (
            "a/two.rs",
            "pub struct B; #[cfg(test)] mod tests { use crate::A; use super::super::A as C; }",
        ),
    ];
    assert_eq!(found(&files), Vec::<Vec<String>>::new());
}

#[test]
fn an_import_from_above_or_beside_is_found() {
    let imports = made_up(&[
        (
            "lib.rs",
            "mod top; mod left; mod right; mod odd; fn f() { top::f() }",
        ),
        ("top.rs", "use crate::left::f; pub fn f() {}"),
        ("left/mod.rs", "use crate::right::f;"),
        ("right.rs", "pub fn f() { crate::top::f() }"),
        ("odd.rs", "use crate::right::f;"),
    ]);
    let floors: [&[&str]; 2] = [&["top"], &["left", "right"]];
    let expected = "  left/mod.rs:1 -> right.rs: crate::right::f\n\
                    \u{20} right.rs:1 -> top.rs: crate::top::f\n";
    assert_eq!(upwards(&imports, &floors), expected);
}

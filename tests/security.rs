//! What `docs/security.md` says is shown by a test has that test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all test functions below a directory.
fn tests_below(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path
            .extension()
            .is_some_and(|end| end == "rs" || end == "py")
        {
            let text = fs::read_to_string(&path).unwrap();
            let words = text.split_whitespace().collect::<Vec<_>>();
            let functions = words
                .windows(2)
                .filter(|pair| ["fn", "def"].contains(&pair[0]));
            let names = functions.filter_map(|pair| pair[1].split('(').next());
            found.extend(names.map(str::to_owned));
        }
    }
}

/// What stands between backquotes and looks like a test's name: four words at least.
fn named(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let name = |text: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        text.chars().all(plain) && text.matches('_').count() >= 3
    };
    quoted.filter(name).collect()
}

#[test]
fn every_test_that_the_security_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut there = BTreeSet::new();
    for room in ["src", "crates", "tests", "cloud-init"] {
        tests_below(&root.join(room), &mut there);
    }
    let text = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let named = named(&text);
    assert!(named.len() > 40, "only {} tests are named", named.len());
    let missing = named.into_iter().filter(|name| !there.contains(*name));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

//! What a user is told about each mistake: one file in `bad/` per mistake, one snapshot per kind.

use std::fmt::Write;
use std::path::Path;

use clawbake::deployment::Deployment;
use clawbake::document::Findings;
use clawbake::lock::Lock;
use clawbake::recipe::{Base, Files, Recipe};
use clawbake::userdata;

/// The files that the recipes in `bad/recipe` refer to.
const FILES: Files = Files::Shipped(&[
    ("Containerfile.tera", ""),
    ("provision/10-extra.sh", ""),
    ("state/counts.mjs", ""),
]);

fn recipe(text: &str) -> Result<(), Findings> {
    Recipe::parse("recipe.yaml", text, FILES).map(|_| ())
}

fn deployment(text: &str) -> Result<(), Findings> {
    Deployment::parse("clawbake.yaml", text, Path::new("")).map(|_| ())
}

fn lock(text: &str) -> Result<(), Findings> {
    Lock::parse("clawbake.lock", text).map(|_| ())
}

fn user_data(text: &str) -> Result<(), Findings> {
    let findings = userdata::validate("user-data.yaml", text, Base::Debian13);
    if findings.is_empty() {
        Ok(())
    } else {
        Err(Findings(findings))
    }
}

/// Every file of a directory with its messages. A file without a message fails the test.
fn messages(kind: &str, check: fn(&str) -> Result<(), Findings>) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bad")
        .join(kind);
    let mut files: Vec<_> = dir
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut out = String::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let findings = check(&std::fs::read_to_string(&file).unwrap()).expect_err(name);
        writeln!(out, "# {name}\n{findings}\n").unwrap();
    }
    out
}

#[test]
fn broken_recipes() {
    insta::assert_snapshot!(messages("recipe", recipe));
}

#[test]
fn broken_deployments() {
    insta::assert_snapshot!(messages("deployment", deployment));
}

#[test]
fn broken_locks() {
    insta::assert_snapshot!(messages("lock", lock));
}

#[test]
fn broken_user_data() {
    insta::assert_snapshot!(messages("user-data", user_data));
}

/// What the broken ones were made from, and what only looks broken.
#[test]
fn good_ones_have_no_findings() {
    recipe(include_str!("good/recipe.yaml")).unwrap();
    deployment(include_str!("good/deployment.yaml")).unwrap();
    lock(include_str!("good/lock.yaml")).unwrap();
    user_data(include_str!("good/user-data.yaml")).unwrap();
}

#[test]
fn shipped_recipes_have_no_findings() {
    for name in clawbake::recipe::shipped_names() {
        let recipe = Recipe::shipped(name).unwrap().unwrap();
        assert_eq!(&*recipe.name, name);
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("recipes")
            .join(name);
        Recipe::load(&dir).unwrap();
    }
}

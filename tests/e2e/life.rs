//! One gateway's life: what updates, losses and ways back do to its state, with a stand-in whose
//! releases go wrong in the ways of upstream's (tests/e2e/releases).
//!
//! One story, because each chapter needs the one before it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use world::stdout;

use crate::stage::Stage;

const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/releases");
const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/life");
/// What Node of npm's package is linked with, on this machine.
const LIBRARIES: [&str; 7] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libdl.so.2",
    "/lib/x86_64-linux-gnu/libgcc_s.so.1",
    "/lib/x86_64-linux-gnu/libm.so.6",
    "/lib/x86_64-linux-gnu/libpthread.so.0",
    "/lib/x86_64-linux-gnu/libstdc++.so.6",
];
const PACKAGE: &str = "clawbake-stand-in";

#[test]
#[ignore = "boots VMs for half an hour; `make e2e`"]
fn a_gateway_outlives_its_releases_its_vm_and_its_disk() {
    let life = Stage::with_npm("life");
    deploy(&life);

    life.chapter("A is launched, and its state fills");
    let began = Instant::now();
    let release = |name: &str| {
        life.registry()
            .publish(Path::new(RELEASES), name, &["latest"])
    };
    let first = release("a");
    let url = life.clawbake(&["up"]).trim().to_owned();
    life.say(&format!("up: {:?}", began.elapsed()));
    let _ = (url, first, PACKAGE, json!({}), Value::Null);
}

/// Writes the deployment and its recipe.
fn deploy(life: &Stage) {
    let mut copy = life.command("cp");
    stdout(
        copy.args(["-R", RECIPE, "recipe"]).output().unwrap(),
        &["cp"],
    );
    let mut busybox = life.command("sh");
    busybox.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/busybox.sh"));
    stdout(busybox.output().unwrap(), &["busybox-static"]);
    let busybox = life.path("bin/busybox");
    let files = LIBRARIES.map(Path::new).into_iter().chain([&*busybox]);
    let binaries = files.fold(String::new(), |mut list, file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        let digest = Sha256::digest(fs::read(file).unwrap());
        let digest = digest
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let path = file.display();
        write!(
            list,
            "\n    - {{name: {name}, url: \"file://{path}\", sha256: {digest}}}"
        )
        .unwrap();
        list
    });
    life.replace("recipe/recipe.yaml", &[(" BINARIES", &binaries)]);
    let text = "name: life\ntarget: local\nrecipe: ./recipe\nmachine: {type: e2-small, boot_disk_gb: 10}\n\
                state: {disk_gb: 1}\nsecrets: {STANDIN_GATEWAY_TOKEN: life-token}\n";
    fs::write(life.path("clawbake.yaml"), text).unwrap();
}

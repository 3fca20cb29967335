//! Google's own Python clients, unmodified, against the engine.

mod platform;

use std::path::Path;

use platform::{Platform, stdout};

/// What the programs need, at pinned versions.
const REQUIREMENTS: &str = "requirements-platform.txt";

#[test]
#[ignore = "needs Python and its package index; make e2e"]
fn googles_clients_keep_secrets_and_objects_in_the_engine() {
    let engine = Platform::start();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    run(&engine, "python3", &["-m", "venv", "venv"]);
    let requirements = sources.join(REQUIREMENTS);
    let requirements = requirements.to_str().unwrap();
    run(
        &engine,
        "venv/bin/pip",
        &["install", "--quiet", "-r", requirements],
    );
    for program in ["secretmanager.py", "storage.py"] {
        let path = sources.join(program);
        let words = run(&engine, "venv/bin/python", &[path.to_str().unwrap()]);
        println!("{program}: {words}");
    }
}

fn run(engine: &Platform, program: &str, arguments: &[&str]) -> String {
    // A path is one below the engine's directory.
    let path = engine.path().join(program);
    let program = if path.exists() {
        path.to_str().unwrap()
    } else {
        program
    };
    let mut command = engine.command(program);
    command.args(arguments).env(
        "LOCALGCE_ENDPOINT",
        engine.path().join("engine/endpoint.json"),
    );
    stdout(command.output().unwrap(), arguments)
}

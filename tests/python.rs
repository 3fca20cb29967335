//! Google's own Python clients, unmodified, against the engine: each program in `tests/python/` asserts
//! for itself. The instances have an empty disk.

mod platform;

use std::path::Path;

use platform::Platform;
use world::stdout;

/// What is run, one after the other.
const PROGRAMS: [&str; 3] = ["compute.py", "secretmanager.py", "storage.py"];

#[test]
#[ignore = "needs Python and its package index; `make google`"]
fn googles_python_clients_find_all_that_they_ask_for() {
    let engine = Platform::start("python");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    run(&engine, "python3", &["-m", "venv", "venv"]);
    let requirements = sources.join("requirements.txt");
    let requirements = requirements.to_str().unwrap();
    run(
        &engine,
        "venv/bin/pip",
        &["install", "--quiet", "-r", requirements],
    );
    for program in PROGRAMS {
        let path = sources.join(program);
        let words = run(&engine, "venv/bin/python", &[path.to_str().unwrap()]);
        println!("{program}: {words}");
    }
}

fn run(engine: &Platform, program: &str, arguments: &[&str]) -> String {
    // A path is one below the engine's directory.
    let path = engine.world.dir().join(program);
    let program = if path.exists() {
        path.to_str().unwrap()
    } else {
        program
    };
    let output = engine.command(program).args(arguments).output().unwrap();
    stdout(output, arguments).trim_end().to_owned()
}

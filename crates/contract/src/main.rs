//! Counts what test suites have recorded, and fails if any of it was wrong or nothing was:
//! `cargo run -p contract gce engine`.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use serde_json::Value;

fn main() -> ExitCode {
    for revision in contract::revisions() {
        println!("{revision}");
    }
    let suites: Vec<_> = std::env::args().skip(1).collect();
    let clean = suites.iter().filter(|suite| report(suite)).count();
    if clean == suites.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints a suite's count and its findings. Whether it is clean.
fn report(suite: &str) -> bool {
    let path = contract::records().join(format!("{suite}.jsonl"));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("reading {}: {error}; run the tests first", path.display());
            return false;
        }
    };
    let lines = text.lines().map(serde_json::from_str);
    let lines: Vec<Value> = lines.collect::<Result<_, _>>().expect("a record");
    let all = |field: &'static str| {
        let arrays = lines.iter().filter_map(move |line| line[field].as_array());
        arrays.flatten()
    };
    let methods: BTreeSet<_> = all("methods").filter_map(Value::as_str).collect();
    let unvalidated = all("methods").filter(|method| method.is_null()).count();
    println!(
        "{suite}: contract: {} exchanges, {} methods, {unvalidated} unvalidated",
        lines.len(),
        methods.len(),
    );
    for finding in all("findings") {
        println!("  {finding}");
    }
    unvalidated == 0 && all("findings").count() == 0 && !lines.is_empty()
}

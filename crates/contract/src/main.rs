//! Counts what the test suites have recorded: `cargo run -p contract`. Fails if anything was wrong.

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use serde_json::Value;

fn main() -> ExitCode {
    let mut clean = true;
    for revision in contract::revisions() {
        println!("{revision}");
    }
    let directory = contract::records();
    let mut files: Vec<_> = match fs::read_dir(&directory) {
        Ok(entries) => entries
            .map(|entry| entry.expect("an entry").path())
            .collect(),
        Err(error) => {
            eprintln!(
                "reading {}: {error}; run the tests first",
                directory.display()
            );
            return ExitCode::FAILURE;
        }
    };
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).expect("a record");
        let suite = file.file_stem().unwrap_or_default().display().to_string();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line of a record"))
            .collect();
        let items = |field: &'static str| {
            let arrays = lines.iter().filter_map(move |line| line[field].as_array());
            arrays.flatten()
        };
        let methods: BTreeSet<_> = items("methods").filter_map(Value::as_str).collect();
        let unvalidated = items("methods").filter(|method| method.is_null()).count();
        let findings: Vec<_> = items("findings").collect();
        println!(
            "{suite}: contract: {} exchanges, {} methods, {unvalidated} unvalidated, {} findings",
            lines.len(),
            methods.len(),
            findings.len()
        );
        for finding in &findings {
            println!("  {finding}");
        }
        clean &= unvalidated == 0 && findings.is_empty();
    }
    if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

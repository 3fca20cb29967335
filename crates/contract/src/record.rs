use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;

use crate::check::Verdict;
use crate::exchange::{Exchange, Sender};
use crate::redact;

/// Where the records of all suites are.
#[must_use]
pub fn records() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/contract")
}

/// The exchanges of one test suite, one on each line of `target/contract/{suite}.jsonl`.
#[derive(Debug)]
pub struct Record {
    file: Mutex<File>,
}

static OPEN: LazyLock<Mutex<HashMap<String, Arc<Record>>>> = LazyLock::new(Mutex::default);

/// The record of a suite, one for the whole process. What an earlier process has written goes.
///
/// # Panics
/// When the file cannot be made.
#[must_use]
pub fn record(suite: &str) -> Arc<Record> {
    let mut open = OPEN.lock().unwrap();
    let record = open.entry(suite.to_owned()).or_insert_with(|| {
        let path = records().join(format!("{suite}.jsonl"));
        let file = fs::create_dir_all(records()).and_then(|()| File::create(&path));
        let file = file.unwrap_or_else(|error| panic!("making {}: {error}", path.display()));
        Arc::new(Record {
            file: Mutex::new(file),
        })
    });
    Arc::clone(record)
}

impl Record {
    /// Writes an exchange down, with what is to be said of it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn add(&self, exchange: &Exchange, verdicts: &[Verdict], fault: Option<&str>) {
        let methods: Vec<_> = verdicts.iter().map(|verdict| verdict.method).collect();
        let findings: Vec<_> = verdicts
            .iter()
            .flat_map(|verdict| &verdict.findings)
            .map(ToString::to_string)
            .collect();
        let line = json!({
            "methods": methods,
            "ours": exchange.sender == Sender::Ours,
            "method": exchange.method,
            "target": redact::target(exchange),
            "status": exchange.status,
            "fault": fault,
            "findings": findings,
            "request": redact::content(&exchange.request),
            "response": redact::content(&exchange.response),
        });
        let mut file = self.file.lock().unwrap();
        writeln!(file, "{line}").expect("writing the record");
    }
}

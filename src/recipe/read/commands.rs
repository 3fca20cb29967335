//! What a release does with the state: commands that the guest runs in the gateway's own container.

use std::ops::RangeInclusive;

use crate::document::{Cursor, Fields, Value};
use crate::names::RelativePath;
use crate::recipe::{Command, Doctor, FILES_DIR, Health, Preflight};

/// More is a script.
const WORDS: usize = 64;
/// How long a command takes, if the recipe does not say. A slow machine gives one more that runs while the
/// gateway is down.
const SECONDS: u32 = 300;
/// Exit statuses that are the command's own: a container that cannot be started ends with 1, and from 124 on
/// they are those of `timeout`, Docker and signals.
const STATUSES: RangeInclusive<u64> = 2..=123;

/// `{run: [words], seconds: N}`; `files` are those that the container has.
pub(super) fn command(at: &Cursor, files: &[RelativePath]) -> Option<Command> {
    read(&at.fields(&["run", "seconds"])?, files)
}

pub(super) fn preflight(at: &Cursor, files: &[RelativePath]) -> Option<Preflight> {
    let keys = at.fields(&["run", "seconds", "refused"])?;
    let refused_at = keys.required("refused", "the exit statuses that refuse the state: [3]")?;
    let refused: Vec<u8> = refused_at
        .items()
        .iter()
        .filter_map(|c| c.number(STATUSES, "an exit status of the command's own"))
        .collect();
    if refused_at.node().items().is_empty() && matches!(refused_at.node().value, Value::List(_)) {
        refused_at.report(
            "is empty",
            "a preflight that refuses nothing proves nothing: [3]",
        );
    }
    Some(Preflight {
        command: read(&keys, files)?,
        refused,
    })
}

pub(super) fn doctor(at: &Cursor, files: &[RelativePath]) -> Option<Doctor> {
    let keys = at.fields(&["run", "seconds", "when"])?;
    let when = keys.required(
        "when",
        "the status of the authorised call that asks for it: 400",
    );
    let when = when.and_then(|c| c.number(100..=599, "an HTTP status"));
    Some(Doctor {
        command: read(&keys, files)?,
        when: when?,
    })
}

/// Reports a doctor that is called by an answer that says something else already; `state` is what it is in.
pub(super) fn check_doctor(state: &Cursor, doctor: &Doctor, health: &Health) {
    if [health.with, health.without].contains(&doctor.when) {
        let entries = state.entries();
        let is_doctor = |(key, _): &&(Cursor, Cursor)| key.node().text() == Some("doctor");
        let at = entries.iter().find(is_doctor).map_or(state, |(_, at)| at);
        at.report(
            format!("{} is an answer that `health` expects", doctor.when),
            "the status that the right token gets while the state needs the doctor",
        );
    }
}

/// The `run` and `seconds` of a mapping.
pub(super) fn read(keys: &Fields, files: &[RelativePath]) -> Option<Command> {
    let run_at = keys.required("run", "a command, word by word: [node, dist/index.js, ...]");
    let seconds = keys.or("seconds", SECONDS, |c| {
        c.number(1..=3600, "a number of seconds")
    });
    let run_at = run_at?;
    let run: Vec<String> = run_at
        .items()
        .iter()
        .filter_map(|c| word(c, files))
        .collect();
    if matches!(run_at.node().value, Value::List(_))
        && !(1..=WORDS).contains(&run_at.node().items().len())
    {
        run_at.report(
            format!("has {} words", run_at.node().items().len()),
            format!("from 1 to {WORDS}, the first of them the program; more is a script among `container.files`"),
        );
    }
    Some(Command {
        run,
        seconds: seconds?,
    })
}

fn word(at: &Cursor, files: &[RelativePath]) -> Option<String> {
    let text = at.text()?;
    if text.contains(|c: char| c.is_control()) {
        at.report("holds a control character", "one word of a command");
    }
    let file = text
        .strip_prefix(FILES_DIR)
        .and_then(|rest| rest.strip_prefix('/'));
    if let Some(file) = file
        && !files.iter().any(|known| **known == *file)
    {
        at.report(
            format!("the container has no `{text}`"),
            format!("list `{file}` under `container.files`"),
        );
    }
    Some(text)
}

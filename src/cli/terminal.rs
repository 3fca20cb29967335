//! Draws progress on stderr: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::errln;
use crate::printable::printable;
use crate::progress::{Event, Outcome, Progress};

/// Columns of a stage's name.
const NAME: usize = 14;

/// Progress as this terminal, or this log, can show it.
pub fn progress() -> Progress {
    if std::io::stderr().is_terminal() {
        bars()
    } else {
        Progress::new(plain)
    }
}

fn plain(event: Event) {
    match event {
        Event::Started { .. } | Event::Advanced { .. } => {}
        Event::Note { stage, text } => errln!("{stage:<NAME$} ... {text}"),
        Event::Finished {
            stage,
            outcome,
            result,
            elapsed,
        } => {
            errln!("{}", finished(&stage, outcome, &result, elapsed));
        }
        Event::Failed { stage, elapsed } => errln!("{}", failed(&stage, elapsed)),
    }
}

fn finished(stage: &str, outcome: Outcome, result: &str, elapsed: Duration) -> String {
    let how = match outcome {
        Outcome::Done => "",
        Outcome::Cached => ", nothing to do",
    };
    format!("{stage:<NAME$} {result} ({}{how})", seconds(elapsed))
}

fn failed(stage: &str, elapsed: Duration) -> String {
    format!("{stage:<NAME$} failed ({})", seconds(elapsed))
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

fn bars() -> Progress {
    let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    let open: Mutex<HashMap<String, ProgressBar>> = Mutex::default();
    Progress::new(move |event| {
        let mut open = open.lock().expect("no panic while a bar is drawn");
        match event {
            Event::Started { stage } => {
                let bar = all.add(
                    ProgressBar::new_spinner()
                        .with_style(spinner())
                        .with_prefix(format!("{stage:<NAME$}")),
                );
                bar.enable_steady_tick(Duration::from_millis(120));
                open.insert(stage, bar);
            }
            Event::Note { stage, text } => {
                if let Some(bar) = open.get(&stage) {
                    bar.set_style(spinner());
                    bar.set_message(printable(&text).into_owned());
                }
            }
            Event::Advanced { stage, done, total } => {
                if let Some(bar) = open.get(&stage) {
                    bar.set_style(bytes());
                    bar.set_length(total);
                    bar.set_position(done);
                }
            }
            Event::Finished {
                stage,
                outcome,
                result,
                elapsed,
            } => {
                close(
                    &mut open,
                    &all,
                    &stage,
                    &finished(&stage, outcome, &result, elapsed),
                );
            }
            Event::Failed { stage, elapsed } => {
                close(&mut open, &all, &stage, &failed(&stage, elapsed));
            }
        }
    })
}

fn close(open: &mut HashMap<String, ProgressBar>, all: &MultiProgress, stage: &str, line: &str) {
    if let Some(bar) = open.remove(stage) {
        bar.finish_and_clear();
        all.remove(&bar);
    }
    // A terminal that cannot be written to cannot be told so either.
    let _ = all.println(printable(line));
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {spinner} {elapsed} {wide_msg}")
        .expect("a valid template")
}

fn bytes() -> ProgressStyle {
    ProgressStyle::with_template("{prefix} {bar:30} {bytes}/{total_bytes} {elapsed}")
        .expect("a valid template")
}

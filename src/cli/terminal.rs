//! Draws progress on stderr: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::errln;
use crate::printable::printable;
use crate::progress::{Event, Outcome, Progress};

/// Width of a stage's name.
const NAME: usize = 14;

/// How often a long stage prints a line if there is no bar.
const A_LINE: Duration = Duration::from_mins(1);

/// Progress in the form that this terminal or log can show.
pub fn progress() -> Progress {
    if std::io::stderr().is_terminal() {
        bars()
    } else {
        let open: Mutex<HashMap<String, Pace>> = Mutex::default();
        Progress::new(move |event| {
            let mut open = open.lock().expect("no panic while a line is printed");
            if let Some(line) = plain(event, &mut open, Instant::now()) {
                errln!("{line}");
            }
        })
    }
}

/// When a stage began, and when it last printed a line.
struct Pace {
    began: Instant,
    said: Instant,
}

/// The line for an event, if one is due.
fn plain(event: Event, open: &mut HashMap<String, Pace>, now: Instant) -> Option<String> {
    match event {
        Event::Started { stage } => {
            let pace = Pace {
                began: now,
                said: now,
            };
            open.insert(stage, pace);
            None
        }
        Event::Advanced { .. } => None,
        Event::Note { stage, text } => {
            if let Some(pace) = open.get_mut(&stage) {
                pace.said = now;
            }
            Some(format!("{stage:<NAME$} ... {text}"))
        }
        Event::Heard { stage, text } => {
            let pace = open.get_mut(&stage)?;
            if now - pace.said < A_LINE {
                return None;
            }
            pace.said = now;
            let minutes = (now - pace.began).as_secs() / 60;
            let words = if text.is_empty() {
                "its serial port has said nothing yet"
            } else {
                &text
            };
            Some(format!("{stage:<NAME$} ... {minutes} min: {words}"))
        }
        Event::Finished {
            stage,
            outcome,
            result,
            elapsed,
        } => {
            open.remove(&stage);
            Some(finished(&stage, outcome, &result, elapsed))
        }
        Event::Failed { stage, elapsed } => {
            open.remove(&stage);
            Some(failed(&stage, elapsed))
        }
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
            // The spinner moves by itself.
            Event::Heard { .. } => {}
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
    // There is nowhere to report a terminal that cannot be written to.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stage_says_a_line_a_minute_off_a_terminal() {
        let (mut open, start) = (HashMap::new(), Instant::now());
        let mut at = |seconds, event| plain(event, &mut open, start + Duration::from_secs(seconds));
        let stage = || "gateway".to_owned();
        let heard = |text: &str| Event::Heard {
            stage: stage(),
            text: text.into(),
        };
        assert_eq!(at(0, Event::Started { stage: stage() }), None);
        // As the watch polls.
        let polls = (3..=240).step_by(3).filter_map(|second| {
            let words = if second < 100 {
                ""
            } else {
                "[ 9.1] systemd[1]: Started x"
            };
            at(second, heard(words))
        });
        let lines: Vec<_> = polls.collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        gateway        ... 1 min: its serial port has said nothing yet
        gateway        ... 2 min: [ 9.1] systemd[1]: Started x
        gateway        ... 3 min: [ 9.1] systemd[1]: Started x
        gateway        ... 4 min: [ 9.1] systemd[1]: Started x
        ");
        let note = Event::Note {
            stage: stage(),
            text: "phase gateway".into(),
        };
        assert!(at(270, note).is_some());
        assert_eq!(at(329, heard("x")), None, "the note was a line too");
        assert!(at(330, heard("x")).is_some());
    }
}

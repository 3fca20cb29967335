//! What a rebuild tells: gate by gate, and where it ended.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Gate;

/// A rebuild, told.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was new, one line each.
    pub news: Vec<String>,
    /// The release before: gateway's version.
    pub from: Option<String>,
    /// The release that it went to, or tried to.
    pub to: Option<String>,
    /// The image of that release.
    pub image: Option<String>,
    /// Gate by gate.
    pub gates: Vec<Entry>,
    /// Seconds in which no gateway answered; none where no VM was replaced.
    pub downtime_seconds: Option<u64>,
    /// Where it ended.
    pub end: End,
}

/// A gate that was reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Which.
    pub gate: Gate,
    /// What came of it.
    pub result: Passage,
    /// The same in words.
    pub words: String,
    /// Seconds that it took.
    pub seconds: f64,
}

/// What came of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passage {
    /// Passed.
    Passed,
    /// It had been passed before, or there was nothing to do.
    Before,
    /// The release is refused here.
    Refused,
    /// Something else went wrong; the next rebuild tries it again.
    Failed,
}

/// Where a rebuild ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "at")]
pub enum End {
    /// Nothing is new, and the VM runs what is in front.
    #[default]
    Current,
    /// The VM runs the release.
    Replaced,
    /// The image is in front of its family, and there is no VM to replace, or it was not to be.
    Promoted,
    /// Nothing was changed.
    Refused {
        /// Where.
        gate: Gate,
        /// Why.
        why: String,
    },
    /// VM, state, family and lock are what they were before.
    PutBack {
        /// Where the release failed.
        gate: Gate,
        /// Why.
        why: String,
    },
    /// It broke off. The next rebuild goes on from there.
    Broken {
        /// Where.
        gate: Gate,
        /// Why.
        why: String,
    },
}

impl Report {
    /// Adds a gate.
    pub(super) fn add(
        &mut self,
        gate: Gate,
        result: Passage,
        words: impl Into<String>,
        time: Duration,
    ) {
        self.gates.push(Entry {
            gate,
            result,
            words: words.into(),
            seconds: (time.as_secs_f64() * 10.0).round() / 10.0,
        });
    }

    /// Where a rebuild ended that met no obstacle.
    pub(super) fn reached(&self) -> End {
        let passed = |gate| self.gates.iter().any(|entry| entry.gate == gate);
        if passed(Gate::Replace) {
            End::Replaced
        } else if passed(Gate::Promote) {
            End::Promoted
        } else {
            End::Current
        }
    }

    /// The exit code of where it ended; see the list in `clawbake --help`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.end {
            End::Current | End::Replaced | End::Promoted => 0,
            End::Broken { .. } => 1,
            End::Refused { .. } => 6,
            End::PutBack { .. } => 7,
        }
    }
}

impl fmt::Display for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Before => "before",
            Self::Refused => "refused",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for news in &self.news {
            writeln!(f, "new: {news}")?;
        }
        for entry in &self.gates {
            let Entry {
                gate,
                result,
                words,
                seconds,
            } = entry;
            let gate = gate.to_string();
            // An error may have lines of serial output.
            let words = words.lines().next().unwrap_or_default();
            writeln!(f, "{gate:<11} {result:<8} {seconds:>7.1} s  {words}")?;
        }
        let to = self.to.as_deref().unwrap_or("?");
        let from = self.from.as_deref().unwrap_or("what ran before");
        match &self.end {
            End::Current => f.write_str("nothing to do"),
            End::Replaced => {
                write!(f, "done: {to} runs")?;
                match self.downtime_seconds {
                    Some(seconds) => write!(f, ", after {seconds} s of downtime"),
                    None => Ok(()),
                }
            }
            End::Promoted => write!(f, "done: {to} is in front of its family"),
            End::Refused { gate, .. } => {
                write!(f, "refused at `{gate}`: nothing was changed, {from} stays")
            }
            End::PutBack { gate, .. } => {
                write!(f, "put back, for it failed at `{gate}`: {from} runs again")
            }
            End::Broken { gate, .. } => {
                write!(
                    f,
                    "broken off at `{gate}`: `clawbake rebuild` goes on from there"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Report {
        let mut report = Report {
            news: vec!["openclaw 2026.9.5, after 2026.9.4".into()],
            from: Some("2026.9.4".into()),
            to: Some("2026.9.5".into()),
            end: End::Refused {
                gate: Gate::Rehearsal,
                why: "sessions: 2 of 4 are left".into(),
            },
            ..Report::default()
        };
        let second = Duration::from_millis(1240);
        report.add(Gate::Check, Passage::Passed, "2026.9.5", second);
        report.add(Gate::BootTest, Passage::Before, "it has passed", second);
        report.add(
            Gate::Rehearsal,
            Passage::Refused,
            "sessions: 2 of 4 are left\nlast lines of its serial output",
            second * 60,
        );
        report
    }

    #[test]
    fn a_person_reads_a_gate_a_line() {
        insta::assert_snapshot!(refused(), @r"
        new: openclaw 2026.9.5, after 2026.9.4
        check       passed       1.2 s  2026.9.5
        boot-test   before       1.2 s  it has passed
        rehearsal   refused     74.4 s  sessions: 2 of 4 are left
        refused at `rehearsal`: nothing was changed, 2026.9.4 stays
        ");
    }

    #[test]
    fn a_script_reads_the_gate_and_the_exit_code() {
        let report = refused();
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["end"]["at"], "refused");
        assert_eq!(json["end"]["gate"], "rehearsal");
        assert_eq!(json["gates"][1]["result"], "before");
        assert_eq!(report.exit_code(), 6);
        let current = serde_json::to_value(Report::default()).unwrap();
        assert_eq!(current["end"]["at"], "current");
    }
}

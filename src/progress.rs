//! What a run reports: plain events, which `cli` draws.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a stage ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The work was done.
    Done,
    /// Nothing had to be done: its inputs had not changed.
    Cached,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stage began.
    Started {
        /// The stage's name, as the user reads it.
        stage: String,
    },
    /// What the stage is doing now.
    Note {
        /// The stage.
        stage: String,
        /// One line.
        text: String,
    },
    /// The last words of the VM for which the stage waits; repeated.
    Heard {
        /// The stage.
        stage: String,
        /// One line; empty if there are none.
        text: String,
    },
    /// How far the stage is, in units of its own (bytes, mostly).
    Advanced {
        /// The stage.
        stage: String,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// The stage ended well.
    Finished {
        /// The stage.
        stage: String,
        /// How.
        outcome: Outcome,
        /// What came of it: a name, a size.
        result: String,
        /// Wall time.
        elapsed: Duration,
    },
    /// The stage failed. The error that says why is returned separately.
    Failed {
        /// The stage.
        stage: String,
        /// Wall time.
        elapsed: Duration,
    },
}

/// Where events go. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Event) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl Progress {
    /// Sends every event to `sink`.
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Drops every event.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Begins a stage. It counts as failed unless [`Stage::finish`] is called.
    #[must_use]
    pub fn stage(&self, name: impl Into<String>) -> Stage {
        let name = name.into();
        (self.0)(Event::Started {
            stage: name.clone(),
        });
        Stage {
            progress: self.clone(),
            name,
            started: Instant::now(),
            finished: false,
        }
    }
}

/// A stage under way.
#[derive(Debug)]
pub struct Stage {
    progress: Progress,
    name: String,
    started: Instant,
    finished: bool,
}

impl Stage {
    /// Says what the stage is doing.
    pub fn note(&self, text: impl Into<String>) {
        (self.progress.0)(Event::Note {
            stage: self.name.clone(),
            text: text.into(),
        });
    }

    /// Passes on the last words of the VM for which it waits.
    pub fn heard(&self, text: impl Into<String>) {
        (self.progress.0)(Event::Heard {
            stage: self.name.clone(),
            text: text.into(),
        });
    }

    /// Says how far it is.
    pub fn advance(&self, done: u64, total: u64) {
        (self.progress.0)(Event::Advanced {
            stage: self.name.clone(),
            done,
            total,
        });
    }

    /// Ends the stage well.
    pub fn finish(mut self, outcome: Outcome, result: impl Into<String>) {
        self.finished = true;
        (self.progress.0)(Event::Finished {
            stage: self.name.clone(),
            outcome,
            result: result.into(),
            elapsed: self.started.elapsed(),
        });
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.finished {
            let (stage, elapsed) = (self.name.clone(), self.started.elapsed());
            (self.progress.0)(Event::Failed { stage, elapsed });
        }
    }
}

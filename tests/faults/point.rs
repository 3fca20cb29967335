//! What can go wrong with one call.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use wire::{Asked, Fault};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Refused,
    AnswerLost,
    Status(u16),
    Hang,
    OperationError,
    /// SIGINT before the engine has the request, or after it has served it.
    Interrupt(When),
    /// SIGKILL.
    Kill(When),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// A fault at one call of a run.
#[derive(Clone, Debug)]
pub struct Point {
    pub kind: Kind,
    /// The call, counted from 1.
    pub nth: usize,
    /// Whether every repetition of the call meets the fault too.
    pub for_good: bool,
}

/// All that can happen to a call.
pub fn all(nth: usize, operation: bool) -> Vec<Point> {
    let lasting = [
        Kind::Refused,
        Kind::AnswerLost,
        Kind::Status(503),
        Kind::Hang,
    ];
    let once = [
        // To the client they are what 503 is.
        Kind::Status(429),
        Kind::Status(500),
        Kind::Interrupt(When::Before),
        Kind::Interrupt(When::After),
        Kind::Kill(When::Before),
        Kind::Kill(When::After),
    ];
    let point = |kind, for_good| Point {
        kind,
        nth,
        for_good,
    };
    let mut points: Vec<_> = lasting
        .into_iter()
        .flat_map(|kind| [point(kind, false), point(kind, true)])
        .collect();
    points.extend(once.map(|kind| point(kind, false)));
    if operation {
        points.push(point(Kind::OperationError, false));
    }
    points
}

/// The process that a signal goes to; 0 before it is known.
pub type Process = Arc<AtomicI32>;

fn send(process: &Process, signal: Signal) {
    let pid = loop {
        match Pid::from_raw(process.load(Ordering::SeqCst)) {
            Some(pid) => break pid,
            None => std::thread::yield_now(),
        }
    };
    // It may have come to its end already.
    let _ = kill_process(pid, signal);
}

impl Point {
    /// Decides for the proxy. `met` tells whether the call has come at all.
    pub fn inject(
        &self,
        process: Process,
        met: Arc<AtomicBool>,
    ) -> impl Fn(&Asked) -> Option<Fault> + Send + Sync + use<> {
        let point = self.clone();
        let call = Mutex::new(None);
        move |asked| {
            let mut call = call.lock().unwrap();
            let this = (asked.method.to_owned(), asked.path.to_owned());
            let first = asked.nth == point.nth;
            let again = point.for_good && call.as_ref() == Some(&this);
            if !first && !again {
                return None;
            }
            *call = Some(this);
            met.store(true, Ordering::SeqCst);
            let signal = match point.kind {
                Kind::Refused => return Some(Fault::Refused),
                Kind::AnswerLost => return Some(Fault::AnswerLost),
                Kind::Status(status) => return Some(Fault::Status(status)),
                Kind::Hang => return Some(Fault::Hang),
                Kind::OperationError => {
                    return Some(Fault::OperationError {
                        code: "QUOTA_EXCEEDED".into(),
                        message: "the quota is used up".into(),
                    });
                }
                Kind::Interrupt(when) => (Signal::INT, when),
                Kind::Kill(when) => (Signal::KILL, when),
            };
            match signal {
                (signal, When::Before) => {
                    send(&process, signal);
                    None
                }
                (signal, When::After) => {
                    let process = Arc::clone(&process);
                    Some(Fault::Then(Box::new(move || send(&process, signal))))
                }
            }
        }
    }
}

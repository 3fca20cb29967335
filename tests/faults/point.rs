//! What can go wrong with one call.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use wire::{Asked, Fault};

use crate::call::{Call, Calls};

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
    pub call: Call,
    /// Whether every repetition of the call meets the fault too.
    pub for_good: bool,
}

/// What can happen to a call, as far as it can make a difference. `turn` is the call's place in the run.
pub fn all(call: &Call, turn: usize) -> Vec<Point> {
    let point = |kind, for_good| Point {
        kind,
        call: call.clone(),
        for_good,
    };
    let in_turn = |kinds: &[Kind]| kinds[turn % kinds.len()];
    // A call that upstream has not heard is sent again, by the same few lines whatever the call was
    // and whatever became of it: so calls take turns.
    let unheard = in_turn(&[
        Kind::Refused,
        Kind::Status(429),
        Kind::Status(500),
        Kind::Status(503),
        Kind::Hang,
    ]);
    let gives_up = [Kind::Refused, Kind::Status(503), Kind::Hang];
    let mut points = vec![
        point(unheard, false),
        point(Kind::Interrupt(When::Before), false),
        point(Kind::Kill(When::Before), false),
    ];
    // What changes nothing is the same whether upstream has heard it or not.
    if !call.changes {
        points.push(point(in_turn(&gives_up), true));
        return points;
    }
    points.extend(gives_up.map(|kind| point(kind, true)));
    points.extend([
        point(Kind::AnswerLost, false),
        point(Kind::AnswerLost, true),
        point(Kind::Interrupt(When::After), false),
        point(Kind::Kill(When::After), false),
    ]);
    if call.id.starts_with("compute.") {
        points.push(point(Kind::OperationError, false));
    }
    points
}

/// What can happen to a call of a verb that takes a hundred of them, most of which look once more at the
/// same things: those that change something, in the ways that leave something half done.
pub fn some(call: &Call, turn: usize) -> Vec<Point> {
    let half = |point: &Point| match point.kind {
        Kind::AnswerLost | Kind::Kill(When::After) | Kind::OperationError => !point.for_good,
        Kind::Interrupt(When::After) => turn.is_multiple_of(2),
        Kind::Status(503) => point.for_good,
        _ => false,
    };
    let all = if call.changes {
        all(call, turn)
    } else {
        Vec::new()
    };
    all.into_iter().filter(half).collect()
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
        let calls = Mutex::new((Calls::default(), None));
        move |asked| {
            let (calls, met_by) = &mut *calls.lock().unwrap();
            let this = (asked.method.to_owned(), asked.path.to_owned());
            let first = calls.next(asked) == point.call;
            let again = point.for_good && met_by.as_ref() == Some(&this);
            if !first && !again {
                return None;
            }
            *met_by = Some(this);
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

use std::fmt;

/// A request that has arrived, before anything of it is forwarded.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Which one it is since faults were injected, from 1.
    pub nth: usize,
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// Its path, without the query.
    pub path: &'a str,
}

/// What happens to a request instead of being served.
pub enum Fault {
    /// The connection is reset. Upstream gets nothing.
    Refused,
    /// Upstream serves the request; its answer is dropped, and the connection is reset.
    AnswerLost,
    /// This status, with an error in Google's format. Upstream gets nothing.
    Status(u16),
    /// There is never an answer. Upstream gets nothing.
    Hang,
    /// An operation is answered which ends in this error. Upstream hears nothing of the request, nor
    /// of the questions after that operation, so that nothing was created: for mutations of Compute
    /// Engine, else it panics.
    OperationError {
        /// Such as `QUOTA_EXCEEDED`.
        code: String,
        /// For people.
        message: String,
    },
    /// Upstream serves the request; this runs before the client has the answer.
    Then(Box<dyn FnOnce() + Send>),
}

impl Fault {
    /// Its name in the record.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Refused => "refused".into(),
            Self::AnswerLost => "answer lost".into(),
            Self::Status(status) => format!("status {status}"),
            Self::Hang => "hang".into(),
            Self::OperationError { code, .. } => format!("operation error {code}"),
            Self::Then(_) => "then".into(),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name())
    }
}

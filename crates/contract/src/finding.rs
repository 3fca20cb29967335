use std::fmt;

/// One way in which an exchange is not as it should be. Values are quoted only where they cannot be
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: `request.disks[0].sizeGb`, `query.requestId`, `response`.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

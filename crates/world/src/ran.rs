use std::process::Output;

/// How a program ended, and all that it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

impl Ran {
    /// A success.
    #[must_use]
    pub fn done(stdout: &str, stderr: &str) -> Self {
        Self {
            code: Some(0),
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    /// A failure without a result.
    #[must_use]
    pub fn failed(code: i32, stderr: &str) -> Self {
        Self {
            code: Some(code),
            stdout: String::new(),
            stderr: stderr.into(),
        }
    }

    /// Whether it succeeded.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// The same, which must have ended with this exit code.
    ///
    /// # Panics
    /// When it has not.
    #[must_use]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What a program printed, which must have succeeded.
///
/// # Panics
/// When it has not.
#[expect(
    clippy::must_use_candidate,
    reason = "its success may be all that matters"
)]
pub fn stdout(output: Output, what: &[&str]) -> String {
    let ran = Ran::from(output);
    assert!(ran.success(), "{what:?}: {}", ran.stderr);
    ran.stdout
}

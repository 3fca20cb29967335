use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Some verb will not work, or not well.
    Warning,
    /// Nothing will work until it is fixed.
    Problem,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was checked.
    pub area: &'static str,
    /// What was found.
    pub message: String,
    /// What to do about it, as a command if possible; none if nothing has to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(area: &'static str, message: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            area,
            message: message.into(),
            remedy: None,
        }
    }

    pub(super) fn warning(
        area: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(area, message)
        }
    }

    pub(super) fn problem(
        area: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Problem,
            ..Self::warning(area, message, remedy)
        }
    }

    /// A check that could not be made, and why.
    pub(super) fn failed(area: &'static str, error: &anyhow::Error) -> Self {
        let hint = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<gce::Error>())
            .and_then(gce::Error::hint);
        Self {
            level: Level::Problem,
            remedy: hint.map(str::to_owned),
            ..Self::ok(area, format!("{error:#}"))
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        };
        write!(f, "{level:<8} {:<12} {}", self.area, self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  remedy: {remedy}"),
            None => Ok(()),
        }
    }
}

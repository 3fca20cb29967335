use std::fmt;

/// One mistake in a document, with the place to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The document, as the user named it.
    pub file: String,
    /// Line, counted from 1.
    pub line: u64,
    /// Column in characters, counted from 1.
    pub column: u64,
    /// Path in the document's structure, such as `gateway.ports.front`; empty for the document itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty if the message says so.
    pub hint: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// All mistakes, sorted by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// A file that could not be read.
    #[must_use]
    pub fn unreadable(file: &str, error: &std::io::Error, hint: &str) -> Self {
        Self(vec![Finding {
            file: file.to_owned(),
            line: 1,
            column: 1,
            path: String::new(),
            message: format!("cannot be read: {error}"),
            hint: hint.to_owned(),
        }])
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

use std::path::Path;

use super::{Deployment, read};
use crate::document::{Cursor, Findings, Log, Node};

impl Deployment {
    /// Loads and validates a deployment and the recipe that it names: a shipped one, or a path
    /// relative to the deployment's file.
    pub fn load(path: &Path) -> Result<Self, Findings> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Findings::unreadable(&file, &error, "`clawbake init` writes one to begin with")
        })?;
        let dir = path.parent().unwrap_or(Path::new(""));
        Self::parse(&file, &text, dir)
    }

    /// Validates a deployment's text; findings call it `file`, and paths are relative to `dir`.
    pub fn parse(file: &str, text: &str, dir: &Path) -> Result<Self, Findings> {
        let document = Node::parse(file, text)?;
        let log = Log::new(file);
        let deployment = read::deployment(&Cursor::root(&document, &log), dir, &log);
        log.close(deployment)
    }
}

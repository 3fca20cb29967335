use std::path::Path;

use super::{FILE_NAME, Files, Recipe, read, shipped};
use crate::document::{Cursor, Findings, Log, Node};

impl Recipe {
    /// Loads and validates a recipe: a directory, or the path of its `recipe.yaml`.
    pub fn load(path: &Path) -> Result<Self, Findings> {
        let (dir, file) = if path.is_dir() {
            (path, path.join(FILE_NAME))
        } else {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
            (parent.unwrap_or(Path::new(".")), path.to_owned())
        };
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file).map_err(|error| {
            let hint = format!(
                "a recipe is a directory with a {FILE_NAME}, or one of the shipped: {}",
                shipped::names().join(", ")
            );
            Findings::unreadable(&name, &error, &hint)
        })?;
        Self::parse(&name, &text, Files::Directory(dir.to_owned()))
    }

    /// The shipped recipe of that name, if there is one.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Result<Self, Findings>> {
        let files = shipped::files(name)?;
        let text = files.read(FILE_NAME).ok()?;
        Some(Self::parse(&format!("{name}/{FILE_NAME}"), &text, files))
    }

    /// Validates the text of a `recipe.yaml`; findings call it `file`.
    pub fn parse(file: &str, text: &str, files: Files) -> Result<Self, Findings> {
        let document = Node::parse(file, text)?;
        let log = Log::new(file);
        let recipe = read::recipe(&Cursor::root(&document, &log), files);
        log.close(recipe)
    }
}

use crate::document::Cursor;
use crate::names::RelativePath;
use crate::recipe::Files;

/// A file of the recipe.
pub(super) fn existing(at: &Cursor, files: &Files) -> Option<RelativePath> {
    let path: RelativePath = at.parse()?;
    if !files.contains(&path) {
        at.report(
            format!("`{path}` does not exist"),
            "paths are relative to recipe.yaml",
        );
    }
    Some(path)
}

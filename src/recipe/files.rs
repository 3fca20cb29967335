use std::io;
use std::path::PathBuf;

/// A recipe's files: on disk, or shipped within this program.
#[derive(Debug, Clone)]
pub enum Files {
    /// A directory.
    Directory(PathBuf),
    /// Path and content of each file.
    Shipped(&'static [(&'static str, &'static str)]),
}

impl Files {
    /// The text of a file, by its path within the recipe.
    pub fn read(&self, path: &str) -> io::Result<String> {
        match self {
            Self::Directory(dir) => std::fs::read_to_string(dir.join(path)),
            Self::Shipped(files) => files
                .iter()
                .find(|(name, _)| *name == path)
                .map(|(_, content)| (*content).to_owned())
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    }

    /// Whether the recipe has this file.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        match self {
            Self::Directory(dir) => dir.join(path).is_file(),
            Self::Shipped(files) => files.iter().any(|(name, _)| *name == path),
        }
    }
}

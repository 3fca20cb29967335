//! An orphan.

use std::fmt;

/// An orphan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A process that no living engine started has the directory in its arguments, or something of it
    /// open.
    Process {
        /// Its number.
        pid: u32,
        /// Its command line.
        command: String,
    },
    /// A mount point below the directory, or a loop device on one of its files.
    Mount(String),
    /// A file or directory, relative to the engine's, that no row names.
    File(String),
    /// A row that refers to what is not there, or says that somebody is at work who is not.
    Row {
        /// What it is about.
        row: String,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Process { pid, command } => write!(f, "process {pid}: {command}"),
            Self::Mount(what) => write!(f, "mount: {what}"),
            Self::File(path) => write!(f, "file without a row: {path}"),
            Self::Row { row, why } => write!(f, "row {row}: {why}"),
        }
    }
}

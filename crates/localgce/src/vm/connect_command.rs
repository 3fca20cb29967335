//! The command that connects a guest to a server's socket.

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use rustix::io::{FdFlags, fcntl_setfd};

/// A command whose program QEMU inherits as an open file. QEMU may be unable to reach its path: without
/// root's capabilities it cannot enter another user's home directory.
#[derive(Debug)]
pub(super) struct ConnectCommand {
    words: Vec<String>,
    _program: File,
}

impl ConnectCommand {
    /// # Errors
    /// When the program, the first of `words`, cannot be opened by its path.
    pub(super) fn open(mut words: Vec<String>) -> Result<Self> {
        let first = words.first_mut().context("no command for connections")?;
        let program = File::open(&first).with_context(|| format!("opening {first}"))?;
        // Other child processes inherit it too; it is not secret.
        fcntl_setfd(&program, FdFlags::empty()).context("keeping a descriptor open")?;
        *first = format!("/proc/self/fd/{}", program.as_raw_fd());
        Ok(Self {
            words,
            _program: program,
        })
    }

    pub(super) fn words(&self) -> &[String] {
        &self.words
    }
}

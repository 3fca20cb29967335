//! What a verb prints: its result on stdout, what a person may want to know on stderr. No text in it
//! commands a terminal, wherever it comes from.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::printable::printable;

/// As `println!`, but returns an error instead of panicking.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::cli::output::result(format_args!($($text)*))
    };
}
pub(super) use outln;

/// As `eprintln!`, but never panics.
macro_rules! errln {
    ($($text:tt)*) => {
        $crate::cli::output::remark(format_args!($($text)*))
    };
}
pub(super) use errln;

/// Prints a line of the result.
pub(super) fn result(text: Arguments) -> Result<()> {
    document(line(&text.to_string()).as_bytes())
}

/// Prints bytes to the letter: this machine's own files and paths, or a secret.
pub(super) fn document(bytes: &[u8]) -> Result<()> {
    print(bytes).map(drop)
}

/// Prints what is new of a result without end. Whether anybody reads on.
pub(super) fn follow(text: &str) -> Result<bool> {
    Ok(print(text.as_bytes())? && is_read())
}

/// Prints a line for a person. An error is ignored: who closes stderr does not want to know.
pub(super) fn remark(text: Arguments) {
    let _ = stderr()
        .lock()
        .write_all(line(&text.to_string()).as_bytes());
}

/// A line of text that may come from anywhere.
pub(super) fn line(text: &str) -> String {
    format!("{}\n", printable(text))
}

/// Writes to stdout, and returns whether anybody reads it. Nobody has to read to the end, as in
/// `clawbake setup --dry-run | head`, so a pipe that was closed is no error and the verb goes on.
fn print(bytes: &[u8]) -> Result<bool> {
    let mut stdout = stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("printing to stdout"),
    }
}

/// Whether stdout is no pipe that was closed: found out without writing to it.
fn is_read() -> bool {
    let stdout = stdout();
    let mut stdout = [PollFd::new(&stdout, PollFlags::empty())];
    let closed = PollFlags::ERR | PollFlags::HUP;
    poll(&mut stdout, Some(&Timespec::default())).is_err()
        || !stdout[0].revents().intersects(closed)
}

//! The result of a verb, on stdout.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _, stdout};

/// As `println!`, but nobody has to read to the end: `clawbake setup --dry-run | head`.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::cli::output::line(format_args!($($text)*))
    };
}
pub(super) use outln;

/// Prints a line.
///
/// # Panics
/// When it cannot be written, as on a full disk.
pub(super) fn line(text: Arguments) {
    let written = writeln!(stdout().lock(), "{text}");
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        panic!("printing to stdout: {error}");
    }
}

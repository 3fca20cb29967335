//! What a verb prints: its result on stdout, what a person may want to know on stderr. Nothing in it
//! commands a terminal, wherever it comes from.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};

use crate::printable::printable;

/// As `println!`, but nobody has to read to the end: `clawbake setup --dry-run | head`.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::cli::output::result(format_args!($($text)*))
    };
}
pub(super) use outln;

/// As `eprintln!`.
macro_rules! errln {
    ($($text:tt)*) => {
        $crate::cli::output::remark(format_args!($($text)*))
    };
}
pub(super) use errln;

/// Prints a line of the result.
///
/// # Panics
/// When it cannot be written, as on a full disk.
pub(super) fn result(text: Arguments) {
    written(line(&mut stdout().lock(), &text.to_string()));
}

/// Prints a document that is made of this machine's own files and paths, to the letter.
///
/// # Panics
/// When it cannot be written, as on a full disk.
pub(super) fn document(bytes: &[u8]) {
    written(stdout().lock().write_all(bytes));
}

/// Prints a line for a person; who closes stderr does not want to know.
pub(super) fn remark(text: Arguments) {
    let _ = line(&mut stderr().lock(), &text.to_string());
}

/// Writes a line of text that may come from anywhere.
pub(super) fn line(to: &mut impl Write, text: &str) -> std::io::Result<()> {
    writeln!(to, "{}", printable(text))
}

fn written(result: std::io::Result<()>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        panic!("printing to stdout: {error}");
    }
}

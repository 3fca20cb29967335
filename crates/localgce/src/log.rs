//! The engine's log, which is its stderr.

use std::fmt::Arguments;
use std::io::Write;

/// Writes a line. That a log cannot be written, as on a full device, stops nothing else.
pub fn line(text: Arguments) {
    writeln!(std::io::stderr(), "localgce: {text}").ok();
}

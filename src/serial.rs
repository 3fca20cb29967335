//! What an instance says on its serial port.

use crate::printable::bare;

/// Lines that an error repeats.
const TAIL: usize = 15;
/// Bytes that are kept for it.
const KEEP: usize = 64 << 10;

/// Adds the next piece of output, and drops what is too old to be repeated.
pub fn append(output: &mut String, piece: &str) {
    output.push_str(piece);
    let old = output.ceil_char_boundary(output.len().saturating_sub(KEEP));
    output.drain(..old);
}

/// The last lines that say anything.
#[must_use]
pub fn tail(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

/// The last line that says anything, without what a terminal would obey.
#[must_use]
pub fn last_words(text: &str) -> Option<String> {
    let mut words = text.lines().rev().map(bare);
    words.find(|line| !line.trim().is_empty())
}

/// The last headline of the scripts in a piece of output.
#[must_use]
pub fn headline(piece: &str) -> Option<&str> {
    piece
        .lines()
        .rev()
        .filter_map(|line| Some(line.split_once("clawbake: ")?.1.trim_end()))
        .find(|headline| !headline.starts_with("phase="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut output = String::new();
        append(&mut output, "first\n");
        append(&mut output, &"\u{2026}".repeat(KEEP));
        append(&mut output, "\nlast");
        assert!(output.len() <= KEEP && output.len() > KEEP - 3);
        assert!(output.starts_with('\u{2026}') && output.ends_with("\nlast"));
    }

    #[test]
    fn headlines_are_told_from_reports_and_chatter() {
        let piece = "[   80.1] google_metadata_script_runner[411]: startup-script: clawbake: install packages\r\n\
                     clawbake: phase=provisioning {}\r\nSetting up x\r\n";
        assert_eq!(headline(piece), Some("install packages"));
        assert_eq!(headline("Setting up x"), None);
    }

    #[test]
    fn the_tail_has_no_empty_lines() {
        let text: String = (1..=20).map(|n| format!("{n}\r\n\r\n")).collect();
        let tail = tail(&text);
        assert!(
            tail.starts_with("6\n7\n") && tail.ends_with("\n20"),
            "{tail}"
        );
    }

    #[test]
    fn the_last_words_are_one_line_that_no_terminal_obeys() {
        let text = "first\r\n[  9.1] \x1b]0;title\x07systemd\x1b[2J: Started x\r\n \x1b\r\n\r\n";
        let words = last_words(text).unwrap();
        assert_eq!(words, "[  9.1] ]0;titlesystemd: Started x");
        assert_eq!(last_words("\r\n \r\n"), None);
    }
}

//! Untrusted text on our terminal. A VM's serial output, its reports and the names of resources can
//! contain terminal commands: to move the cursor, to rename the window, to type for the user.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text without anything that a terminal would obey, except line breaks and tabs. Colours are
/// removed; every other control character is shown as in JSON, `\u001b`, so that JSON stays valid.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(obeyed) {
        return text.into();
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(obeyed) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(length) = colour(rest).or_else(|| returns(rest)) {
            rest = &rest[length..];
            continue;
        }
        let mut chars = rest.chars();
        for unit in chars.next().unwrap_or_default().encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
        rest = chars.as_str();
    }
    shown.push_str(rest);
    shown.into()
}

/// C0, DEL and C1 but for line breaks and tabs, what turns the direction of writing around, and what is
/// there and takes no room: Unicode's format characters that no terminal needs.
fn obeyed(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || c.is_control() && !matches!(c, '\n' | '\t')
}

/// Bytes of the carriage returns at the beginning, if they only end a line: a console adds its own to
/// those that are there.
fn returns(text: &str) -> Option<usize> {
    let length = text
        .bytes()
        .take(4)
        .take_while(|byte| *byte == b'\r')
        .count();
    let after = &text[length..];
    (length > 0 && (after.is_empty() || after.starts_with('\n'))).then_some(length)
}

/// Bytes of the sequence at the beginning that sets a colour, if it is one: `ESC [ 1 ; 31 m`, and
/// `ESC [ 38 : 5 : 185 m` as systemd writes it.
fn colour(text: &str) -> Option<usize> {
    let length = command(text)?;
    let parameters = text["\x1b[".len()..length].strip_suffix('m')?;
    let plain = |c: char| c.is_ascii_digit() || c == ';' || c == ':';
    parameters.chars().all(plain).then_some(length)
}

/// Bytes of the control sequence at the beginning, if there is one: `ESC [ 2 J`.
fn command(text: &str) -> Option<usize> {
    const START: &str = "\x1b[";
    let parameters = text.strip_prefix(START)?;
    let end = parameters.find(|c: char| !(' '..='?').contains(&c))?;
    let last = parameters[end..].starts_with(|c: char| ('@'..='~').contains(&c));
    last.then_some(START.len() + end + 1)
}

/// The line without control sequences and control characters: to be looked at, where nothing has to be
/// told of what is left out.
#[must_use]
pub fn bare(line: &str) -> String {
    let (mut shown, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(c) = rest.chars().next() {
        let length = command(rest).unwrap_or_else(|| {
            shown.extend((!obeyed(c) && c != '\n').then_some(c));
            c.len_utf8()
        });
        rest = &rest[length..];
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let all: String = ('\0'..='\u{10ffff}').collect();
        // Each also where a sequence could hide it.
        let hidden: String = ('\0'..='\u{3000}')
            .flat_map(|c| ['\x1b', '[', c, '1', c, 'm', '\r', c])
            .collect();
        for text in [all, hidden] {
            let shown = printable(&text);
            assert_eq!(shown.find(obeyed), None);
            assert_eq!(printable(&shown), shown);
        }
        for bytes in 0..=u16::MAX {
            let text = String::from_utf8_lossy(&bytes.to_be_bytes()).into_owned();
            assert_eq!(printable(&text).find(obeyed), None);
        }
    }

    #[test]
    fn text_stays_and_commands_are_shown() {
        for (text, shown) in [
            ("plain\tünïcode 日本 🦀\n", "plain\tünïcode 日本 🦀\n"),
            (
                "[\x1b[0;32m  OK  \x1b[0m] Started\r\n",
                "[  OK  ] Started\n",
            ),
            (
                "[\x1b[0;1;38:5:185mDEPEND\x1b[0m] Dependency failed",
                "[DEPEND] Dependency failed",
            ),
            ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
            ("\x1b[2J\x1b[1;1Hfake", "\\u001b[2J\\u001b[1;1Hfake"),
            ("\x1b[31", "\\u001b[31"),
            ("50%\r100%", "50%\\u000d100%"),
            (
                "the console's\r\r\nand the last\r",
                "the console's\nand the last",
            ),
            ("\u{9b}31m \u{7f} \u{202e}", "\\u009b31m \\u007f \\u202e"),
            ("\u{e0041}", "\\udb40\\udc41"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn a_bare_line_has_no_rest_of_a_command() {
        for (line, shown) in [
            (
                "\x1b[H\x1b[J\x1b[1;1H  Booting `Debian'\r",
                "  Booting `Debian'",
            ),
            (
                "[\x1b[0;1;38:5:185mDEPEND\x1b[0m] tty\u{2013}S0",
                "[DEPEND] tty\u{2013}S0",
            ),
            ("\x1b[31", "[31"),
            ("\x1b[\u{9b}2J\x1b\u{202e}", "[2J"),
        ] {
            assert_eq!(bare(line), shown);
        }
        let hidden: String = ('\0'..='\u{3000}')
            .flat_map(|c| ['\x1b', '[', c, c])
            .collect();
        assert_eq!(bare(&hidden).find(obeyed), None);
    }

    #[test]
    fn json_says_the_same_before_and_after() {
        let all: String = ('\0'..='\u{10ffff}').collect();
        let json = serde_json::to_string(&all).unwrap();
        let shown = printable(&json);
        assert_eq!(shown.find(obeyed), None);
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), all);
    }
}

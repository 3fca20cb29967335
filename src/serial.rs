//! What an instance says on its serial port.

/// Lines that an error repeats.
const TAIL: usize = 15;

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
    let lines = text.lines().rev();
    let mut words = lines.map(|line| line.replace(|c: char| c.is_control(), ""));
    words.find(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(words, "[  9.1] ]0;titlesystemd[2J: Started x");
        assert_eq!(last_words("\r\n \r\n"), None);
    }
}

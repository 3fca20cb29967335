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
}

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::document::Refusal;

/// Bytes of a SHA-512.
const WHOLE: usize = 64;
/// Hex digits of it that a label holds: 240 bits, within a label's 63 characters.
const SHORT: usize = 60;

/// SHA-512 of a package's tarball, as npm states it (`sha512-<base64>`), or the beginning of it as the
/// label of an image holds it (`sha512-<60 hex digits>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integrity {
    /// 128 or 60 lower-case digits.
    hex: String,
}

impl Integrity {
    /// Whether both are of the same bytes, as far as the shorter tells.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        self.hex.starts_with(&other.hex) || other.hex.starts_with(&self.hex)
    }

    /// The beginning, as a label's value.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.hex[..SHORT]
    }

    /// What [`Integrity::label`] returned.
    #[must_use]
    pub fn of_label(text: &str) -> Option<Self> {
        let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        let hex = text.to_owned();
        (text.len() == SHORT && text.chars().all(digit)).then_some(Self { hex })
    }

    /// All of it in lower-case hexadecimal, as `sha512sum` prints it; `None` if only the beginning is known.
    #[must_use]
    pub fn whole(&self) -> Option<&str> {
        (self.hex.len() == 2 * WHOLE).then_some(&self.hex)
    }
}

impl FromStr for Integrity {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let parse = || {
            let digest = text.strip_prefix("sha512-")?;
            Self::of_label(digest).or_else(|| {
                let bytes = BASE64_STANDARD.decode(digest).ok()?;
                let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                (bytes.len() == WHOLE).then_some(Self { hex })
            })
        };
        parse().ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is not npm's digest of a package"),
                "`sha512-` and base64, as `npm view NAME dist.integrity` prints it",
            )
        })
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole() {
            Some(hex) => {
                let digit =
                    |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or_default();
                let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect();
                write!(f, "sha512-{}", BASE64_STANDARD.encode(bytes))
            }
            None => write!(f, "sha512-{}", self.hex),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_shortened_ones_are_read_back() {
        let text = format!("sha512-{}", BASE64_STANDARD.encode([0xa5; WHOLE]));
        let whole: Integrity = text.parse().unwrap();
        assert_eq!(whole.to_string(), text);
        let short = Integrity::of_label(whole.label()).unwrap();
        assert_eq!(short.to_string().parse(), Ok(short.clone()));
        assert_eq!((whole.whole().unwrap().len(), short.whole()), (128, None));
        assert!(whole.agrees(&short) && short.agrees(&whole));
        let other: Integrity = format!("sha512-{}", BASE64_STANDARD.encode([0xa6; WHOLE]))
            .parse()
            .unwrap();
        assert!(!whole.agrees(&other) && !short.agrees(&other) && !other.agrees(&short));
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "sha512-",
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "sha512-abcd",
            "sha512-é",
        ] {
            assert!(text.parse::<Integrity>().is_err(), "{text} was accepted");
        }
        assert_eq!(Integrity::of_label(&"A".repeat(60)), None);
    }
}

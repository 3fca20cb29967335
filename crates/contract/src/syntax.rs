//! Formats of discovery documents, and the syntax of names and labels.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use regex::Regex;

/// Of resources of Compute Engine.
pub(crate) const NAME: &str = "[a-z]([-a-z0-9]{0,61}[a-z0-9])?";
/// <https://cloud.google.com/compute/docs/labeling-resources#requirements>
pub(crate) const LABEL_KEY: &str = r"[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}";
/// The same.
pub(crate) const LABEL_VALUE: &str = r"[\p{Ll}\p{Lo}\p{N}_-]{0,63}";
/// <https://cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations>
pub(crate) const METADATA_KEY: &str = "[-_a-zA-Z0-9]{1,127}";
/// <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create>
pub(crate) const SECRET_ID: &str = "[-_a-zA-Z0-9]{1,255}";
/// <https://cloud.google.com/storage/docs/buckets#naming>, without domains' stricter rules
pub(crate) const BUCKET: &str = "[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]";

/// Whether a pattern matches the whole text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().expect("no panic while it is held");
    // Compiling one takes longer than all the rest of a check.
    known
        .entry(pattern.to_owned())
        .or_insert_with(|| {
            // Google's is ASCII; that of this crate is all of Unicode, and too much to repeat.
            let pattern = pattern.replace(r"\w", "[0-9A-Za-z_]");
            Regex::new(&format!("^(?:{pattern})$")).expect("a pattern of Google's")
        })
        .is_match(text)
}

static TIME: LazyLock<Regex> = LazyLock::new(|| {
    let text = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$";
    Regex::new(text).expect("a regex")
});
static DATE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\d$").expect("a regex"));
static DURATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^-?\d+(\.\d{1,9})?s$").expect("a regex"));

/// A text that is not of its format: what it should be.
pub(crate) fn misformatted(format: &str, text: &str) -> Option<&'static str> {
    let (right, expected) = match format {
        "int64" => (text.parse::<i64>().is_ok(), "an int64"),
        "uint64" => (text.parse::<u64>().is_ok(), "a uint64"),
        "date-time" | "google-datetime" => (TIME.is_match(text), "a time of RFC 3339"),
        "date" => (DATE.is_match(text), "a date"),
        "google-duration" => (DURATION.is_match(text), "seconds as in 1.5s"),
        "byte" => (is_base64(text), "base64"),
        _ => return None,
    };
    (!right).then_some(expected)
}

/// A number that is not of its format: what it should be.
pub(crate) fn out_of_range(format: &str, number: i64) -> Option<&'static str> {
    match format {
        "int32" => i32::try_from(number).err().map(|_| "an int32"),
        "uint32" => u32::try_from(number).err().map(|_| "a uint32"),
        _ => None,
    }
}

/// In either alphabet; Google's fingerprints have that of URLs.
fn is_base64(text: &str) -> bool {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .any(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{LABEL_KEY, NAME, matches, misformatted, out_of_range};

    #[test]
    fn formats() {
        for (format, good, bad) in [
            ("int64", "-9223372036854775808", "9223372036854775808"),
            ("uint64", "18446744073709551615", "-1"),
            (
                "date-time",
                "2026-01-02T03:04:05.678-07:00",
                "2026-01-02 03:04:05Z",
            ),
            (
                "google-datetime",
                "2026-01-02T03:04:05Z",
                "2026-01-02T03:04:05",
            ),
            ("date", "2026-01-02", "2026-1-2"),
            ("google-duration", "3.5s", "3.5"),
            ("byte", "_-8=", "a b"),
        ] {
            assert_eq!(misformatted(format, good), None, "{good}");
            assert!(misformatted(format, bad).is_some(), "{bad}");
        }
        assert_eq!(out_of_range("uint32", -1), Some("a uint32"));
        assert_eq!(out_of_range("int32", -1), None);
    }

    #[test]
    fn a_pattern_is_of_the_whole_text() {
        assert!(matches(NAME, "a-1") && !matches(NAME, "a-") && !matches(NAME, "xA"));
        assert!(matches(LABEL_KEY, "größe") && !matches(LABEL_KEY, "1a"));
    }
}

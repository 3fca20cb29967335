//! The text of a journal: one JSON line per event, the first for the run itself.
//!
//! Each line begins with the CRC32C of all lines up to and including it, which reveals a flipped bit or a
//! missing line. If the last line is cut off, the machine died while writing it, and its request was
//! never sent. Anything else that cannot be read is damaged or from another version, and tells nothing
//! about what was created.

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::begun::{Begun, Entry};

/// Hex digits of a checksum.
const SUM_LENGTH: usize = 8;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line {
    Begin(Begun),
    /// The request that creates it is about to be sent.
    Create(Entry),
    /// Every request so far has been answered.
    Answered,
    /// It was never this run's, or no longer is.
    Forget(Entry),
}

/// How the lines of a journal are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Only JSON, as before version 0.1.
    Plain,
    /// A checksum, a space and JSON.
    Summed,
}

/// What a journal says.
#[derive(Debug)]
pub(super) struct Text {
    pub run: Begun,
    pub entries: Vec<Entry>,
    /// Whether the last request had an answer.
    pub answered: bool,
    pub end: End,
}

/// Where the next line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    format: Format,
    /// Bytes of whole lines.
    pub length: u64,
    sum: u32,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unread {
    /// Counted from 1.
    pub line: usize,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Intact, but of an unknown kind.
    Unknown,
    Damaged,
    NoBegin,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "is of a kind that this version of clawbake does not know",
            Self::Damaged => "is damaged",
            Self::NoBegin => "should say which run this is, and does not",
        })
    }
}

impl Text {
    /// Reads all of it, or nothing.
    pub fn read(bytes: &[u8], format: Format) -> Result<Self, Unread> {
        let mut end = End::new(format);
        let (mut run, mut entries, mut answered) = (None, Vec::<Entry>::new(), true);
        for (index, bytes) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let unread = |why| Unread {
                line: index + 1,
                why,
            };
            if end.is_torn(bytes) {
                break;
            }
            match (end.take(bytes).map_err(unread)?, run.is_some()) {
                (Line::Begin(begun), false) => run = Some(begun),
                (_, false) => return Err(unread(Why::NoBegin)),
                (Line::Begin(_), true) => return Err(unread(Why::Damaged)),
                (Line::Create(entry), true) => {
                    entries.push(entry);
                    answered = false;
                }
                (Line::Answered, true) => answered = true,
                (Line::Forget(entry), true) => entries.retain(|other| *other != entry),
            }
        }
        Ok(Self {
            run: run.ok_or(Unread {
                line: 1,
                why: Why::NoBegin,
            })?,
            entries,
            answered,
            end,
        })
    }
}

impl End {
    /// The end of an empty journal.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            length: 0,
            sum: 0,
        }
    }

    /// Whether this is a line that was cut off.
    fn is_torn(self, bytes: &[u8]) -> bool {
        let json = match self.format {
            Format::Plain => Some(bytes),
            Format::Summed => bytes.get(SUM_LENGTH + 1..),
        };
        let ends_early =
            |json| serde_json::from_slice::<IgnoredAny>(json).is_err_and(|error| error.is_eof());
        !bytes.ends_with(b"\n") && json.is_none_or(ends_early)
    }

    /// Reads the next line, including its line break.
    fn take(&mut self, bytes: &[u8]) -> Result<Line, Why> {
        let text = std::str::from_utf8(bytes).map_err(|_| Why::Damaged)?;
        let text = text.strip_suffix('\n').ok_or(Why::Damaged)?;
        let json = match self.format {
            Format::Plain => text,
            Format::Summed => {
                let (sum, json) = text.split_once(' ').ok_or(Why::Damaged)?;
                self.sum = crc32c::crc32c_append(self.sum, json.as_bytes());
                if sum != hex(self.sum) {
                    return Err(Why::Damaged);
                }
                json
            }
        };
        self.length += bytes.len() as u64;
        match serde_json::from_str(json) {
            Ok(line) => Ok(line),
            // Without a checksum, only the JSON tells the two apart.
            Err(error) if error.is_data() => Err(Why::Unknown),
            Err(_) => Err(Why::Damaged),
        }
    }

    /// The bytes of another line, and the end after it.
    pub fn next(self, line: &Line) -> serde_json::Result<(Vec<u8>, Self)> {
        let json = serde_json::to_string(line)?;
        let sum = crc32c::crc32c_append(self.sum, json.as_bytes());
        let text = match self.format {
            Format::Plain => json + "\n",
            Format::Summed => format!("{} {json}\n", hex(sum)),
        };
        let length = self.length + text.len() as u64;
        let format = self.format;
        Ok((
            text.into_bytes(),
            Self {
                format,
                length,
                sum,
            },
        ))
    }
}

fn hex(sum: u32) -> String {
    format!("{sum:08x}")
}

//! What a machine has written to its serial port.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use anyhow::{Context, Result};

use super::Engine;

/// Google keeps the last MiB.
const KEPT: u64 = 1 << 20;

/// A stretch of serial output. Positions are in bytes, counted from the instance's first boot.
pub struct Serial {
    /// The output. What is not UTF-8 is replaced.
    pub contents: String,
    /// Where it begins.
    pub start: u64,
    /// Where the next read is to begin.
    pub next: u64,
}

impl Engine {
    /// The output from `start` on; a negative one counts from the end.
    pub fn serial(&self, id: &str, start: i64) -> Result<Serial> {
        let path = self.machine_dir(id).join("serial.log");
        let mut log = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Serial {
                    contents: String::new(),
                    start: 0,
                    next: 0,
                });
            }
            log => log.with_context(|| format!("opening {}", path.display()))?,
        };
        let read = || format!("reading {}", path.display());
        let length = log.metadata().with_context(read)?.len();
        let wanted = match u64::try_from(start) {
            Ok(start) => start.min(length),
            Err(_) => length.saturating_sub(start.unsigned_abs()),
        };
        let start = wanted.max(length.saturating_sub(KEPT));
        log.seek(SeekFrom::Start(start)).with_context(read)?;
        let mut bytes = Vec::new();
        log.take(length - start)
            .read_to_end(&mut bytes)
            .with_context(read)?;
        bytes.truncate(bytes.len() - unfinished(&bytes));
        let next = start + bytes.len() as u64;
        Ok(Serial {
            contents: String::from_utf8_lossy(&bytes).into_owned(),
            start,
            next,
        })
    }
}

/// How many bytes at the end are the beginning of a character of which more is to come.
fn unfinished(bytes: &[u8]) -> usize {
    (1..=bytes.len().min(3))
        .find(|&n| {
            let length = match bytes[bytes.len() - n] {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => 0,
            };
            length > n
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::unfinished;

    #[test]
    fn characters_are_not_cut() {
        for text in ["", "a", "é", "a€", "😀", "a😀"] {
            assert_eq!(unfinished(text.as_bytes()), 0, "{text}");
        }
        assert_eq!(unfinished(&"a€".as_bytes()[..2]), 1);
        assert_eq!(unfinished(&"😀".as_bytes()[..3]), 3);
        assert_eq!(unfinished(b"\xff\xff"), 0);
    }
}

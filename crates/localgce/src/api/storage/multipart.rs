//! Uploads in one request with metadata: a body of type multipart/related (RFC 2387), whose first
//! part is the metadata and whose second one the content.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use anyhow::Context;

use crate::error::Error;

/// The boundary that a content type names.
pub fn boundary(content_type: &str) -> Option<&str> {
    let parameters = content_type.split(';').skip(1);
    parameters
        .filter_map(|parameter| parameter.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim_matches(['"', '\'']))
        // RFC 2046.
        .filter(|boundary| (1..=70).contains(&boundary.len()))
}

/// What a body holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts {
    /// The metadata, JSON.
    pub metadata: Vec<u8>,
    /// The content's own type.
    pub content_type: Option<String>,
    /// Where in the file the content is.
    pub content: Range<u64>,
}

/// Finds the parts of a body that has been received into a file. `limit` is how long the metadata
/// may be, in bytes.
pub fn find(path: &Path, boundary: &str, limit: usize) -> Result<Parts, Error> {
    let read = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(read)?;
    let length = file.metadata().with_context(read)?.len();
    let mut head = Vec::new();
    file.by_ref()
        .take(limit as u64)
        .read_to_end(&mut head)
        .with_context(read)?;
    // Nothing but the last delimiter and line ends follows the content.
    let closing = boundary.len() as u64 + 24;
    let tail_start = length.saturating_sub(closing);
    file.seek(SeekFrom::Start(tail_start)).with_context(read)?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).with_context(read)?;
    split(&head, &tail, tail_start, boundary)
        .ok_or_else(|| Error::malformed("The multipart body has not two parts and an end."))
}

pub fn split(head: &[u8], tail: &[u8], tail_start: u64, boundary: &str) -> Option<Parts> {
    let opening = format!("--{boundary}");
    let first = position(head, opening.as_bytes())? + opening.len();
    // gcloud ends lines as Unix does, others as MIME does.
    let line_end = if head.get(first) == Some(&b'\r') {
        "\r\n"
    } else {
        "\n"
    };
    let blank = line_end.repeat(2);
    let delimiter = format!("{line_end}--{boundary}");
    let metadata = first + position(&head[first..], blank.as_bytes())? + blank.len();
    let end = metadata + position(&head[metadata..], delimiter.as_bytes())?;
    let second = end + delimiter.len();
    let content = second + position(&head[second..], blank.as_bytes())? + blank.len();
    let headers = String::from_utf8_lossy(&head[second..content]);
    let content_type = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-type")
            .then(|| value.trim().to_owned())
    });
    let closing = format!("{delimiter}--");
    let content_end = tail_start + u64::try_from(position(tail, closing.as_bytes())?).ok()?;
    let content_start = u64::try_from(content).ok()?;
    (content_start <= content_end).then(|| Parts {
        metadata: head[metadata..end].to_vec(),
        content_type,
        content: content_start..content_end,
    })
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::{boundary, find};

    #[test]
    fn boundaries_with_and_without_quotes() {
        assert_eq!(
            boundary("multipart/related; boundary=\"==a==\""),
            Some("==a==")
        );
        assert_eq!(
            boundary("multipart/related; charset=x; boundary='b'"),
            Some("b")
        );
        for none in ["application/json", "a; boundary=", "a; boundary=''"] {
            assert_eq!(boundary(none), None);
        }
        let long = format!("a; boundary={}", "b".repeat(71));
        assert_eq!(boundary(&long), None);
    }

    #[test]
    fn metadata_and_content() {
        let mime = "--b\r\nContent-Type: application/json\r\n\r\n{\"name\":\"o\"}\r\n--b\r\n\
                    content-type: text/plain\r\n\r\nhello\r\n--bye\r\n\r\n--b--\r\n";
        let unix = mime.replace("\r\n", "\n");
        let file = tempfile::NamedTempFile::new().unwrap();
        for (body, content) in [(mime, "hello\r\n--bye\r\n"), (&unix, "hello\n--bye\n")] {
            std::fs::write(file.path(), body).unwrap();
            let parts = find(file.path(), "b", 1 << 10).unwrap();
            assert_eq!(parts.metadata, b"{\"name\":\"o\"}");
            assert_eq!(parts.content_type.as_deref(), Some("text/plain"));
            let range = usize::try_from(parts.content.start).unwrap()
                ..usize::try_from(parts.content.end).unwrap();
            assert_eq!(&body[range], content);
        }
        std::fs::write(file.path(), &mime[..60]).unwrap();
        assert!(find(file.path(), "b", 1 << 10).is_err());
    }
}

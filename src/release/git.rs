//! The tags of a git repository, by git's smart protocol over HTTP, as a server lists its refs
//! (<https://git-scm.com/docs/http-protocol>).

use anyhow::{Context, Result, ensure};

use super::Web;

/// Largest list of refs, in bytes. A line has some hundred.
const LIMIT: usize = 32 << 20;
const TAGS: &str = "refs/tags/";

/// The names of a repository's tags.
pub(super) async fn tags(web: &Web, url: &str) -> Result<Vec<String>> {
    let url = format!(
        "{}/info/refs?service=git-upload-pack",
        url.trim_end_matches('/')
    );
    let answer = web.get(&url, LIMIT).await?;
    parse(&answer).with_context(|| format!("reading the refs that {url} answered"))
}

/// The tags of an advertisement, of version 0 or 1 of the protocol. Each line begins with its length in four hex
/// digits; a tag's object (`^{}`) is listed after the tag.
fn parse(mut bytes: &[u8]) -> Result<Vec<String>> {
    ensure!(
        bytes.get(4..13) == Some(b"# service"),
        "it is no list of git's refs"
    );
    let mut tags = Vec::new();
    while !bytes.is_empty() {
        let length = bytes
            .get(..4)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let length = length.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let length = length.context("a line without its length")?;
        let (line, rest) = match length {
            // A flush between two lists.
            0 => (&bytes[..0], &bytes[4..]),
            length => {
                let line = bytes.get(4..length).context("a line that ends too early")?;
                (line, &bytes[length..])
            }
        };
        bytes = rest;
        // What a line says after a zero are the server's abilities.
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(line);
        let tag = name
            .split_once(' ')
            .and_then(|(_, name)| name.trim_end().strip_prefix(TAGS));
        tags.extend(tag.filter(|tag| !tag.ends_with("^{}")).map(str::to_owned));
    }
    Ok(tags)
}

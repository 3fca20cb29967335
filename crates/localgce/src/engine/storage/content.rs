//! Contents of objects: how they are received and stored.

use std::fs::File;
use std::future::poll_fn;
use std::io::{Read, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;

use anyhow::{Context, Result};
use axum::body::{Body, Bytes, HttpBody};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::room::sync_dir;

/// Appends a request's body to a file, and returns its length. If the client disconnects, what has
/// arrived stays in the file, and an error is returned.
pub async fn append(mut body: Body, path: &Path) -> Result<u64> {
    let file = tokio::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .await;
    let mut file = file.with_context(|| format!("opening {}", path.display()))?;
    let mut length = 0;
    let received = loop {
        match next(&mut body).await.context("receiving the object") {
            Err(error) => break Err(error),
            Ok(None) => break Ok(()),
            Ok(Some(data)) => {
                length += data.len() as u64;
                let written = file.write_all(&data).await;
                if let Err(error) = written.with_context(|| format!("writing {}", path.display())) {
                    discard(body).await;
                    return Err(error);
                }
            }
        }
    };
    file.flush()
        .await
        .with_context(|| format!("writing {}", path.display()))?;
    received.map(|()| length)
}

/// Appends a part of one file to another.
pub async fn copy(from: &Path, part: Range<u64>, to: &Path) -> Result<()> {
    let copy = async || {
        let mut from = tokio::fs::File::open(from).await?;
        from.seek(SeekFrom::Start(part.start)).await?;
        let mut to = tokio::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(to)
            .await?;
        tokio::io::copy(&mut from.take(part.end - part.start), &mut to).await?;
        to.flush().await
    };
    copy()
        .await
        .with_context(|| format!("copying {} to {}", from.display(), to.display()))
}

/// Makes a file and its name survive a power cut.
pub fn sync(path: &Path) -> Result<()> {
    let sync = || {
        File::open(path)?.sync_all()?;
        path.parent().map_or(Ok(()), sync_dir)
    };
    sync().with_context(|| format!("writing {}", path.display()))
}

/// Reads a body and ignores it: a client reads the refusal only after it has sent everything.
pub async fn discard(mut body: Body) {
    while let Ok(Some(_)) = next(&mut body).await {}
}

/// The next chunk of a body, or `None` at its end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, axum::Error> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
        let Some(frame) = frame.transpose()? else {
            return Ok(None);
        };
        // Ignore trailers.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}

/// The length of a file, or 0 if it does not exist.
pub fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// What Cloud Storage reports about a content.
pub struct Summary {
    /// Its length in bytes.
    pub size: u64,
    /// Base64 of the hash.
    pub md5: String,
    /// Base64 of the checksum's big-endian bytes.
    pub crc32c: String,
}

/// Computes a file's checksums.
pub fn summarize(path: &Path) -> Result<Summary> {
    let read = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(read)?;
    let (mut md5, mut crc32c, mut size) = (Md5::new(), 0, 0);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer).with_context(read)?;
        if length == 0 {
            break;
        }
        md5.update(&buffer[..length]);
        crc32c = crc32c::crc32c_append(crc32c, &buffer[..length]);
        size += length as u64;
    }
    Ok(Summary {
        size,
        md5: BASE64_STANDARD.encode(md5.finalize()),
        crc32c: BASE64_STANDARD.encode(crc32c.to_be_bytes()),
    })
}

//! Download to a file, in pieces: a cut costs one of them.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, header::RANGE};
use tokio::{fs::File, io::AsyncWriteExt};

use crate::{Error, Kind, Object, Objects, Result, transport::Call};

/// Bytes of a piece.
const PIECE: u64 = 8 << 20;

impl Objects {
    /// Downloads an object of at most `limit` bytes into a new file, as it is now: one that is replaced
    /// meanwhile is an error. Its CRC32C is checked, and the file is synced to disk.
    ///
    /// `progress` gets the bytes done and the total.
    pub async fn download(
        &self,
        name: &str,
        file: &Path,
        limit: u64,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Object> {
        let what = format!(
            "downloading object {name} of bucket {} to {}",
            self.bucket,
            file.display()
        );
        let corrupt = |message: String| Error::new(Kind::Corrupt, &what, message);
        let io = |error: std::io::Error| Error::new(Kind::Io, &what, error.to_string());
        let object = self.get(name).await?;
        let total = object.size.unwrap_or_default();
        if total > limit {
            return Err(corrupt(format!("it has {total} bytes, more than {limit}")));
        }
        let generation = object.generation.unwrap_or_default().to_string();
        let mut target = File::create_new(file).await.map_err(io)?;
        let (mut done, mut crc) = (0, 0);
        progress(done, total);
        while done < total {
            let end = total.min(done + PIECE);
            let wanted = usize::try_from(end - done).unwrap_or(usize::MAX);
            let call = Call::new(Method::GET, self.url(&[name])?, &what)
                .query("alt", "media")
                .query("ifGenerationMatch", &generation)
                .header(RANGE, &format!("bytes={done}-{}", end - 1))?
                .limit(wanted);
            let piece = self.client.transport.send(&call).await?.body;
            if piece.len() != wanted {
                let came = piece.len();
                return Err(corrupt(format!("{came} bytes came, not {wanted}")));
            }
            crc = crc32c::crc32c_append(crc, &piece);
            target.write_all(&piece).await.map_err(io)?;
            done = end;
            progress(done, total);
        }
        target.sync_all().await.map_err(io)?;
        let crc = BASE64_STANDARD.encode(crc.to_be_bytes());
        if object.crc32c.as_deref() == Some(&*crc) {
            Ok(object)
        } else {
            Err(corrupt("its data is not what its CRC32C says".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    fn object(size: usize, crc: u32) -> Answer {
        let crc = BASE64_STANDARD.encode(crc.to_be_bytes());
        Answer::json(
            200,
            &format!(r#"{{"name":"o","size":"{size}","generation":"5","crc32c":"{crc}"}}"#),
        )
    }

    #[tokio::test]
    async fn pieces_become_the_file_and_a_cut_costs_one() {
        let text = "x".repeat((8 << 20) + 3);
        let crc = crc32c::crc32c(text.as_bytes());
        let (first, rest) = text.split_at(8 << 20);
        let script = Script::play([
            object(text.len(), crc),
            Answer::status(206, first),
            Answer::status(503, "later"),
            Answer::status(206, rest),
            object(4, 0),
            Answer::status(206, "word"),
            object(4, crc32c::crc32c(b"word")),
            Answer::status(206, "wor"),
            object(5, 0),
        ])
        .await;
        let dir = tempfile::tempdir().unwrap();
        let objects = script.client().objects("b");
        let at = |name: &str| dir.path().join(name);
        let file = at("whole");
        let whole = objects.download("o", &file, u64::MAX, |_, _| {});
        whole.await.unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        for (name, limit) in [("crc", 4), ("short", 4), ("large", 4)] {
            let file = at(name);
            let error = objects.download("o", &file, limit, |_, _| {});
            assert_eq!(error.await.unwrap_err().kind, Kind::Corrupt, "{name}");
        }
        let requests = script.requests();
        assert_eq!(requests[1].header("range"), Some("bytes=0-8388607"));
        assert_eq!(requests[3].header("range"), Some("bytes=8388608-8388610"));
        assert_eq!(requests[3].query("ifGenerationMatch").as_deref(), Some("5"));
    }
}

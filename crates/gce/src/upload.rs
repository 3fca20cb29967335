//! Resumable upload: <https://cloud.google.com/storage/docs/performing-resumable-uploads>.

use std::{io::SeekFrom, path::Path, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_RANGE, HeaderMap, HeaderName, LOCATION, RANGE},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use crate::{
    Error, Kind, Object, Objects, Result, SecretBytes,
    transport::{Attempts, Call},
};

/// The most that is sent again after a cut. Google requires a multiple of 256 KiB and advises 8 MiB.
const CHUNK: u64 = 8 * 1024 * 1024;
/// Long enough for a chunk at 250 kbit/s.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(5);

impl Objects {
    /// Uploads a file as `object`, resumes after a cut, and checks the CRC32C that Cloud Storage has
    /// computed. Replaces an object of the same name.
    ///
    /// `progress` gets the bytes done and the total.
    pub async fn upload(
        &self,
        object: &Object,
        file: &Path,
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Object> {
        let name = object.name.as_deref().unwrap_or_default();
        let what = format!(
            "uploading {} to {name} in bucket {}",
            file.display(),
            self.bucket
        );
        let mut source = Source::open(file, &what).await?;
        let total = source.total;
        let session = self.start_upload(object, Some(total), &what).await?;
        let transport = &self.client.transport;
        let mut attempts = Attempts::new(&transport.policy);
        let (mut done, mut ask) = (0, false);
        progress(done, total);
        loop {
            let mut call = Call::new(Method::PUT, session.clone(), &what)
                .resumable()
                .timeout(CHUNK_TIMEOUT);
            let chunk = if ask {
                Vec::new()
            } else {
                source.read(done).await?
            };
            // Without a body, this header asks how many bytes have arrived. An empty file has no bytes to send.
            let range = match chunk.len() as u64 {
                0 => format!("bytes */{total}"),
                len => format!("bytes {done}-{}/{total}", done + len - 1),
            };
            call = call.header(CONTENT_RANGE, &range)?.bytes(chunk);
            match transport.once(&call).await {
                Ok(reply) if reply.status == StatusCode::PERMANENT_REDIRECT => {
                    let kept = kept(&reply.headers, source.hashed, &what)?;
                    if kept > done {
                        attempts = Attempts::new(&transport.policy);
                    } else if !ask {
                        let message = "the chunk arrived, and nothing of it was kept";
                        attempts
                            .pause(Error::new(Kind::Unavailable, &what, message))
                            .await?;
                    }
                    (done, ask) = (kept, false);
                    progress(done, total);
                }
                Ok(reply) => {
                    let object: Object = reply.json(&what)?;
                    let size = object.size.unwrap_or_default();
                    check(&object, size, total, source.crc, &what)?;
                    progress(total, total);
                    return Ok(object);
                }
                Err(failure) => {
                    attempts.pause(failure).await?;
                    ask = true;
                }
            }
        }
    }

    /// Starts an upload that somebody else makes: the address of its session is as good as a token for
    /// this one object, until it is complete.
    pub async fn session(&self, object: &Object) -> Result<SecretBytes> {
        let name = object.name.as_deref().unwrap_or_default();
        let what = format!("starting the upload of {name} to bucket {}", self.bucket);
        let url = self.start_upload(object, None, &what).await?;
        Ok(String::from(url).into_bytes().into())
    }

    /// Starts a session for a number of bytes, if it is known.
    async fn start_upload(&self, object: &Object, total: Option<u64>, what: &str) -> Result<Url> {
        let url = self.upload_url()?;
        let mut call = Call::new(Method::POST, url.clone(), what)
            .query("uploadType", "resumable")
            .query("name", object.name.as_deref().unwrap_or_default())
            .json(object)?;
        if let Some(total) = total {
            let length = HeaderName::from_static("x-upload-content-length");
            call = call.header(length, &total.to_string())?;
        }
        let reply = self.client.transport.send(&call).await?;
        let corrupt = |message| Error::new(Kind::Corrupt, what, message);
        let location = reply
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| corrupt("no session URL came back"))?;
        let session = url
            .join(location)
            .map_err(|_| corrupt("the session URL is not a URL"))?;
        // The token goes with every request, and must not go to another server.
        if session.origin() != url.origin() {
            return Err(corrupt("the session URL leads to another server"));
        }
        Ok(session)
    }
}

/// How many bytes the server has, from its `Range: bytes=0-N`; none without that header.
fn kept(headers: &HeaderMap, sent: u64, what: &str) -> Result<u64> {
    let Some(range) = headers.get(RANGE) else {
        return Ok(0);
    };
    range
        .to_str()
        .ok()
        .and_then(|range| {
            range
                .strip_prefix("bytes=0-")?
                .parse::<u64>()
                .ok()?
                .checked_add(1)
        })
        .filter(|kept| *kept <= sent)
        .ok_or_else(|| {
            Error::new(
                Kind::Corrupt,
                what,
                format!("{range:?} is not a range of what was sent"),
            )
        })
}

/// The file, and the checksum of what has been read of it.
struct Source<'a> {
    file: File,
    total: u64,
    hashed: u64,
    crc: u32,
    what: &'a str,
}

impl<'a> Source<'a> {
    async fn open(path: &Path, what: &'a str) -> Result<Self> {
        let io = |error: std::io::Error| Error::new(Kind::Io, what, error.to_string());
        let file = File::open(path).await.map_err(io)?;
        let total = file.metadata().await.map_err(io)?.len();
        Ok(Self {
            file,
            total,
            hashed: 0,
            crc: 0,
            what,
        })
    }

    /// The chunk at `offset`, which is never beyond what has been read.
    async fn read(&mut self, offset: u64) -> Result<Vec<u8>> {
        let io = |error: std::io::Error| Error::new(Kind::Io, self.what, error.to_string());
        let len = CHUNK.min(self.total - offset);
        let mut chunk = Vec::new();
        self.file.seek(SeekFrom::Start(offset)).await.map_err(io)?;
        (&mut self.file)
            .take(len)
            .read_to_end(&mut chunk)
            .await
            .map_err(io)?;
        if chunk.len() as u64 != len {
            return Err(Error::new(
                Kind::Io,
                self.what,
                "the file became shorter meanwhile",
            ));
        }
        let known = usize::try_from(self.hashed - offset).unwrap_or(usize::MAX);
        if let Some(new) = chunk.get(known..) {
            self.crc = crc32c::crc32c_append(self.crc, new);
            self.hashed += new.len() as u64;
        }
        Ok(chunk)
    }
}

/// Compares the server's size and checksum of an object with our own.
fn check(object: &Object, size: u64, seen: u64, crc: u32, what: &str) -> Result<()> {
    let crc = BASE64_STANDARD.encode(crc.to_be_bytes());
    let kept = object.crc32c.as_deref().unwrap_or("none");
    if size != seen || kept != crc {
        let message =
            format!("{seen} bytes with CRC32C {crc} here, {size} bytes with {kept} in the bucket");
        return Err(Error::new(Kind::Corrupt, what, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;
    use crate::script::{Answer, Script};

    const MIB: usize = 1024 * 1024;

    fn file(len: usize) -> (tempfile::NamedTempFile, Vec<u8>) {
        let data: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &data).unwrap();
        (file, data)
    }

    fn started() -> Answer {
        Answer::status(200, "").with("Location", "/upload/storage/v1/b/b/o?upload_id=x")
    }

    fn incomplete(last: usize) -> Answer {
        Answer::status(308, "").with("Range", &format!("bytes=0-{last}"))
    }

    fn complete(data: &[u8]) -> Answer {
        let crc = BASE64_STANDARD.encode(crc32c::crc32c(data).to_be_bytes());
        Answer::json(
            200,
            &format!(r#"{{"name":"o","size":"{}","crc32c":"{crc}"}}"#, data.len()),
        )
    }

    fn object() -> Object {
        Object {
            name: Some("o".into()),
            metadata: [("run".to_owned(), "r1".to_owned())].into(),
            ..Object::default()
        }
    }

    #[tokio::test]
    async fn a_cut_upload_asks_and_goes_on_where_the_server_is() {
        let (file, data) = file(20 * MIB);
        let script = Script::play([
            started(),
            incomplete(8 * MIB - 1),
            Answer::CutAfter(3 * MIB),
            Answer::status(503, "not yet"),
            incomplete(10 * MIB - 1),
            incomplete(18 * MIB - 1),
            complete(&data),
        ])
        .await;
        let mut steps = Vec::new();
        let objects = script.client().objects("b");
        let progress = |done, total| steps.push((done, total));
        objects
            .upload(&object(), file.path(), progress)
            .await
            .unwrap();
        let requests = script.requests();
        let total = 20 * MIB;
        let expected = [
            format!("bytes 0-{}/{total}", 8 * MIB - 1),
            format!("bytes {}-{}/{total}", 8 * MIB, 16 * MIB - 1),
            format!("bytes */{total}"),
            format!("bytes */{total}"),
            format!("bytes {}-{}/{total}", 10 * MIB, 18 * MIB - 1),
            format!("bytes {}-{}/{total}", 18 * MIB, total - 1),
        ];
        let ranges: Vec<_> = requests[1..]
            .iter()
            .map(|r| r.header("content-range").unwrap_or_default())
            .collect();
        assert_eq!(ranges, expected);
        assert_eq!(requests[5].body, data[10 * MIB..18 * MIB]);
        assert_eq!(requests[0].body, br#"{"name":"o","metadata":{"run":"r1"}}"#);
        let mib = |n: usize| (n * MIB) as u64;
        let done: Vec<_> = steps.iter().map(|step| step.0).collect();
        assert_eq!(done, [mib(0), mib(8), mib(10), mib(18), mib(20)]);
    }

    #[tokio::test]
    async fn an_answer_lost_at_the_end_is_asked_for() {
        let (file, data) = file(1000);
        let script = Script::play([started(), Answer::Cut, complete(&data)]).await;
        script
            .client()
            .objects("b")
            .upload(&object(), file.path(), |_, _| {})
            .await
            .unwrap();
        assert_eq!(
            script.requests()[2].header("content-range"),
            Some("bytes */1000")
        );
    }

    #[tokio::test]
    async fn an_empty_file_is_an_object_too() {
        let (file, data) = file(0);
        let script = Script::play([started(), complete(&data)]).await;
        script
            .client()
            .objects("b")
            .upload(&object(), file.path(), |_, _| {})
            .await
            .unwrap();
        assert_eq!(
            script.requests()[1].header("content-range"),
            Some("bytes */0")
        );
    }

    #[tokio::test]
    async fn wrong_checksums_ranges_and_sessions_are_refused() {
        let (file, _) = file(1000);
        let elsewhere = Answer::status(200, "").with("Location", "http://192.0.2.1/steal");
        let scripts = [
            vec![started(), complete(b"other")],
            vec![started(), incomplete(5000)],
            vec![elsewhere],
        ];
        for answers in scripts {
            let script = Script::play(answers).await;
            let objects = script.client().objects("b");
            let error = objects
                .upload(&object(), file.path(), |_, _| {})
                .await
                .unwrap_err();
            assert_eq!(error.kind, Kind::Corrupt, "{error}");
        }
    }
}

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderMap},
};

use crate::{
    Client, Error, Kind, Result,
    client::found,
    endpoints::join,
    json::{int64, resource},
    transport::Call,
};

resource! {
    /// An object, without its data.
    Object {
        name: Option<String>,
        metadata: BTreeMap<String, String>,
        /// New with every change of its data.
        #[serde(with = "int64")]
        generation: Option<u64>,
        #[serde(with = "int64")]
        size: Option<u64>,
        /// Base64 of the CRC32C, big-endian.
        crc32c: Option<String>,
    }
}

impl Client {
    /// Objects in a bucket.
    #[must_use]
    pub fn objects(&self, bucket: &str) -> Objects {
        Objects {
            client: self.clone(),
            bucket: bucket.into(),
        }
    }
}

/// Objects in one bucket.
#[derive(Debug)]
pub struct Objects {
    pub(crate) client: Client,
    pub(crate) bucket: String,
}

impl Objects {
    pub(crate) fn url(&self, path: &[&str]) -> Result<Url> {
        let root = ["storage", "v1", "b", &self.bucket, "o"];
        join(
            &self.client.endpoints.storage,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// Where objects are uploaded to.
    pub(crate) fn upload_url(&self) -> Result<Url> {
        join(
            &self.client.endpoints.storage,
            ["upload", "storage", "v1", "b", &self.bucket, "o"],
        )
    }

    /// Where an object's data is.
    pub fn data_url(&self, name: &str) -> Result<String> {
        let mut url = self.url(&[name])?;
        url.query_pairs_mut().append_pair("alt", "media");
        Ok(url.into())
    }

    /// `objects.get`.
    pub async fn get(&self, name: &str) -> Result<Object> {
        let what = format!("getting object {name} of bucket {}", self.bucket);
        self.client.get(self.url(&[name])?, what).await
    }

    /// `objects.get`, with `None` where there is no such object or bucket.
    pub async fn find(&self, name: &str) -> Result<Option<Object>> {
        found(self.get(name).await)
    }

    /// `objects.list` of the objects whose names begin with `prefix`, all pages.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Object>> {
        let what = format!("listing {prefix}* of bucket {}", self.bucket);
        let mut url = self.url(&[])?;
        url.query_pairs_mut().append_pair("prefix", prefix);
        self.client.list(url, None, what).await
    }

    /// The data of an object of at most `limit` bytes, with its CRC32C checked. A larger one is
    /// [`Kind::Corrupt`]: it is not what was asked for.
    pub async fn read(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let what = format!("reading object {name} of bucket {}", self.bucket);
        let call = Call::new(Method::GET, self.url(&[name])?, &what)
            .query("alt", "media")
            .limit(limit);
        let reply = self.client.transport.send(&call).await?;
        let known = stored_crc(&reply.headers);
        if known.is_some_and(|known| known != checksum(&reply.body)) {
            return Err(Error::new(
                Kind::Corrupt,
                what,
                "its data is not what its CRC32C says",
            ));
        }
        Ok(reply.body)
    }

    /// `objects.insert` of a few bytes in one request. With `generation_match` the object has to have
    /// that generation, 0 for none yet; otherwise it is [`Kind::PreconditionFailed`], which after a lost
    /// answer may mean that the bytes are there.
    pub async fn put(
        &self,
        name: &str,
        bytes: Vec<u8>,
        generation_match: Option<u64>,
    ) -> Result<Object> {
        let what = format!("writing object {name} of bucket {}", self.bucket);
        let crc = checksum(&bytes);
        let mut call = Call::new(Method::POST, self.upload_url()?, &what)
            .query("uploadType", "media")
            .query("name", name)
            .header(CONTENT_TYPE, "application/octet-stream")?
            .bytes(bytes);
        if let Some(generation) = generation_match {
            call = call.query("ifGenerationMatch", &generation.to_string());
        }
        let object: Object = self.client.send(call, &what).await?;
        if object.crc32c.as_deref() != Some(&crc) {
            let kept = object.crc32c.as_deref().unwrap_or("none");
            let message = format!("CRC32C {crc} was sent, {kept} is in the bucket");
            return Err(Error::new(Kind::Corrupt, what, message));
        }
        Ok(object)
    }

    /// `objects.delete`.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let what = format!("deleting object {name} of bucket {}", self.bucket);
        let call = Call::new(Method::DELETE, self.url(&[name])?, what);
        self.client.transport.send(&call).await.map(drop)
    }
}

/// The CRC32C of some bytes, as Cloud Storage writes it.
fn checksum(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(crc32c::crc32c(bytes).to_be_bytes())
}

/// The CRC32C that comes with an object's data, in one of several headers or one of several parts.
fn stored_crc(headers: &HeaderMap) -> Option<&str> {
    let hashes = headers.get_all("x-goog-hash").into_iter();
    let hashes = hashes.filter_map(|value| value.to_str().ok());
    hashes
        .flat_map(|text| text.split(','))
        .find_map(|hash| hash.trim().strip_prefix("crc32c="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    fn stored(bytes: &[u8]) -> Answer {
        let crc = checksum(bytes);
        Answer::json(200, &format!(r#"{{"name":"a/b","crc32c":"{crc}"}}"#))
    }

    #[tokio::test]
    async fn bytes_are_written_over_the_generation_that_was_read() {
        let script = Script::play([stored(b"word"), stored(b"other"), Answer::status(412, "")]);
        let script = script.await;
        let objects = script.client().objects("b");
        let word = || b"word".to_vec();
        objects.put("a/b", word(), Some(0)).await.unwrap();
        let error = objects.put("a/b", word(), None).await.unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt);
        let error = objects.put("a/b", word(), Some(7)).await.unwrap_err();
        assert_eq!(error.kind, Kind::PreconditionFailed);
        let requests = script.requests();
        assert_eq!(
            requests[0].target,
            "/upload/storage/v1/b/b/o?uploadType=media&name=a%2Fb&ifGenerationMatch=0"
        );
        assert_eq!(requests[0].body, b"word");
        assert_eq!(requests[1].query("ifGenerationMatch"), None);
    }

    #[tokio::test]
    async fn data_is_read_to_a_limit_and_checked() {
        let data = |crc: &str| Answer::status(200, "word").with("x-goog-hash", crc);
        let crc = format!("md5=x,crc32c={}", checksum(b"word"));
        let script = Script::play([data(&crc), data(&crc), data("crc32c=AAAAAA==")]).await;
        let objects = script.client().objects("b");
        assert_eq!(objects.read("a/b", 4).await.unwrap(), b"word");
        let error = objects.read("a/b", 3).await.unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt);
        assert!(error.message.contains("3 bytes"), "{error}");
        let error = objects.read("a/b", 4).await.unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt);
        assert_eq!(
            script.requests()[0].target,
            "/storage/v1/b/b/o/a%2Fb?alt=media"
        );
    }

    #[tokio::test]
    async fn a_prefix_lists_objects_with_their_generations() {
        let script = Script::play([
            Answer::json(
                200,
                r#"{"items":[{"name":"a/1","generation":"5"}],"nextPageToken":"2"}"#,
            ),
            Answer::json(200, r#"{"items":[{"name":"a/2","generation":"6"}]}"#),
        ])
        .await;
        let listed = script.client().objects("b").list("a/").await.unwrap();
        let generations: Vec<_> = listed.iter().map(|object| object.generation).collect();
        assert_eq!(generations, [Some(5), Some(6)]);
        assert_eq!(
            script.requests()[1].target,
            "/storage/v1/b/b/o?prefix=a%2F&pageToken=2"
        );
    }
}

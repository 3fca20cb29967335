use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode, Url, header::RANGE};
use serde_json::Value;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{
    Client, Error, Kind, Policy, Result,
    client::found,
    endpoints::join,
    json::{int64, resource},
    transport::{Attempts, Call, chain},
};

resource! {
    /// A bucket.
    Bucket {
        name: Option<String>,
        location: Option<String>,
        storage_class: Option<String>,
        labels: BTreeMap<String, String>,
        iam_configuration: Option<IamConfiguration>,
        lifecycle: Option<Lifecycle>,
        encryption: Option<BucketEncryption>,
        #[serde(with = "int64")]
        project_number: Option<u64>,
        time_created: Option<String>,
        self_link: Option<String>,
    }
}

resource! {
    /// What a bucket's objects are encrypted with, unless an upload says otherwise.
    BucketEncryption {
        /// `projects/P/locations/L/keyRings/R/cryptoKeys/K` of Cloud KMS, in the bucket's location.
        default_kms_key_name: Option<String>,
    }
}

resource! {
    /// Who can be given access to a bucket, and how.
    IamConfiguration {
        uniform_bucket_level_access: Option<UniformBucketLevelAccess>,
        /// `enforced` or `inherited`.
        public_access_prevention: Option<String>,
    }
}

resource! {
    /// Access by IAM alone, without ACLs.
    UniformBucketLevelAccess {
        enabled: Option<bool>,
    }
}

resource! {
    /// What happens to a bucket's objects by themselves.
    Lifecycle {
        rule: Vec<LifecycleRule>,
    }
}

resource! {
    /// One thing that happens; kept as it is when a bucket is read and written back.
    LifecycleRule {
        /// `{"type": "Delete"}`, mostly.
        action: BTreeMap<String, Value>,
        /// Such as `{"age": 1}`, in days.
        condition: BTreeMap<String, Value>,
    }
}

resource! {
    /// An object, without its data.
    Object {
        name: Option<String>,
        bucket: Option<String>,
        content_type: Option<String>,
        metadata: BTreeMap<String, String>,
        #[serde(with = "int64")]
        size: Option<u64>,
        /// Base64 of the CRC32C, big-endian.
        crc32c: Option<String>,
        #[serde(with = "int64")]
        generation: Option<u64>,
        time_created: Option<String>,
        updated: Option<String>,
        self_link: Option<String>,
    }
}

impl Client {
    /// Buckets of the project.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        Buckets {
            client: self.clone(),
        }
    }

    /// Objects in a bucket.
    #[must_use]
    pub fn objects(&self, bucket: &str) -> Objects {
        Objects {
            client: self.clone(),
            bucket: bucket.into(),
        }
    }
}

/// Buckets of the client's project.
#[derive(Debug)]
pub struct Buckets {
    pub(crate) client: Client,
}

impl Buckets {
    fn url(&self, path: &[&str]) -> Result<Url> {
        let root = ["storage", "v1", "b"];
        join(
            &self.client.endpoints.storage,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// `buckets.get`.
    pub async fn get(&self, name: &str) -> Result<Bucket> {
        self.client
            .get(self.url(&[name])?, format!("getting bucket {name}"))
            .await
    }

    /// `buckets.get`, with `None` where there is no such bucket.
    pub async fn find(&self, name: &str) -> Result<Option<Bucket>> {
        found(self.get(name).await)
    }

    /// `buckets.insert`. A name that is taken, by whomever, is [`Kind::Conflict`].
    pub async fn insert(&self, bucket: &Bucket) -> Result<Bucket> {
        let what = format!(
            "inserting bucket {}",
            bucket.name.as_deref().unwrap_or_default()
        );
        let call = Call::new(Method::POST, self.url(&[])?, &what);
        let call = call.query("project", &self.client.project).json(bucket)?;
        self.client.send(call, &what).await
    }

    /// `buckets.patch`: the fields that are given, and no others.
    pub async fn patch(&self, name: &str, bucket: &Bucket) -> Result<Bucket> {
        let what = format!("changing bucket {name}");
        let call = Call::new(Method::PATCH, self.url(&[name])?, &what).json(bucket)?;
        self.client.send(call, &what).await
    }

    /// `buckets.getIamPolicy`.
    pub async fn iam_policy(&self, name: &str) -> Result<Policy> {
        let what = format!("getting the IAM policy of bucket {name}");
        let url = self.url(&[name, "iam"])?;
        let call = Call::new(Method::GET, url, &what).query("optionsRequestedPolicyVersion", "3");
        self.client.send(call, &what).await
    }

    /// `buckets.setIamPolicy`. With an etag that is no longer the current one:
    /// [`Kind::PreconditionFailed`].
    pub async fn set_iam_policy(&self, name: &str, policy: &Policy) -> Result<Policy> {
        let what = format!("setting the IAM policy of bucket {name}");
        let call = Call::new(Method::PUT, self.url(&[name, "iam"])?, &what).json(policy)?;
        self.client.send(call, &what).await
    }
}

/// Objects in one bucket.
#[derive(Debug)]
pub struct Objects {
    pub(crate) client: Client,
    pub(crate) bucket: String,
}

/// No byte for so long means that the connection is dead.
const STALLED: Duration = Duration::from_mins(1);

impl Objects {
    fn url(&self, name: &str) -> Result<Url> {
        join(
            &self.client.endpoints.storage,
            ["storage", "v1", "b", &self.bucket, "o", name],
        )
    }

    /// `objects.get`.
    pub async fn get(&self, name: &str) -> Result<Object> {
        let what = format!("getting object {name} of bucket {}", self.bucket);
        self.client.get(self.url(name)?, what).await
    }

    /// `objects.get`, with `None` where there is no such object or bucket.
    pub async fn find(&self, name: &str) -> Result<Option<Object>> {
        found(self.get(name).await)
    }

    /// `objects.delete`.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let what = format!("deleting object {name} of bucket {}", self.bucket);
        let call = Call::new(Method::DELETE, self.url(name)?, what);
        self.client.transport.send(&call).await.map(drop)
    }

    /// Writes an object's data to `to`, going on after a cut, and checks its CRC32C.
    ///
    /// `progress` is told bytes done and bytes in all. After an error `to` holds a part, or data
    /// that do not match.
    pub async fn download(
        &self,
        name: &str,
        to: &mut (impl AsyncWrite + Unpin + Send),
        mut progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Object> {
        let object = self.get(name).await?;
        let total = object.size.unwrap_or_default();
        let mut download = Download {
            what: format!("downloading object {name} of bucket {}", self.bucket),
            url: self.url(name)?,
            generation: object.generation.unwrap_or_default().to_string(),
            done: 0,
            crc: 0,
        };
        let mut attempts = Attempts::new(&self.client.transport.policy);
        while download.done < total {
            let before = download.done;
            let result = download
                .proceed(&self.client, to, |done| progress(done, total))
                .await;
            if download.done > before {
                attempts = Attempts::new(&self.client.transport.policy);
            }
            match result {
                Ok(()) if download.done < total => {
                    let message = format!("the data end at byte {} of {total}", download.done);
                    let error = Error::new(Kind::Unavailable, &download.what, message);
                    attempts.pause(error).await?;
                }
                Ok(()) => {}
                Err(error) => attempts.pause(error).await?,
            }
        }
        to.flush()
            .await
            .map_err(|e| Error::new(Kind::Io, &download.what, e.to_string()))?;
        check(&object, total, download.done, download.crc, &download.what)?;
        Ok(object)
    }
}

/// How far a download has come.
struct Download {
    what: String,
    url: Url,
    /// The object that was described: not one put in its place meanwhile.
    generation: String,
    done: u64,
    crc: u32,
}

impl Download {
    /// One request, from where the last one ended, until its data end.
    async fn proceed(
        &mut self,
        client: &Client,
        to: &mut (impl AsyncWrite + Unpin + Send),
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<()> {
        let mut call = Call::new(Method::GET, self.url.clone(), &self.what)
            .query("alt", "media")
            .query("generation", &self.generation);
        if self.done > 0 {
            call = call.header(RANGE, &format!("bytes={}-", self.done))?;
        }
        let mut response = client.transport.open(&call).await?;
        if self.done > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
            let message = "a range was asked for, and something else came";
            return Err(Error::new(Kind::Corrupt, &self.what, message));
        }
        loop {
            let piece = tokio::time::timeout(STALLED, response.chunk())
                .await
                .map_err(|_| {
                    let message = format!("no data within {} s", STALLED.as_secs());
                    Error::new(Kind::Unavailable, &self.what, message)
                })?;
            let piece = piece.map_err(|e| Error::new(Kind::Unavailable, &self.what, chain(&e)))?;
            let Some(piece) = piece else { return Ok(()) };
            to.write_all(&piece)
                .await
                .map_err(|e| Error::new(Kind::Io, &self.what, format!("writing: {e}")))?;
            self.crc = crc32c::crc32c_append(self.crc, &piece);
            self.done += piece.len() as u64;
            progress(self.done);
        }
    }
}

/// Compares an object's size and checksum, as the server has them, with those that were seen here.
pub(crate) fn check(object: &Object, size: u64, seen: u64, crc: u32, what: &str) -> Result<()> {
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
    use super::*;
    use crate::script::{Answer, Script};

    fn described(data: &[u8]) -> Answer {
        let crc = BASE64_STANDARD.encode(crc32c::crc32c(data).to_be_bytes());
        let size = data.len();
        Answer::json(
            200,
            &format!(r#"{{"size":"{size}","crc32c":"{crc}","generation":"9"}}"#),
        )
    }

    #[tokio::test]
    async fn a_cut_download_goes_on_where_it_was() {
        let script = Script::play([
            described(b"hello world"),
            Answer::status(200, "hello world").truncated(5),
            Answer::status(206, " world"),
        ])
        .await;
        let (mut data, mut steps) = (Vec::new(), Vec::new());
        let objects = script.client().objects("b");
        objects
            .download("d/o", &mut data, |done, total| steps.push((done, total)))
            .await
            .unwrap();
        assert_eq!(data, b"hello world");
        assert_eq!(steps, [(5, 11), (11, 11)]);
        let resumed = &script.requests()[2];
        assert_eq!(
            resumed.target,
            "/storage/v1/b/b/o/d%2Fo?alt=media&generation=9"
        );
        assert_eq!(resumed.header("range"), Some("bytes=5-"));
    }

    #[tokio::test]
    async fn other_data_than_described_are_an_error() {
        let script = Script::play([described(b"hello"), Answer::status(200, "hellO")]).await;
        let objects = script.client().objects("b");
        let error = objects
            .download("o", &mut Vec::new(), |_, _| {})
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt);
    }
}

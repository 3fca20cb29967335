use std::{collections::BTreeMap, fmt};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};

use crate::{
    Client, Error, Kind, Policy, Result,
    client::found,
    endpoints::join,
    json::{int64, resource},
    transport::Call,
};

resource! {
    /// A secret: a name for the versions of a value.
    Secret {
        replication: Option<Replication>,
        labels: BTreeMap<String, String>,
    }
}

resource! {
    /// Where a secret's values are kept.
    Replication {
        automatic: Option<Automatic>,
    }
}

resource! {
    /// Google chooses.
    Automatic {}
}

resource! {
    /// A version of a secret, without its value.
    SecretVersion {
        /// `projects/P/secrets/S/versions/N`.
        name: Option<String>,
        /// `ENABLED`, `DISABLED` or `DESTROYED`.
        state: Option<String>,
    }
}

/// A secret's value. Its `Debug` shows only the length.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

/// `data` is the secret in base64, hence no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct SecretPayload {
    data: String,
    #[serde(with = "int64")]
    data_crc32c: Option<u64>,
}

/// Both the request of `addVersion` and the answer of `access`.
#[derive(Serialize, Deserialize)]
struct Envelope {
    payload: SecretPayload,
}

impl Client {
    /// Secrets of the project.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets {
            client: self.clone(),
        }
    }
}

/// Secrets of the client's project.
#[derive(Debug)]
pub struct Secrets {
    client: Client,
}

impl Secrets {
    fn url(&self, path: &[&str]) -> Result<Url> {
        let root = ["v1", "projects", &self.client.project, "secrets"];
        join(
            &self.client.endpoints.secret_manager,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// `secrets.create`. After a lost answer, [`Kind::AlreadyExists`] may mean that this call made it.
    pub async fn create(&self, id: &str, secret: &Secret) -> Result<Secret> {
        let what = format!("creating secret {id}");
        let call = Call::new(Method::POST, self.url(&[])?, &what).query("secretId", id);
        self.client.send(call.json(secret)?, &what).await
    }

    /// `secrets.get`.
    pub async fn get(&self, id: &str) -> Result<Secret> {
        self.client
            .get(self.url(&[id])?, format!("getting secret {id}"))
            .await
    }

    /// `secrets.get`, with `None` where there is no such secret.
    pub async fn find(&self, id: &str) -> Result<Option<Secret>> {
        found(self.get(id).await)
    }

    /// `secrets.delete`, with all versions.
    pub async fn delete(&self, id: &str) -> Result<()> {
        let what = format!("deleting secret {id}");
        let call = Call::new(Method::DELETE, self.url(&[id])?, what);
        self.client.transport.send(&call).await.map(drop)
    }

    /// `secrets.addVersion`, with its checksum. A retry after a lost answer may add the same value
    /// twice.
    pub async fn add_version(&self, id: &str, value: &SecretBytes) -> Result<SecretVersion> {
        let what = format!("adding a version to secret {id}");
        let data = BASE64_STANDARD.encode(value.expose());
        let data_crc32c = Some(crc32c::crc32c(value.expose()).into());
        let body = Envelope {
            payload: SecretPayload { data, data_crc32c },
        };
        let url = self.url(&[&format!("{id}:addVersion")])?;
        let sent = self
            .client
            .send(Call::new(Method::POST, url, &what).json(&body)?, &what)
            .await;
        sent.map_err(|error| redact(error, &body.payload.data))
    }

    /// `versions.access` of a version number or `latest`. Verifies the checksum.
    pub async fn access(&self, id: &str, version: &str) -> Result<SecretBytes> {
        let what = format!("accessing version {version} of secret {id}");
        let url = self.url(&[id, "versions", &format!("{version}:access")])?;
        let reply = self
            .client
            .transport
            .send(&Call::new(Method::GET, url, &what))
            .await?;
        let corrupt = |message| Error::new(Kind::Corrupt, &what, message);
        // The parsers' messages would quote the secret.
        let Envelope { payload } = serde_json::from_slice(&reply.body)
            .map_err(|_| corrupt("the answer is not a payload"))?;
        let bytes = BASE64_STANDARD
            .decode(&payload.data)
            .map_err(|_| corrupt("the payload is not base64"))?;
        if payload.data_crc32c != Some(crc32c::crc32c(&bytes).into()) {
            return Err(corrupt("the payload does not match its CRC32C"));
        }
        Ok(SecretBytes(bytes))
    }

    /// `versions.list`, all pages, newest first.
    pub async fn versions(&self, id: &str) -> Result<Vec<SecretVersion>> {
        let what = format!("listing versions of secret {id}");
        self.client
            .list(self.url(&[id, "versions"])?, None, what)
            .await
    }

    /// `secrets.getIamPolicy`.
    pub async fn iam_policy(&self, id: &str) -> Result<Policy> {
        let what = format!("getting the IAM policy of secret {id}");
        let url = self.url(&[&format!("{id}:getIamPolicy")])?;
        // Only version 3 shows conditions: with a lower one, writing back would drop them.
        let call = Call::new(Method::GET, url, &what).query("options.requestedPolicyVersion", "3");
        self.client.send(call, &what).await
    }

    /// `secrets.setIamPolicy`. A stale etag is [`Kind::PreconditionFailed`].
    pub async fn set_iam_policy(&self, id: &str, policy: &Policy) -> Result<Policy> {
        let what = format!("setting the IAM policy of secret {id}");
        let url = self.url(&[&format!("{id}:setIamPolicy")])?;
        let body = serde_json::json!({ "policy": policy });
        self.client
            .send(Call::new(Method::POST, url, &what).json(&body)?, &what)
            .await
    }
}

/// Google quotes the field that it rejects, which here is the secret.
fn redact(error: Error, data: &str) -> Error {
    if data.is_empty() || !error.message.contains(data) {
        return error;
    }
    Error {
        message: error.message.replace(data, "[redacted]"),
        ..error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Binding,
        script::{Answer, Script},
    };

    const CANARY: &str = "c4n4ry";
    const CANARY_BASE64: &str = "YzRuNHJ5";

    fn payload(crc: u32) -> Answer {
        let body = format!(r#"{{"payload":{{"data":"{CANARY_BASE64}","dataCrc32c":"{crc}"}}}}"#);
        Answer::json(200, &body)
    }

    #[tokio::test]
    async fn access_verifies_the_checksum() {
        let right = crc32c::crc32c(CANARY.as_bytes());
        let script = Script::play([payload(right), payload(right ^ 1)]).await;
        let secrets = script.client().secrets();
        let value = secrets.access("s", "latest").await.unwrap();
        assert_eq!(value.expose(), CANARY.as_bytes());
        assert_eq!(format!("{value:?}"), "SecretBytes(6 bytes)");
        let error = secrets.access("s", "7").await.unwrap_err();
        assert_eq!(error.kind, Kind::Corrupt);
        assert_eq!(
            script.requests()[1].path(),
            "/v1/projects/p/secrets/s/versions/7:access"
        );
    }

    #[tokio::test]
    async fn add_version_sends_the_checksum_and_no_error_shows_the_value() {
        let quoting = format!(r#"{{"error":{{"message":"bad value {CANARY_BASE64}"}}}}"#);
        let script = Script::play([
            Answer::json(
                200,
                r#"{"name":"projects/1/secrets/s/versions/1","state":"ENABLED"}"#,
            ),
            Answer::json(400, &quoting),
            Answer::status(200, &format!(r#"{{"payload":["{CANARY_BASE64}"]}}"#)),
        ])
        .await;
        let secrets = script.client().secrets();
        let value = SecretBytes::from(CANARY.as_bytes().to_vec());
        secrets.add_version("s", &value).await.unwrap();
        let sent: serde_json::Value = serde_json::from_slice(&script.requests()[0].body).unwrap();
        let crc = crc32c::crc32c(CANARY.as_bytes()).to_string();
        assert_eq!(
            sent["payload"],
            serde_json::json!({"data": CANARY_BASE64, "dataCrc32c": crc})
        );
        let refused = secrets.add_version("s", &value).await.unwrap_err();
        let unreadable = secrets.access("s", "1").await.unwrap_err();
        for error in [refused, unreadable] {
            assert!(
                !format!("{error} {error:?}").contains(CANARY_BASE64),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_policy_is_written_back_whole() {
        let read = r#"{"version":3,"etag":"BwWWja0YfJA=","bindings":[{"role":"r","members":["a"],"condition":{"title":"t"}}],"auditConfigs":[{"service":"x"}]}"#;
        let script = Script::play([Answer::json(200, read), Answer::json(200, read)]).await;
        let secrets = script.client().secrets();
        let mut policy = secrets.iam_policy("s").await.unwrap();
        policy.bindings.push(Binding {
            role: Some("q".into()),
            ..Binding::default()
        });
        secrets.set_iam_policy("s", &policy).await.unwrap();
        let requests = script.requests();
        assert_eq!(
            requests[0]
                .query("options.requestedPolicyVersion")
                .as_deref(),
            Some("3")
        );
        let mut expected: serde_json::Value = serde_json::from_str(read).unwrap();
        expected["bindings"]
            .as_array_mut()
            .unwrap()
            .push(serde_json::json!({"role": "q"}));
        let sent: serde_json::Value = serde_json::from_slice(&requests[1].body).unwrap();
        assert_eq!(sent, serde_json::json!({ "policy": expected }));
    }
}

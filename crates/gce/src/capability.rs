//! What a VM without any right on a bucket can be given for one object: the address of an upload session,
//! or a token with a boundary.

use std::fmt;

use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use serde_json::json;

use crate::{Error, Kind, Object, Objects, Result, endpoints::join, transport::Call};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The only permission of it that a condition on one object's name leaves is to read that object.
const READER: &str = "inRole:roles/storage.objectViewer";

/// The address of an upload session: whoever knows it may upload this one object, without a token, until
/// the object is complete. Google forgets it after a week. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Session(Url);

impl Session {
    /// The address.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

/// What reads one object and nothing else, for an hour at most. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Reader {
    url: Url,
    token: String,
}

impl Reader {
    /// The address of the object's data.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The bearer token that may read it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl Objects {
    /// Begins an upload of `object` that somebody else carries out, of whatever length it becomes.
    pub async fn session(&self, object: &Object) -> Result<Session> {
        let name = object.name.as_deref().unwrap_or_default();
        let what = format!("beginning an upload of {name} to bucket {}", self.bucket);
        self.start_upload(object, None, &what).await.map(Session)
    }

    /// Exchanges the caller's token for one that reads this object alone. Nobody needs a permission for
    /// that, and the object's reader has none that the caller has not.
    ///
    /// <https://cloud.google.com/iam/docs/downscoping-short-lived-credentials>
    pub async fn reader(&self, name: &str) -> Result<Reader> {
        let bucket = &self.bucket;
        let what = format!("getting a token that reads object {name} of bucket {bucket}");
        // Google's condition language has no way to quote these.
        if name.contains(['\'', '\\', '\n']) {
            let message = format!("{name:?} has characters that no condition can carry");
            return Err(Error::new(Kind::Invalid, what, message));
        }
        let mut url = self.url(&[name])?;
        url.query_pairs_mut().append_pair("alt", "media");
        let transport = &self.client.transport;
        let headers = transport.credentials.headers().await?;
        let own = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        let own = own.and_then(|it| it.strip_prefix("Bearer "));
        let own = own.ok_or_else(|| {
            let message = "these credentials give no access token that could be exchanged";
            Error::new(Kind::Unauthenticated, &what, message)
        })?;
        let options = json!({"accessBoundary": {"accessBoundaryRules": [{
            "availableResource": format!("//storage.googleapis.com/projects/_/buckets/{bucket}"),
            "availablePermissions": [READER],
            "availabilityCondition": {
                "expression": format!("resource.name == 'projects/_/buckets/{bucket}/objects/{name}'"),
            },
        }]}});
        let form = form(&[
            ("grant_type", GRANT),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token_type", ACCESS_TOKEN),
            ("subject_token", own),
            ("options", &options.to_string()),
        ]);
        let address = join(&self.client.endpoints.sts, ["v1", "token"])?;
        let call = Call::new(Method::POST, address, &what)
            .anonymous()
            .bytes(form.into_bytes())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")?;
        #[derive(Deserialize)]
        struct Exchanged {
            access_token: String,
        }
        let Exchanged { access_token } = self.client.send(call, &what).await?;
        Ok(Reader {
            url,
            token: access_token,
        })
    }
}

/// A form's fields as its body.
fn form(fields: &[(&str, &str)]) -> String {
    let mut form = Url::parse("form:").expect("a URL");
    form.query_pairs_mut().extend_pairs(fields);
    form.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn an_upload_begins_without_a_length() {
        let address = "/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=s3cret";
        let script = Script::play([Answer::status(200, "").with("Location", address)]).await;
        let object = Object {
            name: Some("export".into()),
            ..Object::default()
        };
        let session = script.client().objects("b").session(&object).await.unwrap();
        assert!(session.expose().ends_with("upload_id=s3cret"));
        assert!(!format!("{session:?}").contains("s3cret"));
        let requests = script.requests();
        assert_eq!(requests[0].query("name").as_deref(), Some("export"));
        assert_eq!(requests[0].header("x-upload-content-length"), None);
    }

    #[tokio::test]
    async fn a_token_is_exchanged_for_one_that_reads_one_object() {
        let answer = Answer::json(
            200,
            r#"{"access_token":"s3cret","token_type":"Bearer","expires_in":3599}"#,
        );
        let script = Script::play([answer]).await;
        let objects = script.client().objects("b");
        let reader = objects.reader("exports/a b").await.unwrap();
        assert_eq!(reader.expose(), "s3cret");
        assert!(
            reader
                .url()
                .ends_with("/storage/v1/b/b/o/exports%2Fa%20b?alt=media")
        );
        assert!(!format!("{reader:?}").contains("s3cret"));
        let requests = script.requests();
        assert_eq!(requests[0].target, "/v1/token");
        assert_eq!(requests[0].header("authorization"), None);
        let body = String::from_utf8_lossy(&requests[0].body).into_owned();
        let sent = Url::parse(&format!("form:?{body}")).unwrap();
        let options = sent.query_pairs().find(|(key, _)| key == "options");
        let options = options.unwrap().1.into_owned();
        assert!(
            options.contains("resource.name == 'projects/_/buckets/b/objects/exports/a b'"),
            "{options}"
        );
        let odd = objects.reader("it's").await.unwrap_err();
        assert_eq!(odd.kind, Kind::Invalid);
    }
}

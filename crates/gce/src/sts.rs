//! Security Token Service v1: a token that goes less far.

use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use serde_json::json;

use crate::{Client, Error, Kind, Result, SecretBytes, endpoints::join, transport::Call};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const READER: &str = "inRole:roles/storage.objectViewer";

#[derive(Deserialize)]
struct Exchanged {
    access_token: String,
}

impl Client {
    /// `v1.token`: a token of the caller's that reads one object and does nothing else, for an hour at
    /// most (<https://cloud.google.com/iam/docs/downscoping-short-lived-credentials>).
    pub async fn object_token(&self, bucket: &str, object: &str) -> Result<SecretBytes> {
        let what = format!("getting a token for object {object} of bucket {bucket}");
        let headers = self.transport.credentials.headers().await?;
        let own = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let own = own.and_then(|value| value.strip_prefix("Bearer "));
        let own = own.ok_or_else(|| {
            Error::new(
                Kind::Unauthenticated,
                &what,
                "the caller has no access token",
            )
        })?;
        let name = format!("projects/_/buckets/{bucket}/objects/{object}");
        let boundary = json!({"accessBoundary": {"accessBoundaryRules": [{
            "availableResource": format!("//storage.googleapis.com/projects/_/buckets/{bucket}"),
            "availablePermissions": [READER],
            "availabilityCondition": {"expression": format!("resource.name == '{name}'")},
        }]}});
        let form = form(&[
            ("grant_type", EXCHANGE),
            ("subject_token_type", ACCESS_TOKEN),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", own),
            ("options", &boundary.to_string()),
        ])?;
        let url = join(&self.endpoints.sts, ["v1", "token"])?;
        // The subject token is who asks: Google's own clients send no other.
        let call = Call::new(Method::POST, url, &what)
            .anonymous()
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")?
            .bytes(form);
        let Exchanged { access_token } = self.send(call, &what).await?;
        Ok(access_token.into_bytes().into())
    }
}

fn form(pairs: &[(&str, &str)]) -> Result<Vec<u8>> {
    // A URL's query is written as a form is.
    let mut url = join("http://form", [])?;
    url.query_pairs_mut().extend_pairs(pairs);
    Ok(url.query().unwrap_or_default().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn the_token_is_exchanged_for_one_that_reads_one_object() {
        let answer = r#"{"access_token":"n4rrow","token_type":"Bearer","expires_in":3599,
            "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;
        let script = Script::play([Answer::json(200, answer)]).await;
        let token = script.client().object_token("b", "e/o").await.unwrap();
        assert_eq!(token.expose(), b"n4rrow");
        let request = &script.requests()[0];
        assert_eq!(request.target, "/v1/token");
        assert_eq!(request.header("authorization"), None);
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let said = |part: &str| assert!(body.contains(part), "{body}");
        said("subject_token=test-token");
        said("objectViewer");
        said("projects%2F_%2Fbuckets%2Fb%2Fobjects%2Fe%2Fo%27");
    }
}

use std::fmt;

use google_cloud_auth::credentials::{self as google, CacheableResource};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::{Error, Kind, Result};

/// Who is calling. Its `Debug` never shows a token.
#[derive(Clone)]
pub struct Credentials(Source);

#[derive(Clone)]
enum Source {
    Token(String),
    Google(google::Credentials),
}

impl Credentials {
    /// Application-default credentials: `GOOGLE_APPLICATION_CREDENTIALS`, then those of
    /// `gcloud auth application-default login`, then the metadata server. Refreshed by
    /// themselves; needs a tokio runtime.
    pub fn application_default() -> Result<Self> {
        match google::Builder::default().build() {
            Ok(credentials) => Ok(Self(Source::Google(credentials))),
            Err(error) => Err(unauthenticated(error.to_string())),
        }
    }

    /// A fixed bearer token, such as the local engine's.
    #[must_use]
    pub fn token(token: String) -> Self {
        Self(Source::Token(token))
    }

    /// The headers that authorise a request.
    #[allow(
        clippy::default_trait_access,
        reason = "its type is of a crate that is not ours to name"
    )]
    pub(crate) async fn headers(&self) -> Result<HeaderMap> {
        match &self.0 {
            Source::Token(token) => {
                let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
                    unauthenticated("the token holds characters that no HTTP header can carry")
                })?;
                value.set_sensitive(true);
                Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
            }
            Source::Google(credentials) => match credentials.headers(Default::default()).await {
                Ok(CacheableResource::New { data, .. }) => Ok(data),
                Ok(CacheableResource::NotModified) => Err(unauthenticated(
                    "no token came back, though none was cached here",
                )),
                Err(error) if error.is_transient() => Err(Error::new(
                    Kind::Unavailable,
                    AUTHENTICATING,
                    error.to_string(),
                )),
                Err(error) => Err(unauthenticated(error.to_string())),
            },
        }
    }
}

const AUTHENTICATING: &str = "getting credentials";

fn unauthenticated(message: impl Into<String>) -> Error {
    Error::new(Kind::Unauthenticated, AUTHENTICATING, message)
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Token(_) => "Credentials(token)",
            Source::Google(_) => "Credentials(application default)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn neither_debug_nor_errors_show_the_token() {
        let credentials = Credentials::token("s3cret\n".into());
        assert!(!format!("{credentials:?}").contains("s3cret"));
        let error = credentials.headers().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let headers = Credentials::token("s3cret".into()).headers().await.unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer s3cret");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }
}

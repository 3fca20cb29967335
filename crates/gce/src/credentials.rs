use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use google_cloud_auth::{
    build_errors,
    credentials::{
        self as google, CacheableResource, external_account, impersonated, service_account,
        user_account,
    },
};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;

use crate::{Error, Kind, Result};

/// Names the file of application-default credentials.
const ADC_FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Where `gcloud auth application-default login` leaves them, below the home directory.
const ADC_LOGIN: &str = ".config/gcloud/application_default_credentials.json";
/// Names the project whose quota a user's calls count against.
const QUOTA_PROJECT: &str = "GOOGLE_CLOUD_QUOTA_PROJECT";

/// The caller's credentials. Neither `Debug` nor `Display` shows a token.
#[derive(Clone)]
pub struct Credentials {
    source: Source,
    name: String,
}

#[derive(Clone)]
enum Source {
    Token(String),
    TokenFile(PathBuf),
    Google(google::Credentials),
}

impl Credentials {
    /// Application-default credentials: `GOOGLE_APPLICATION_CREDENTIALS`, then those of
    /// `gcloud auth application-default login`, then the metadata server. For workload identity
    /// federation, set the variable to a file of type `external_account`. They refresh themselves,
    /// which needs a tokio runtime.
    pub fn application_default() -> Result<Self> {
        let named = env::var_os(ADC_FILE).map(PathBuf::from);
        let login = || {
            let path = PathBuf::from(env::var_os("HOME")?).join(ADC_LOGIN);
            path.exists().then_some(path)
        };
        match named.or_else(login) {
            Some(path) => {
                let credentials = Self::file(&path)?;
                let name = format!("application-default credentials: {}", credentials.name);
                Ok(Self {
                    name,
                    ..credentials
                })
            }
            None => Ok(Self {
                source: Source::Google(google::Builder::default().build().map_err(unusable)?),
                name: "application-default credentials: this machine's service account".into(),
            }),
        }
    }

    /// The credentials in a file of any `type`: a service account's key, workload identity federation,
    /// a user's login, or impersonation.
    pub fn file(path: &Path) -> Result<Self> {
        let file = path.display();
        let text = std::fs::read(path)
            .map_err(|error| unauthenticated(format!("{file} is not readable: {error}")))?;
        // The parser's message would quote the key in the file.
        let json: Value = serde_json::from_slice(&text)
            .map_err(|_| unauthenticated(format!("{file} is not JSON")))?;
        let word = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let (kind, quota) = (word("type"), word("quota_project_id"));
        let url = word("service_account_impersonation_url");
        let target = url.rsplit('/').next().unwrap_or_default();
        let target = target.split(':').next().unwrap_or_default();
        let (built, name) = match &*kind {
            "service_account" => {
                let email = word("client_email");
                let builder = service_account::Builder::new(json);
                (builder.build(), format!("{email}, by the key in {file}"))
            }
            "external_account" => {
                let builder = external_account::Builder::new(json);
                let identity = format!("the federated identity of {file}");
                let name = match target {
                    "" => identity,
                    email => format!("{email}, impersonated by {identity}"),
                };
                (builder.build(), name)
            }
            "impersonated_service_account" => {
                let name = format!("{target}, impersonated as {file} says");
                (impersonated::Builder::new(json).build(), name)
            }
            "authorized_user" => {
                let without = quota.is_empty() && env::var_os(QUOTA_PROJECT).is_none();
                let without = if without {
                    " without a quota project"
                } else {
                    ""
                };
                let builder = user_account::Builder::new(json);
                (builder.build(), format!("a user{without}"))
            }
            other => {
                return Err(unauthenticated(format!(
                    "{file} holds no credentials that can be used: its type is {other:?}"
                )));
            }
        };
        Ok(Self {
            source: Source::Google(built.map_err(unusable)?),
            name,
        })
    }

    /// Credentials of the service account `email`, which these may impersonate if they have
    /// `roles/iam.serviceAccountTokenCreator` on it.
    pub fn impersonating(self, email: &str) -> Result<Self> {
        let Source::Google(source) = self.source else {
            return Err(unauthenticated(format!(
                "{} cannot impersonate {email}: a token is of one account already",
                self.name
            )));
        };
        let built = impersonated::Builder::from_source_credentials(source)
            .with_target_principal(email)
            .build();
        Ok(Self {
            source: Source::Google(built.map_err(unusable)?),
            name: format!("{email}, impersonated by {}", self.name),
        })
    }

    /// A fixed bearer token, such as the local engine's.
    #[must_use]
    pub fn token(token: String) -> Self {
        Self {
            source: Source::Token(token),
            name: "an access token".into(),
        }
    }

    /// The bearer token in a file. The file is read for every request, so it can be renewed there.
    #[must_use]
    pub fn token_file(path: PathBuf) -> Self {
        Self {
            name: format!("the access token in {}", path.display()),
            source: Source::TokenFile(path),
        }
    }

    /// Checks that a token can be obtained.
    pub async fn verify(&self) -> Result<()> {
        self.headers().await.map(drop)
    }

    /// The headers that authorise a request.
    #[allow(
        clippy::default_trait_access,
        reason = "its type is of a crate that is not ours to name"
    )]
    pub(crate) async fn headers(&self) -> Result<HeaderMap> {
        match &self.source {
            Source::Token(token) => bearer(token),
            Source::TokenFile(path) => match tokio::fs::read_to_string(path).await {
                Ok(token) if token.trim().is_empty() => {
                    Err(unauthenticated(format!("{} is empty", path.display())))
                }
                Ok(token) => bearer(token.trim()),
                Err(error) => Err(unauthenticated(format!(
                    "{} is not readable: {error}",
                    path.display()
                ))),
            },
            Source::Google(credentials) => match credentials.headers(Default::default()).await {
                Ok(CacheableResource::New { data, .. }) => Ok(data),
                Ok(CacheableResource::NotModified) => Err(unauthenticated(
                    "no token came back, though none was cached here",
                )),
                Err(error) => {
                    let kind = if error.is_transient() {
                        Kind::Unavailable
                    } else {
                        Kind::Unauthenticated
                    };
                    let message = format!("{}: {error}", self.name);
                    Err(Error::new(kind, AUTHENTICATING, message))
                }
            },
        }
    }
}

fn bearer(token: &str) -> Result<HeaderMap> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| unauthenticated("the token holds characters that no HTTP header can carry"))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

const AUTHENTICATING: &str = "getting credentials";

fn unauthenticated(message: impl Into<String>) -> Error {
    Error::new(Kind::Unauthenticated, AUTHENTICATING, message)
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature that map_err calls"
)]
fn unusable(error: build_errors::Error) -> Error {
    unauthenticated(error.to_string())
}

/// Who that is and by what, in a few words.
impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[tokio::test]
    async fn neither_debug_nor_errors_show_the_token() {
        let credentials = Credentials::token("s3cret\n".into());
        assert!(!format!("{credentials:?} {credentials}").contains("s3cret"));
        let error = credentials.headers().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        let headers = Credentials::token("s3cret".into()).headers().await.unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer s3cret");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn a_token_renewed_in_its_file_is_the_one_sent() {
        let file = file("one\n");
        let credentials = Credentials::token_file(file.path().into());
        assert_eq!(
            credentials.headers().await.unwrap()[AUTHORIZATION],
            "Bearer one"
        );
        std::fs::write(file.path(), "two").unwrap();
        assert_eq!(
            credentials.headers().await.unwrap()[AUTHORIZATION],
            "Bearer two"
        );
        std::fs::write(file.path(), "\n").unwrap();
        let error = credentials.verify().await.unwrap_err();
        assert!(error.message.ends_with("is empty"), "{error}");
    }

    #[tokio::test]
    async fn a_file_says_whose_credentials_it_holds_and_what_they_lack() {
        let user = r#"{"type":"authorized_user","client_id":"i","client_secret":"s3cret",
            "refresh_token":"s3cret"}"#;
        let user = Credentials::file(file(user).path()).unwrap();
        assert!(user.to_string().starts_with("a user"), "{user}");
        assert!(!format!("{user:?}").contains("s3cret"));
        let name = user.impersonating("d@p.iam.gserviceaccount.com").unwrap();
        assert!(
            name.to_string()
                .starts_with("d@p.iam.gserviceaccount.com, impersonated by a user"),
            "{name}"
        );
    }

    #[tokio::test]
    async fn a_federated_identity_says_as_whom_it_acts() {
        let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/d@p:generateAccessToken";
        let federated = format!(
            r#"{{"type":"external_account","audience":"//iam.googleapis.com/a","subject_token_type":"t",
                "token_url":"https://sts.googleapis.com/v1/token","credential_source":{{"file":"/f"}},
                "service_account_impersonation_url":"{url}"}}"#
        );
        let file = file(&federated);
        let name = Credentials::file(file.path()).unwrap().to_string();
        assert!(
            name.starts_with("d@p, impersonated by the federated identity of "),
            "{name}"
        );
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_refused_by_name_and_never_quoted() {
        let messages = [
            r#"{"type":"gdch_service_account","private_key":"s3cret"}"#,
            r#"{"private_key":"s3cret"}"#,
            "s3cret",
        ]
        .map(|content| Credentials::file(file(content).path()).unwrap_err().message);
        assert!(
            messages[0].contains("gdch_service_account"),
            "{}",
            messages[0]
        );
        assert!(messages[2].ends_with("is not JSON"), "{}", messages[2]);
        assert!(messages.iter().all(|message| !message.contains("s3cret")));
        let absent = Credentials::file(Path::new("/nonexistent/key.json")).unwrap_err();
        assert!(
            absent
                .message
                .starts_with("/nonexistent/key.json is not readable")
        );
        let token = Credentials::token("t".into())
            .impersonating("d@p")
            .unwrap_err();
        assert!(token.message.contains("of one account already"));
    }
}

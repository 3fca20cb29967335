use std::time::{Duration, Instant};

use reqwest::{
    Method, Request, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Credentials, Endpoints, Error, Kind, Result, RetryPolicy,
    retry::{self, Decision, Outcome},
};

/// Google's servers answer a plain call within seconds; a chunk of an upload takes longer.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The most bytes of an answer; a page of a list has a few MB.
const ANSWER_LIMIT: usize = 64 << 20;

/// One request, and how errors describe it.
pub(crate) struct Call {
    request: Request,
    what: String,
    timeout: Duration,
    /// The most bytes that an answer may have.
    limit: usize,
    /// Whether 308, "resume incomplete", is an answer rather than an error.
    resumable: bool,
    /// Whether it goes without the caller's credentials.
    anonymous: bool,
}

impl Call {
    pub fn new(method: Method, url: Url, what: impl Into<String>) -> Self {
        let body_expected = method == Method::POST || method == Method::PUT;
        let mut request = Request::new(method, url);
        if body_expected {
            // Google rejects a POST without body and length with 411.
            request
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Self {
            request,
            what: what.into(),
            timeout: TIMEOUT,
            limit: ANSWER_LIMIT,
            resumable: false,
            anonymous: false,
        }
    }

    /// Sends no credentials in its headers.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    pub fn query(mut self, key: &str, value: &str) -> Self {
        self.request
            .url_mut()
            .query_pairs_mut()
            .append_pair(key, value);
        self
    }

    pub fn header(mut self, name: HeaderName, value: &str) -> Result<Self> {
        let value = HeaderValue::from_str(value)
            .map_err(|_| Error::new(Kind::Invalid, &self.what, format!("bad value for {name}")))?;
        self.request.headers_mut().insert(name, value);
        Ok(self)
    }

    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Error::new(Kind::Invalid, &self.what, error.to_string()))?;
        self.request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(self.bytes(bytes))
    }

    pub fn bytes(mut self, body: Vec<u8>) -> Self {
        self.request
            .headers_mut()
            .insert(CONTENT_LENGTH, body.len().into());
        *self.request.body_mut() = Some(body.into());
        self
    }

    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Refuses an answer of more than `bytes` bytes.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    pub fn resumable(mut self) -> Self {
        self.resumable = true;
        self
    }
}

/// A response that has been read completely.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    async fn read(mut response: Response, call: &Call) -> Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        let broke = |error| Error::new(Kind::Unavailable, &call.what, chain(&error));
        while let Some(chunk) = response.chunk().await.map_err(broke)? {
            if body.len() + chunk.len() > call.limit {
                let message = format!("the answer has more than {} bytes", call.limit);
                return Err(Error::new(Kind::Corrupt, &call.what, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    pub fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| Error {
            status: Some(self.status.as_u16()),
            ..Error::new(
                Kind::Corrupt,
                what,
                format!("the answer is not what it should be: {error}"),
            )
        })
    }
}

/// A failed attempt, and when the server allows the next one.
pub(crate) struct Failure {
    pub error: Error,
    pub retry_after: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    pub credentials: Credentials,
    pub policy: RetryPolicy,
    /// Limit of each attempt, below that of its call.
    pub limit: Duration,
}

impl Transport {
    pub fn new(endpoints: &Endpoints, credentials: Credentials) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("clawbake/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            // A redirect would send the token elsewhere, and in uploads 308 means something else.
            .redirect(redirect::Policy::none());
        if endpoints.are_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| Error::new(Kind::Other, "making an HTTP client", chain(&error)))?;
        Ok(Self {
            http,
            credentials,
            policy: RetryPolicy::default(),
            limit: Duration::MAX,
        })
    }

    /// Sends with retries, and reads the whole response.
    pub async fn send(&self, call: &Call) -> Result<Reply> {
        let mut attempts = Attempts::new(&self.policy);
        loop {
            match self.once(call).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }

    /// Sends once, for callers that have to look before they retry.
    pub async fn once(&self, call: &Call) -> std::result::Result<Reply, Failure> {
        let unavailable = |message| Error::new(Kind::Unavailable, &call.what, message);
        let exchange = async {
            let mut request = call
                .request
                .try_clone()
                .ok_or_else(|| Error::new(Kind::Invalid, &call.what, "a body that streams"))?;
            if !call.anonymous {
                let own = self.credentials.headers().await?;
                request.headers_mut().extend(own);
            }
            let response = self
                .http
                .execute(request)
                .await
                .map_err(|e| unavailable(chain(&e)))?;
            let status = response.status();
            if status.is_success() || call.resumable && status == StatusCode::PERMANENT_REDIRECT {
                return Ok(Reply::read(response, call).await?);
            }
            let retry_after = retry_after(response.headers());
            let body = response.bytes().await.unwrap_or_default();
            Err(Failure {
                error: Error::from_response(&call.what, status, &body),
                retry_after,
            })
        };
        let timeout = call.timeout.min(self.limit);
        tokio::time::timeout(timeout, exchange)
            .await
            .unwrap_or_else(|_| {
                Err(unavailable(format!("no answer within {} s", timeout.as_secs())).into())
            })
    }
}

/// Counts consecutive failures and waits between attempts.
pub(crate) struct Attempts<'a> {
    policy: &'a RetryPolicy,
    failed: u32,
    since: Instant,
}

impl<'a> Attempts<'a> {
    pub fn new(policy: &'a RetryPolicy) -> Self {
        Self {
            policy,
            failed: 0,
            since: Instant::now(),
        }
    }

    /// Returns after the backoff, or with the error if there is to be no other attempt.
    pub async fn pause(&mut self, failure: impl Into<Failure>) -> Result<()> {
        let Failure { error, retry_after } = failure.into();
        self.failed += 1;
        let outcome = Outcome {
            transient: error.is_transient(),
            retry_after,
            elapsed: self.since.elapsed(),
        };
        match retry::decide(self.policy, self.failed, outcome, retry::jitter()) {
            Decision::Stop => Err(error),
            Decision::Retry(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
        }
    }
}

/// `Retry-After` in seconds. The form with a date is ignored: these services do not send it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// An error with its causes but without the URL: that of an upload session is as good as a token.
fn chain(error: &reqwest::Error) -> String {
    let mut text = match () {
        () if error.is_connect() => "cannot connect".to_owned(),
        () if error.is_timeout() => "timed out".to_owned(),
        () => "the connection broke".to_owned(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn transient_answers_are_retried_with_the_same_request_id() {
        let script = Script::play([
            Answer::status(503, "try later"),
            Answer::Cut,
            Answer::json(200, r#"{"name":"op","status":"DONE"}"#),
        ])
        .await;
        script
            .client()
            .images()
            .delete("i")
            .await
            .unwrap()
            .wait()
            .await
            .unwrap();
        let requests = script.requests();
        let id = requests[0].query("requestId").expect("a requestId");
        assert_eq!(requests.len(), 3);
        assert!(
            id.len() == 36
                && requests
                    .iter()
                    .all(|r| r.query("requestId").as_ref() == Some(&id))
        );
        assert_eq!(
            requests[0].header("authorization"),
            Some("Bearer test-token")
        );
    }

    #[tokio::test]
    async fn retry_after_is_honoured() {
        let script = Script::play([
            Answer::status(429, "slow down").with("Retry-After", "1"),
            Answer::json(200, "{}"),
        ])
        .await;
        let started = Instant::now();
        script.client().region("r").await.unwrap();
        assert!(started.elapsed() >= Duration::from_secs(1));
    }

    #[tokio::test]
    async fn permanent_answers_are_not_retried() {
        for status in [400, 401, 403, 404, 409, 412] {
            let script = Script::play([Answer::status(status, "no")]).await;
            let error = script.client().region("r").await.unwrap_err();
            assert_eq!(error.status, Some(status));
            assert_eq!(script.requests().len(), 1);
        }
    }

    #[tokio::test]
    async fn gives_up_when_time_is_up() {
        let script = Script::play(std::iter::repeat_n(Answer::status(503, "down"), 1000)).await;
        let policy = RetryPolicy {
            total: Duration::from_millis(200),
            ..crate::script::POLICY
        };
        let error = script
            .client()
            .with_retry(policy)
            .region("r")
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.status), (Kind::Unavailable, Some(503)));
        assert!(script.requests().len() > 2);
    }

    #[tokio::test]
    async fn nobody_listening_is_unavailable() {
        let closed = Endpoints::at("http://127.0.0.1:1");
        let client = crate::script::client_at(closed);
        let error = client.region("r").await.unwrap_err();
        assert_eq!(error.kind, Kind::Unavailable);
        assert!(
            error
                .to_string()
                .starts_with("getting region r: cannot connect"),
            "{error}"
        );
    }
}

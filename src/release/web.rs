//! What public servers answer: with limits of size and time, and asked again where that can help.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

/// Time to connect, and between two pieces of an answer.
const CONNECT: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_mins(1);
/// How often a request is sent at most, and how long is waited before the next one.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// A client of registries and archives.
#[derive(Debug, Clone, Default)]
pub struct Web(Client);

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Web {
    /// A client.
    pub fn new() -> Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("clawbake/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE);
        Ok(Self(client.build().context("making an HTTP client")?))
    }

    /// The body of a successful answer, of at most `limit` bytes.
    pub async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>> {
        let answer = self.ask(url, limit, |request| request).await?;
        ensure!(
            answer.status.is_success(),
            "{url} answered {}",
            answer.status
        );
        Ok(answer.body)
    }

    /// An answer of at most `limit` bytes, whatever its status. Failures that may pass are not taken for
    /// an answer at once.
    pub(super) async fn ask(
        &self,
        url: &str,
        limit: usize,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            let answer = self.once(with(self.0.get(url)), limit).await;
            let passing = match &answer {
                Ok(answer) => {
                    answer.status.is_server_error()
                        || answer.status == StatusCode::TOO_MANY_REQUESTS
                }
                // What is too large stays so.
                Err(error) => error.is::<reqwest::Error>(),
            };
            if !passing || attempt == ATTEMPTS {
                return answer.with_context(|| format!("asking {url}"));
            }
            tokio::time::sleep(PAUSE * attempt).await;
            attempt += 1;
        }
    }

    async fn once(&self, request: RequestBuilder, limit: usize) -> Result<Answer> {
        let mut response: Response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await? {
            ensure!(
                body.len() + piece.len() <= limit,
                "the answer is larger than {} KiB",
                limit >> 10
            );
            body.extend(piece);
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

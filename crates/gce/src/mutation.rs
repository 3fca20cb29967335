//! Mutations of Compute Engine. Each returns an operation to wait for.

use reqwest::{Method, Url};
use serde::Serialize;
use uuid::Uuid;

use crate::{Client, Operation, Pending, Result, transport::Call};

/// A POST without a body.
pub(crate) const EMPTY: Option<&()> = None;

impl Client {
    /// Sends a mutation with a `requestId` that all its retries share.
    pub(crate) async fn mutate(&self, call: Call, what: String) -> Result<Pending> {
        let call = call.query("requestId", &Uuid::new_v4().to_string());
        let operation: Operation = self.send(call, &what).await?;
        Ok(Pending::new(self.clone(), operation, what))
    }

    /// [`Client::mutate`] with POST.
    pub(crate) async fn post(
        &self,
        url: Url,
        body: Option<&(impl Serialize + Sync)>,
        what: String,
    ) -> Result<Pending> {
        let mut call = Call::new(Method::POST, url, &what);
        if let Some(body) = body {
            call = call.json(body)?;
        }
        self.mutate(call, what).await
    }

    /// [`Client::mutate`] with DELETE.
    pub(crate) async fn delete(&self, url: Url, what: String) -> Result<Pending> {
        self.mutate(Call::new(Method::DELETE, url, &what), what)
            .await
    }

    /// A POST without a `requestId`, which its method does not take: something in the body has to stop a
    /// duplicate.
    pub(crate) async fn post_unnumbered(
        &self,
        url: Url,
        body: &(impl Serialize + Sync),
        what: String,
    ) -> Result<Pending> {
        let call = Call::new(Method::POST, url, &what).json(body)?;
        let operation = self.send(call, &what).await?;
        Ok(Pending::new(self.clone(), operation, what))
    }
}

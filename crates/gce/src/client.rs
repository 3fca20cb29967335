use std::{sync::Arc, time::Duration};

use reqwest::{Method, Url};
use serde::de::DeserializeOwned;

use crate::{
    Credentials, Endpoints, Kind, Result, RetryPolicy,
    endpoints::join,
    transport::{Call, Transport},
};

/// Access to the resources of one project. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) transport: Transport,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) project: Arc<str>,
}

impl Client {
    /// A client for `project`. Nothing is sent yet.
    pub fn new(endpoints: Endpoints, credentials: Credentials, project: &str) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(&endpoints, credentials)?,
            endpoints: Arc::new(endpoints),
            project: project.into(),
        })
    }

    /// The same client with another retry policy. For tests of faults, which cannot wait that long.
    #[must_use]
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.transport.policy = policy;
        self
    }

    /// The same client with other time limits: an attempt fails after `timeout`, and retries stop
    /// after two and a half times that. The defaults, two minutes and five, have the same ratio.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.transport.limit = timeout;
        self.transport.policy.total = timeout * 5 / 2;
        self
    }

    /// The project of all resources of this client.
    #[must_use]
    pub fn project_id(&self) -> &str {
        &self.project
    }

    /// The URL of a Compute Engine resource in the client's project.
    pub(crate) fn compute_url(&self, path: &[&str]) -> Result<Url> {
        let root = ["compute", "v1", "projects", &self.project];
        join(
            &self.endpoints.compute,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// Reads one resource.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url, what: String) -> Result<T> {
        self.send(Call::new(Method::GET, url, &what), &what).await
    }

    /// Sends a call and reads its JSON.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: Call, what: &str) -> Result<T> {
        self.transport.send(&call).await?.json(what)
    }
}

/// `NotFound` as `None`; any other error stays one.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn only_not_found_reads_as_none() {
        let script = Script::play([Answer::status(404, ""), Answer::status(403, "")]).await;
        let images = script.client().images();
        assert_eq!(images.find("x").await.unwrap(), None);
        assert_eq!(
            images.find("x").await.unwrap_err().kind,
            Kind::PermissionDenied
        );
        assert_eq!(
            script.requests()[0].path(),
            "/compute/v1/projects/p/global/images/x"
        );
    }

    fn sendable(_: impl Send) {}

    #[tokio::test]
    async fn calls_can_be_spawned() {
        let script = Script::play([Answer::json(200, r#"{"name":"op","status":"DONE"}"#)]).await;
        let client = script.client();
        tokio::spawn(async move { client.instances("z").stop("vm").await?.wait().await })
            .await
            .unwrap()
            .unwrap();
        let objects = script.client().objects("b");
        let object = crate::Object::default();
        let path = std::path::Path::new("none");
        sendable(objects.upload(&object, path, |_, _| {}));
    }
}

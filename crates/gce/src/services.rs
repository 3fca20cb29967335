use reqwest::{Method, Url};
use serde::Deserialize;

use crate::{Client, Result, endpoints::join, json::resource, transport::Call};

resource! {
    /// An API, and whether it is enabled in a project.
    Service {
        /// `projects/NUMBER/services/compute.googleapis.com`.
        name: Option<String>,
        /// `ENABLED` or `DISABLED`.
        state: Option<String>,
    }
}

/// `batchEnable`'s limit. `batchGet` takes more.
const BATCH: usize = 20;

impl Client {
    /// APIs of the project.
    #[must_use]
    pub fn services(&self) -> Services {
        Services {
            client: self.clone(),
        }
    }
}

/// Service Usage: the APIs of the client's project.
#[derive(Debug)]
pub struct Services {
    client: Client,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    services: Vec<Service>,
}

impl Services {
    fn url(&self, method: &str) -> Result<Url> {
        join(
            &self.client.endpoints.service_usage,
            ["v1", "projects", &self.client.project, method],
        )
    }

    /// `services.batchGet` of names such as `compute.googleapis.com`.
    pub async fn get(&self, names: &[&str]) -> Result<Vec<Service>> {
        let what = format!("looking at the APIs of project {}", self.client.project);
        let mut services = Vec::new();
        for names in names.chunks(BATCH) {
            let call = Call::new(Method::GET, self.url("services:batchGet")?, &what);
            let call = names.iter().fold(call, |call, name| {
                let parent = &self.client.project;
                call.query("names", &format!("projects/{parent}/services/{name}"))
            });
            let batch: Batch = self.client.send(call, &what).await?;
            services.extend(batch.services);
        }
        Ok(services)
    }

    /// `services.batchEnable`, then waits for it. Services that are enabled already stay so.
    pub async fn enable(&self, names: &[&str]) -> Result<()> {
        let what = format!("enabling {}", names.join(", "));
        for names in names.chunks(BATCH) {
            let body = serde_json::json!({ "serviceIds": names });
            let call = Call::new(Method::POST, self.url("services:batchEnable")?, &what);
            let api = (self.client.endpoints.service_usage.as_str(), "v1");
            self.client.run(call.json(&body)?, api, &what).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Kind,
        script::{Answer, Script},
    };

    #[tokio::test]
    async fn enabling_waits_for_the_operation() {
        let script = Script::play([
            Answer::json(200, r#"{"name":"operations/acat.p1-2"}"#),
            Answer::json(200, r#"{"name":"operations/acat.p1-2","done":false}"#),
            Answer::json(
                200,
                r#"{"name":"operations/acat.p1-2","done":true,"response":{}}"#,
            ),
        ])
        .await;
        let services = script.client().services();
        services.enable(&["compute.googleapis.com"]).await.unwrap();
        let requests = script.requests();
        assert_eq!(requests[0].path(), "/v1/projects/p/services:batchEnable");
        assert_eq!(
            requests[0].body,
            br#"{"serviceIds":["compute.googleapis.com"]}"#
        );
        assert_eq!(requests[2].target, "/v1/operations/acat.p1-2");
        assert_eq!(requests[2].method, "GET");
    }

    #[tokio::test]
    async fn a_done_operation_can_have_failed() {
        let failed = r#"{"name":"operations/x","done":true,"error":{"code":9,
            "message":"Billing must be enabled","details":[{"reason":"UREQ_PROJECT_BILLING_NOT_FOUND"}]}}"#;
        let script = Script::play([Answer::json(200, failed)]).await;
        let services = script.client().services();
        let error = services.enable(&["a", "b"]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "enabling a, b: Billing must be enabled (HTTP 400, UREQ_PROJECT_BILLING_NOT_FOUND)"
        );
        assert_eq!(error.kind, Kind::Operation);
    }

    #[tokio::test]
    async fn states_are_asked_for_in_one_call() {
        let answer = r#"{"services":[{"name":"projects/1/services/a","state":"ENABLED"}]}"#;
        let script = Script::play([Answer::json(200, answer)]).await;
        let states = script.client().services().get(&["a", "b"]).await.unwrap();
        assert_eq!(states[0].state.as_deref(), Some("ENABLED"));
        assert_eq!(
            script.requests()[0].target,
            "/v1/projects/p/services:batchGet?names=projects%2Fp%2Fservices%2Fa&names=projects%2Fp%2Fservices%2Fb"
        );
    }
}

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Client, Policy, Result, client::found, endpoints::join, json::resource, transport::Call,
};

resource! {
    /// A project as Resource Manager sees it.
    CloudProject {
        project_id: Option<String>,
        /// `ACTIVE` or `DELETE_REQUESTED`.
        state: Option<String>,
    }
}

impl Client {
    /// The project itself.
    #[must_use]
    pub fn resource_manager(&self) -> ResourceManager {
        ResourceManager {
            client: self.clone(),
        }
    }
}

/// Resource Manager: the client's project itself.
#[derive(Debug)]
pub struct ResourceManager {
    client: Client,
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    permissions: Vec<String>,
}

impl ResourceManager {
    fn url(&self, method: &str) -> Result<Url> {
        let project = format!("{}{method}", self.client.project);
        join(
            &self.client.endpoints.resource_manager,
            ["v3", "projects", &project],
        )
    }

    /// `projects.get`. Google answers [`crate::Kind::PermissionDenied`] for a project that does not
    /// exist, as for one of somebody else's. `None` is a plain 404.
    pub async fn find(&self) -> Result<Option<CloudProject>> {
        let what = format!("looking for project {}", self.client.project);
        found(self.client.get(self.url("")?, what).await)
    }

    /// `projects.create`, then waits for it. A name that anybody has taken is
    /// [`crate::Kind::AlreadyExists`].
    pub async fn create(&self, project: &CloudProject) -> Result<()> {
        let what = format!("creating project {}", self.client.project);
        let base = self.client.endpoints.resource_manager.as_str();
        let call = Call::new(Method::POST, join(base, ["v3", "projects"])?, &what);
        self.client
            .run(call.json(project)?, (base, "v3"), &what)
            .await
    }

    /// `projects.testIamPermissions`: which of `permissions` the caller has.
    pub async fn test_iam_permissions(&self, permissions: &[&str]) -> Result<Vec<String>> {
        let what = format!("testing permissions in project {}", self.client.project);
        let call = Call::new(Method::POST, self.url(":testIamPermissions")?, &what)
            .json(&json!({ "permissions": permissions }))?;
        let granted: Permissions = self.client.send(call, &what).await?;
        Ok(granted.permissions)
    }

    /// `projects.getIamPolicy`.
    pub async fn iam_policy(&self) -> Result<Policy> {
        let what = format!("getting the IAM policy of project {}", self.client.project);
        // Only version 3 shows conditions: with a lower one, writing back would drop them.
        let call = Call::new(Method::POST, self.url(":getIamPolicy")?, &what)
            .json(&json!({ "options": { "requestedPolicyVersion": 3 } }))?;
        self.client.send(call, &what).await
    }

    /// `projects.setIamPolicy`. A stale etag is [`crate::Kind::PreconditionFailed`].
    pub async fn set_iam_policy(&self, policy: &Policy) -> Result<Policy> {
        let what = format!("setting the IAM policy of project {}", self.client.project);
        let call = Call::new(Method::POST, self.url(":setIamPolicy")?, &what)
            .json(&json!({ "policy": policy }))?;
        self.client.send(call, &what).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Kind,
        script::{Answer, Script},
    };

    #[tokio::test]
    async fn a_project_is_waited_for_and_a_taken_name_is_told() {
        let taken =
            r#"{"name":"operations/cp.1","done":true,"error":{"code":6,"message":"taken"}}"#;
        let script = Script::play([
            Answer::json(200, r#"{"name":"operations/cp.1"}"#),
            Answer::json(200, taken),
        ])
        .await;
        let project = CloudProject {
            project_id: Some("p".into()),
            ..CloudProject::default()
        };
        let error = script.client().resource_manager().create(&project).await;
        assert_eq!(error.unwrap_err().kind, Kind::AlreadyExists);
        let requests = script.requests();
        assert_eq!(requests[0].target, "/v3/projects");
        assert_eq!(requests[0].body, br#"{"projectId":"p"}"#);
        assert_eq!(requests[1].target, "/v3/operations/cp.1");
    }

    #[tokio::test]
    async fn policies_are_read_with_their_conditions() {
        let script = Script::play([
            Answer::json(200, r#"{"etag":"BwY="}"#),
            Answer::json(200, "{}"),
            Answer::json(200, r#"{"permissions":["a"]}"#),
        ])
        .await;
        let manager = script.client().resource_manager();
        let policy = manager.iam_policy().await.unwrap();
        manager.set_iam_policy(&policy).await.unwrap();
        let granted = manager.test_iam_permissions(&["a", "b"]).await.unwrap();
        assert_eq!(granted, ["a"]);
        let requests = script.requests();
        assert_eq!(requests[0].target, "/v3/projects/p:getIamPolicy");
        assert_eq!(
            requests[0].body,
            br#"{"options":{"requestedPolicyVersion":3}}"#
        );
        assert_eq!(requests[1].body, br#"{"policy":{"etag":"BwY="}}"#);
        assert_eq!(requests[2].target, "/v3/projects/p:testIamPermissions");
    }
}

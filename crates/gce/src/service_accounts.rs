use reqwest::{Method, Url};
use serde_json::json;

use crate::{
    Client, Policy, Result, client::found, endpoints::join, json::resource, transport::Call,
};

resource! {
    /// An account for programs and VMs.
    IamServiceAccount {
        display_name: Option<String>,
        disabled: Option<bool>,
    }
}

impl Client {
    /// Service accounts of the project.
    #[must_use]
    pub fn service_accounts(&self) -> ServiceAccounts {
        ServiceAccounts {
            client: self.clone(),
        }
    }
}

/// Service accounts of the client's project.
#[derive(Debug)]
pub struct ServiceAccounts {
    client: Client,
}

impl ServiceAccounts {
    fn url(&self, path: &[&str]) -> Result<Url> {
        let root = ["v1", "projects", &self.client.project, "serviceAccounts"];
        join(
            &self.client.endpoints.iam,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// `serviceAccounts.get` by e-mail address, with `None` where there is no such account.
    pub async fn find(&self, email: &str) -> Result<Option<IamServiceAccount>> {
        let what = format!("looking for service account {email}");
        found(self.client.get(self.url(&[email])?, what).await)
    }

    /// `serviceAccounts.create`; `id` is what stands before the `@`.
    pub async fn create(&self, id: &str, account: &IamServiceAccount) -> Result<IamServiceAccount> {
        let what = format!("creating service account {id}");
        let body = json!({ "accountId": id, "serviceAccount": account });
        let call = Call::new(Method::POST, self.url(&[])?, &what).json(&body)?;
        self.client.send(call, &what).await
    }

    /// `serviceAccounts.getIamPolicy`: who may use the account.
    pub async fn iam_policy(&self, email: &str) -> Result<Policy> {
        let what = format!("getting the IAM policy of service account {email}");
        let url = self.url(&[&format!("{email}:getIamPolicy")])?;
        let call = Call::new(Method::POST, url, &what).query("options.requestedPolicyVersion", "3");
        self.client.send(call, &what).await
    }

    /// `serviceAccounts.setIamPolicy`. A stale etag is [`crate::Kind::PreconditionFailed`].
    pub async fn set_iam_policy(&self, email: &str, policy: &Policy) -> Result<Policy> {
        let what = format!("setting the IAM policy of service account {email}");
        let url = self.url(&[&format!("{email}:setIamPolicy")])?;
        let call = Call::new(Method::POST, url, &what).json(&json!({ "policy": policy }))?;
        self.client.send(call, &what).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn accounts_are_created_by_id_and_found_by_email() {
        let script = Script::play([
            Answer::json(200, r#"{"email":"vm@p.iam.gserviceaccount.com"}"#),
            Answer::json(404, r#"{"error":{"status":"NOT_FOUND"}}"#),
        ])
        .await;
        let accounts = script.client().service_accounts();
        let account = IamServiceAccount {
            display_name: Some("VMs".into()),
            ..IamServiceAccount::default()
        };
        accounts.create("vm", &account).await.unwrap();
        let email = "vm@p.iam.gserviceaccount.com";
        assert_eq!(accounts.find(email).await.unwrap(), None);
        let requests = script.requests();
        assert_eq!(requests[0].target, "/v1/projects/p/serviceAccounts");
        assert_eq!(
            requests[0].body,
            br#"{"accountId":"vm","serviceAccount":{"displayName":"VMs"}}"#
        );
        assert_eq!(
            requests[1].target,
            format!("/v1/projects/p/serviceAccounts/{email}")
        );
    }
}

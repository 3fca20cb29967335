use reqwest::{Method, Url};

use crate::{Client, Result, endpoints::join, json::resource, transport::Call};

resource! {
    /// Which account pays for a project.
    ProjectBillingInfo {
        /// `billingAccounts/012345-567890-ABCDEF`; empty where none does.
        billing_account_name: Option<String>,
        /// Whether that account is open.
        billing_enabled: Option<bool>,
    }
}

impl Client {
    /// Who pays for the project.
    #[must_use]
    pub fn billing(&self) -> Billing {
        Billing {
            client: self.clone(),
        }
    }
}

/// Cloud Billing of the client's project.
#[derive(Debug)]
pub struct Billing {
    client: Client,
}

impl Billing {
    fn url(&self) -> Result<Url> {
        join(
            &self.client.endpoints.billing,
            ["v1", "projects", &self.client.project, "billingInfo"],
        )
    }

    /// `projects.getBillingInfo`.
    pub async fn get(&self) -> Result<ProjectBillingInfo> {
        let what = format!("looking at the billing of project {}", self.client.project);
        self.client.get(self.url()?, what).await
    }

    /// `projects.updateBillingInfo`: links the project to an account, such as
    /// `012345-567890-ABCDEF`.
    pub async fn link(&self, account: &str) -> Result<ProjectBillingInfo> {
        let what = format!(
            "linking project {} to billing account {account}",
            self.client.project
        );
        let info = ProjectBillingInfo {
            billing_account_name: Some(format!("billingAccounts/{account}")),
            ..ProjectBillingInfo::default()
        };
        let call = Call::new(Method::PUT, self.url()?, &what).json(&info)?;
        self.client.send(call, &what).await
    }
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn an_account_is_linked_by_its_name() {
        let script = Script::play([Answer::json(200, r#"{"billingEnabled":true}"#)]).await;
        let info = script.client().billing().link("A-B-C").await.unwrap();
        assert_eq!(info.billing_enabled, Some(true));
        let seen = &script.requests()[0];
        assert_eq!(
            (&*seen.method, &*seen.target),
            ("PUT", "/v1/projects/p/billingInfo")
        );
        assert_eq!(
            seen.body,
            br#"{"billingAccountName":"billingAccounts/A-B-C"}"#
        );
    }
}

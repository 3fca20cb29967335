use reqwest::{Method, Url};
use serde_json::json;

use crate::{Client, Result, client::found, endpoints::join, json::resource, transport::Call};

resource! {
    /// A project's custom role.
    Role {
        title: Option<String>,
        included_permissions: Vec<String>,
        /// Such as `GA`.
        stage: Option<String>,
        deleted: Option<bool>,
    }
}

impl Client {
    /// Custom roles of the project.
    #[must_use]
    pub fn roles(&self) -> Roles {
        Roles {
            client: self.clone(),
        }
    }
}

/// Custom roles of the client's project.
#[derive(Debug)]
pub struct Roles {
    client: Client,
}

impl Roles {
    fn url(&self, path: &[&str]) -> Result<Url> {
        let root = ["v1", "projects", &self.client.project, "roles"];
        join(
            &self.client.endpoints.iam,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// `roles.get`, with `None` where there is no such role. A deleted role is still found for a week,
    /// marked as deleted.
    pub async fn find(&self, id: &str) -> Result<Option<Role>> {
        found(
            self.client
                .get(self.url(&[id])?, format!("looking for role {id}"))
                .await,
        )
    }

    /// `roles.create`.
    pub async fn create(&self, id: &str, role: &Role) -> Result<Role> {
        let what = format!("creating role {id}");
        let body = json!({ "roleId": id, "role": role });
        let call = Call::new(Method::POST, self.url(&[])?, &what).json(&body)?;
        self.client.send(call, &what).await
    }

    /// `roles.patch` of the permissions only.
    pub async fn set_permissions(&self, id: &str, permissions: &[String]) -> Result<Role> {
        let what = format!("changing role {id}");
        let role = Role {
            included_permissions: permissions.to_vec(),
            ..Role::default()
        };
        let call = Call::new(Method::PATCH, self.url(&[id])?, &what)
            .query("updateMask", "includedPermissions")
            .json(&role)?;
        self.client.send(call, &what).await
    }
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn only_permissions_are_changed() {
        let script = Script::play([Answer::json(200, "{}")]).await;
        let roles = script.client().roles();
        roles.set_permissions("r", &["a.b.c".into()]).await.unwrap();
        let seen = &script.requests()[0];
        assert_eq!(
            seen.target,
            "/v1/projects/p/roles/r?updateMask=includedPermissions"
        );
        assert_eq!(seen.body, br#"{"includedPermissions":["a.b.c"]}"#);
    }
}

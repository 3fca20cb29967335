use reqwest::Method;

use crate::{Client, Pending, Result, client::found, json::resource, transport::Call};

resource! {
    /// A firewall of a network.
    Firewall {
        name: Option<String>,
        description: Option<String>,
        network: Option<String>,
        /// `INGRESS` or `EGRESS`.
        direction: Option<String>,
        source_ranges: Vec<String>,
        target_tags: Vec<String>,
        allowed: Vec<FirewallRule>,
        disabled: Option<bool>,
    }
}

resource! {
    /// A protocol and its ports.
    FirewallRule {
        #[serde(rename = "IPProtocol")]
        ip_protocol: Option<String>,
        ports: Vec<String>,
    }
}

impl Client {
    /// Firewalls of the project.
    #[must_use]
    pub fn firewalls(&self) -> Firewalls {
        Firewalls {
            client: self.clone(),
        }
    }
}

/// Firewalls of the client's project.
#[derive(Debug)]
pub struct Firewalls {
    client: Client,
}

impl Firewalls {
    fn url(&self, path: &[&str]) -> Result<reqwest::Url> {
        let root = ["global", "firewalls"];
        self.client.compute_url(&[&root, path].concat())
    }

    /// `firewalls.get`.
    pub async fn get(&self, name: &str) -> Result<Firewall> {
        self.client
            .get(self.url(&[name])?, format!("getting firewall {name}"))
            .await
    }

    /// `firewalls.get`, with `None` where there is no such firewall.
    pub async fn find(&self, name: &str) -> Result<Option<Firewall>> {
        found(self.get(name).await)
    }

    /// `firewalls.insert`.
    pub async fn insert(&self, firewall: &Firewall) -> Result<Pending> {
        let name = firewall.name.as_deref().unwrap_or_default();
        self.client
            .post(
                self.url(&[])?,
                Some(firewall),
                format!("inserting firewall {name}"),
            )
            .await
    }

    /// `firewalls.patch`: changes the given fields only.
    pub async fn patch(&self, name: &str, firewall: &Firewall) -> Result<Pending> {
        let what = format!("changing firewall {name}");
        let call = Call::new(Method::PATCH, self.url(&[name])?, &what).json(firewall)?;
        self.client.mutate(call, what).await
    }
}

use reqwest::Method;

use crate::{
    Client, Pending, Result,
    collection::{Collection, named},
    json::resource,
    transport::Call,
};

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

named!(Firewall: "firewalls", "firewall");

impl Client {
    /// Firewalls of the project.
    #[must_use]
    pub fn firewalls(&self) -> Firewalls {
        Collection::global(self.clone())
    }
}

/// Firewalls of the client's project.
pub type Firewalls = Collection<Firewall>;

impl Collection<Firewall> {
    /// `firewalls.patch`: changes the given fields only.
    pub async fn patch(&self, name: &str, firewall: &Firewall) -> Result<Pending> {
        let what = format!("changing firewall {name}");
        let call = Call::new(Method::PATCH, self.url(&[name])?, &what).json(firewall)?;
        self.client.mutate(call, what).await
    }
}

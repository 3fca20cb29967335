use crate::{Client, Result, json::resource};

resource! {
    /// A Cloud Router.
    Router {
        /// URL of its network.
        network: Option<String>,
        nats: Vec<RouterNat>,
    }
}

resource! {
    /// A Cloud NAT, through which VMs without an external address reach the internet.
    RouterNat {
        /// `PUBLIC` unless it says `PRIVATE`.
        r#type: Option<String>,
    }
}

impl Client {
    /// `routers.list` of a region, all pages.
    pub async fn routers(&self, region: &str) -> Result<Vec<Router>> {
        let url = self.compute_url(&["regions", region, "routers"])?;
        self.list(url, None, format!("listing routers of {region}"))
            .await
    }
}

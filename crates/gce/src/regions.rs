use crate::{Client, Result, json::resource};

resource! {
    /// A region.
    Region {
        quotas: Vec<Quota>,
    }
}

resource! {
    /// A project's limit and usage of something in a region.
    Quota {
        /// Such as `CPUS` or `SSD_TOTAL_GB`.
        metric: Option<String>,
        limit: Option<f64>,
        usage: Option<f64>,
    }
}

impl Client {
    /// `regions.get`, with the project's quotas in it.
    pub async fn region(&self, region: &str) -> Result<Region> {
        let url = self.compute_url(&["regions", region])?;
        self.get(url, format!("getting region {region}")).await
    }
}

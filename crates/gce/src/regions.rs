use crate::json::resource;

resource! {
    /// A region.
    Region {
        name: Option<String>,
        /// `UP` or `DOWN`.
        status: Option<String>,
        quotas: Vec<Quota>,
    }
}

resource! {
    /// How much of something a project may use in a region, and does.
    Quota {
        /// Such as `CPUS` or `SSD_TOTAL_GB`.
        metric: Option<String>,
        limit: Option<f64>,
        usage: Option<f64>,
    }
}

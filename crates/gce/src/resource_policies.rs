use crate::{Client, Pending, Result, client::found, json::resource};

resource! {
    /// A regional policy for disks: here, a snapshot schedule.
    ResourcePolicy {
        name: Option<String>,
        description: Option<String>,
        snapshot_schedule_policy: Option<SnapshotSchedulePolicy>,
        self_link: Option<String>,
    }
}

resource! {
    /// When snapshots are made, and how long they are kept.
    SnapshotSchedulePolicy {
        schedule: Option<SnapshotSchedule>,
        retention_policy: Option<RetentionPolicy>,
    }
}

resource! {
    /// When snapshots are made.
    SnapshotSchedule {
        daily_schedule: Option<DailySchedule>,
    }
}

resource! {
    /// Every day.
    DailySchedule {
        /// Always 1.
        days_in_cycle: Option<u32>,
        /// `HH:00` in UTC. Snapshots start within the next four hours.
        start_time: Option<String>,
    }
}

resource! {
    /// How long snapshots are kept.
    RetentionPolicy {
        max_retention_days: Option<u32>,
        /// `KEEP_AUTO_SNAPSHOTS` or `APPLY_RETENTION_POLICY`: whether snapshots of a deleted disk are kept
        /// for good.
        on_source_disk_delete: Option<String>,
    }
}

impl Client {
    /// Resource policies in a region.
    #[must_use]
    pub fn resource_policies(&self, region: &str) -> ResourcePolicies {
        ResourcePolicies {
            client: self.clone(),
            region: region.into(),
        }
    }
}

/// Resource policies in one region.
#[derive(Debug)]
pub struct ResourcePolicies {
    client: Client,
    region: String,
}

impl ResourcePolicies {
    fn url(&self, path: &[&str]) -> Result<reqwest::Url> {
        let root = ["regions", &self.region, "resourcePolicies"];
        self.client.compute_url(&[&root, path].concat())
    }

    /// `resourcePolicies.get`.
    pub async fn get(&self, name: &str) -> Result<ResourcePolicy> {
        self.client
            .get(
                self.url(&[name])?,
                format!("getting resource policy {name}"),
            )
            .await
    }

    /// `resourcePolicies.get`, with `None` where there is no such policy.
    pub async fn find(&self, name: &str) -> Result<Option<ResourcePolicy>> {
        found(self.get(name).await)
    }

    /// `resourcePolicies.insert`.
    pub async fn insert(&self, policy: &ResourcePolicy) -> Result<Pending> {
        let name = policy.name.as_deref().unwrap_or_default();
        self.client
            .post(
                self.url(&[])?,
                Some(policy),
                format!("inserting resource policy {name}"),
            )
            .await
    }
}

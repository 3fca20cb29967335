use crate::{
    Client,
    collection::{Collection, named},
    json::resource,
};

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

named!(ResourcePolicy: "resourcePolicies", "resource policy");

impl Client {
    /// Resource policies in a region.
    #[must_use]
    pub fn resource_policies(&self, region: &str) -> ResourcePolicies {
        Collection::of_region(self.clone(), region)
    }
}

/// Resource policies in one region.
pub type ResourcePolicies = Collection<ResourcePolicy>;

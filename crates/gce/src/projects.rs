use crate::json::{int64, resource};
use crate::{Client, Metadata, Result};

resource! {
    /// A project as Compute Engine sees it.
    Project {
        name: Option<String>,
        #[serde(with = "int64")]
        id: Option<u64>,
        default_service_account: Option<String>,
        common_instance_metadata: Option<Metadata>,
    }
}

resource! {
    /// A zone.
    Zone {
        name: Option<String>,
        region: Option<String>,
        /// `UP` or `DOWN`.
        status: Option<String>,
        self_link: Option<String>,
    }
}

resource! {
    /// A machine type of a zone.
    MachineType {
        name: Option<String>,
        guest_cpus: Option<u32>,
        memory_mb: Option<u32>,
        self_link: Option<String>,
    }
}

impl Client {
    /// `zones.get`.
    pub async fn zone(&self, zone: &str) -> Result<Zone> {
        let url = self.compute_url(&["zones", zone])?;
        self.get(url, format!("getting zone {zone}")).await
    }

    /// `machineTypes.get`.
    pub async fn machine_type(&self, zone: &str, name: &str) -> Result<MachineType> {
        let url = self.compute_url(&["zones", zone, "machineTypes", name])?;
        self.get(url, format!("getting machine type {name} of zone {zone}"))
            .await
    }

    /// `projects.get`.
    pub async fn project(&self) -> Result<Project> {
        let url = self.compute_url(&[])?;
        self.get(url, format!("getting project {}", self.project))
            .await
    }
}

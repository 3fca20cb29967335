use crate::{Client, Result, json::resource};

resource! {
    /// A machine type of a zone.
    MachineType {
        guest_cpus: Option<u32>,
        memory_mb: Option<u32>,
    }
}

impl Client {
    /// `machineTypes.get`.
    pub async fn machine_type(&self, zone: &str, name: &str) -> Result<MachineType> {
        let url = self.compute_url(&["zones", zone, "machineTypes", name])?;
        self.get(url, format!("getting machine type {name} of zone {zone}"))
            .await
    }
}

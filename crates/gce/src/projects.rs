use crate::Metadata;
use crate::json::{int64, resource};

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

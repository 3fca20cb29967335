use crate::{AttachedDisk, json::resource};

resource! {
    /// What instances are made from.
    InstanceTemplate {
        name: Option<String>,
        properties: Option<InstanceProperties>,
        self_link: Option<String>,
    }
}

resource! {
    /// The part of a template that becomes the instance.
    InstanceProperties {
        disks: Vec<AttachedDisk>,
    }
}

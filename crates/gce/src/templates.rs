use crate::{AttachedDisk, Client, Result, json::resource};

resource! {
    /// A template for instances.
    InstanceTemplate {
        properties: Option<InstanceProperties>,
    }
}

resource! {
    /// The part of a template that becomes the instance.
    InstanceProperties {
        disks: Vec<AttachedDisk>,
    }
}

impl Client {
    /// `instanceTemplates.list`, all pages.
    pub async fn instance_templates(&self) -> Result<Vec<InstanceTemplate>> {
        let url = self.compute_url(&["global", "instanceTemplates"])?;
        self.list(url, None, "listing instance templates".into())
            .await
    }
}

use std::collections::BTreeMap;

use crate::{
    AttachedDisk, Client, Metadata, NetworkInterface, Result, Scheduling, ServiceAccount,
    ShieldedInstanceConfig, Tags,
    collection::{Collection, named},
    json::resource,
};

resource! {
    /// A template for instances. It cannot be changed.
    InstanceTemplate {
        name: Option<String>,
        description: Option<String>,
        /// URL of its region, if it is not global.
        region: Option<String>,
        properties: Option<InstanceProperties>,
        creation_timestamp: Option<String>,
        self_link: Option<String>,
    }
}

resource! {
    /// The part of a template that becomes the instance. Types of machines and disks, and existing disks,
    /// are names here: no zone is known yet.
    InstanceProperties {
        description: Option<String>,
        machine_type: Option<String>,
        labels: BTreeMap<String, String>,
        tags: Option<Tags>,
        network_interfaces: Vec<NetworkInterface>,
        disks: Vec<AttachedDisk>,
        metadata: Option<Metadata>,
        service_accounts: Vec<ServiceAccount>,
        shielded_instance_config: Option<ShieldedInstanceConfig>,
        scheduling: Option<Scheduling>,
    }
}

named!(InstanceTemplate: "instanceTemplates", "instance template");

impl Client {
    /// Instance templates of a region, or the global ones.
    #[must_use]
    pub fn instance_templates(&self, region: Option<&str>) -> InstanceTemplates {
        match region {
            None => Collection::global(self.clone()),
            Some(region) => Collection::of_region(self.clone(), region),
        }
    }

    /// `instanceTemplates.aggregatedList`: the global templates and those of all regions, all pages.
    pub async fn all_instance_templates(&self) -> Result<Vec<InstanceTemplate>> {
        let what = "listing instance templates".into();
        self.list_aggregated("instanceTemplates", what).await
    }
}

/// Instance templates in one region, or the global ones.
pub type InstanceTemplates = Collection<InstanceTemplate>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn a_template_is_global_or_of_a_region() {
        let done = || Answer::json(200, r#"{"name":"op","status":"DONE"}"#);
        let script = Script::play([
            done(),
            done(),
            Answer::json(200, r#"{"items":[{"name":"t"}]}"#),
            Answer::status(404, ""),
        ])
        .await;
        let client = script.client();
        let (global, regional) = (
            client.instance_templates(None),
            client.instance_templates(Some("r")),
        );
        let template = InstanceTemplate {
            name: Some("t".into()),
            properties: Some(InstanceProperties {
                machine_type: Some("e2-small".into()),
                ..InstanceProperties::default()
            }),
            ..InstanceTemplate::default()
        };
        let inserted = global.insert(&template).await.unwrap();
        inserted.wait().await.unwrap();
        let deleted = regional.delete("t").await.unwrap();
        deleted.wait().await.unwrap();
        let listed = regional.list(None).await.unwrap();
        assert_eq!(listed[0].name.as_deref(), Some("t"));
        assert_eq!(regional.find("t").await.unwrap(), None);
        let requests = script.requests();
        let paths: Vec<_> = requests.iter().map(crate::script::Seen::path).collect();
        assert_eq!(
            paths,
            [
                "/compute/v1/projects/p/global/instanceTemplates",
                "/compute/v1/projects/p/regions/r/instanceTemplates/t",
                "/compute/v1/projects/p/regions/r/instanceTemplates",
                "/compute/v1/projects/p/regions/r/instanceTemplates/t",
            ]
        );
        assert_eq!(
            String::from_utf8_lossy(&requests[0].body),
            r#"{"name":"t","properties":{"machineType":"e2-small"}}"#
        );
    }
}

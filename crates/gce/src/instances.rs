use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::{
    Client, CustomerEncryptionKey, Pending, Result,
    collection::{Collection, named},
    json::{int64, resource},
    mutation::EMPTY,
    transport::Call,
};

resource! {
    /// A VM.
    Instance {
        name: Option<String>,
        description: Option<String>,
        /// URL of the type, such as `zones/z/machineTypes/e2-small`.
        machine_type: Option<String>,
        /// `PROVISIONING`, `STAGING`, `RUNNING`, `STOPPING`, `TERMINATED`, ...
        status: Option<String>,
        status_message: Option<String>,
        disks: Vec<AttachedDisk>,
        network_interfaces: Vec<NetworkInterface>,
        metadata: Option<Metadata>,
        labels: BTreeMap<String, String>,
        label_fingerprint: Option<String>,
        creation_timestamp: Option<String>,
        /// When it was last started, and stopped.
        last_start_timestamp: Option<String>,
        last_stop_timestamp: Option<String>,
        tags: Option<Tags>,
        service_accounts: Vec<ServiceAccount>,
        shielded_instance_config: Option<ShieldedInstanceConfig>,
        scheduling: Option<Scheduling>,
    }
}

resource! {
    /// A disk attached to an instance.
    AttachedDisk {
        boot: Option<bool>,
        auto_delete: Option<bool>,
        device_name: Option<String>,
        /// URL of an existing disk; or `initialize_params` for a new one.
        source: Option<String>,
        disk_encryption_key: Option<CustomerEncryptionKey>,
        initialize_params: Option<InitializeParams>,
        /// `READ_WRITE` or `READ_ONLY`.
        mode: Option<String>,
    }
}

resource! {
    /// A new disk that is created with its instance.
    InitializeParams {
        disk_name: Option<String>,
        #[serde(with = "int64")]
        disk_size_gb: Option<u64>,
        disk_type: Option<String>,
        source_image: Option<String>,
        labels: BTreeMap<String, String>,
    }
}

resource! {
    /// A network interface.
    NetworkInterface {
        network: Option<String>,
        subnetwork: Option<String>,
        /// With one, the interface has an external address; without, it has none.
        access_configs: Vec<AccessConfig>,
    }
}

resource! {
    /// An external address.
    AccessConfig {
        name: Option<String>,
        r#type: Option<String>,
        #[serde(rename = "natIP")]
        nat_ip: Option<String>,
    }
}

resource! {
    /// An instance's or a project's metadata. Setting it replaces all of it.
    Metadata {
        fingerprint: Option<String>,
        items: Vec<MetadataItem>,
    }
}

resource! {
    /// One metadata value, at most 256 KiB.
    MetadataItem {
        key: Option<String>,
        value: Option<String>,
    }
}

resource! {
    /// Network tags.
    Tags {
        items: Vec<String>,
    }
}

resource! {
    /// The account that an instance runs as.
    ServiceAccount {
        email: Option<String>,
        scopes: Vec<String>,
    }
}

resource! {
    /// Shielded VM.
    ShieldedInstanceConfig {
        enable_secure_boot: Option<bool>,
        enable_vtpm: Option<bool>,
        enable_integrity_monitoring: Option<bool>,
    }
}

resource! {
    /// What happens to an instance during host maintenance and when its time is up.
    Scheduling {
        automatic_restart: Option<bool>,
        on_host_maintenance: Option<String>,
        /// `STOP` or `DELETE`, once `max_run_duration` is over.
        instance_termination_action: Option<String>,
        max_run_duration: Option<Duration>,
    }
}

resource! {
    /// A span of time.
    Duration {
        #[serde(with = "int64")]
        seconds: Option<u64>,
    }
}

named!(Instance: "instances", "instance");

impl Client {
    /// Instances in a zone.
    #[must_use]
    pub fn instances(&self, zone: &str) -> Instances {
        Collection::of_zone(self.clone(), zone)
    }
}

/// Instances in one zone. A deleted one leaves the disks that have no `autoDelete`.
pub type Instances = Collection<Instance>;

impl Collection<Instance> {
    /// `instances.insert` from a template at a URL such as `global/instanceTemplates/NAME`. A field of
    /// `instance` replaces the template's whole field.
    pub async fn insert_from(&self, instance: &Instance, template: &str) -> Result<Pending> {
        let name = instance.name.as_deref().unwrap_or_default();
        let what = format!("inserting instance {name}");
        let call = Call::new(Method::POST, self.url(&[])?, &what)
            .query("sourceInstanceTemplate", template)
            .json(instance)?;
        self.client.mutate(call, what).await
    }

    /// `instances.start`.
    pub async fn start(&self, name: &str) -> Result<Pending> {
        let what = format!("starting instance {name}");
        self.client
            .post(self.url(&[name, "start"])?, EMPTY, what)
            .await
    }

    /// `instances.stop`.
    pub async fn stop(&self, name: &str) -> Result<Pending> {
        let what = format!("stopping instance {name}");
        self.client
            .post(self.url(&[name, "stop"])?, EMPTY, what)
            .await
    }

    /// `instances.setMetadata`: replaces all metadata if the fingerprint still matches.
    pub async fn set_metadata(&self, name: &str, metadata: &Metadata) -> Result<Pending> {
        let what = format!("setting metadata of instance {name}");
        self.client
            .post(self.url(&[name, "setMetadata"])?, Some(metadata), what)
            .await
    }

    /// `instances.setMachineType` of a stopped instance, to a type at a URL such as
    /// `zones/z/machineTypes/e2-medium`.
    pub async fn set_machine_type(&self, name: &str, machine_type: &str) -> Result<Pending> {
        let what = format!("setting the machine type of instance {name}");
        let body = json!({"machineType": machine_type});
        self.client
            .post(self.url(&[name, "setMachineType"])?, Some(&body), what)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn what_a_template_leaves_open_is_said_with_the_insert() {
        let done = Answer::json(200, r#"{"name":"op","status":"DONE"}"#);
        let script = Script::play([done.clone(), done.clone(), done]).await;
        let instances = script.client().instances("z");
        let instance = Instance {
            name: Some("vm".into()),
            ..Instance::default()
        };
        let template = "global/instanceTemplates/t";
        let inserted = instances.insert_from(&instance, template).await.unwrap();
        inserted.wait().await.unwrap();
        let labels = [("a".to_owned(), "b".to_owned())].into();
        let set = instances.set_labels("vm", &labels, "ZjE=").await.unwrap();
        set.wait().await.unwrap();
        let set = instances
            .set_machine_type("vm", "zones/z/machineTypes/e2-medium")
            .await
            .unwrap();
        set.wait().await.unwrap();
        let requests = script.requests();
        let body = |at: usize| String::from_utf8_lossy(&requests[at].body).into_owned();
        assert_eq!(
            requests[0].query("sourceInstanceTemplate").as_deref(),
            Some(template)
        );
        assert_eq!(body(0), r#"{"name":"vm"}"#);
        assert_eq!(body(1), r#"{"labels":{"a":"b"},"labelFingerprint":"ZjE="}"#);
        assert_eq!(
            body(2),
            r#"{"machineType":"zones/z/machineTypes/e2-medium"}"#
        );
        assert!(requests[2].path().ends_with("/instances/vm/setMachineType"));
    }

    #[test]
    fn odd_names_are_googles() {
        let interface = NetworkInterface {
            access_configs: vec![AccessConfig {
                r#type: Some("ONE_TO_ONE_NAT".into()),
                nat_ip: Some("192.0.2.1".into()),
                ..AccessConfig::default()
            }],
            ..NetworkInterface::default()
        };
        assert_eq!(
            serde_json::to_string(&interface).unwrap(),
            r#"{"accessConfigs":[{"type":"ONE_TO_ONE_NAT","natIP":"192.0.2.1"}]}"#
        );
    }
}

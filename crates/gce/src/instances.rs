use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::{
    Client, CustomerEncryptionKey, Pending, Result,
    client::found,
    json::{int64, resource},
    mutation::{EMPTY, labelled},
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

resource! {
    /// Attributes written by processes in the guest.
    GuestAttributes {
        query_value: Option<GuestAttributesValue>,
    }
}

resource! {
    /// The entries of a query path.
    GuestAttributesValue {
        items: Vec<GuestAttributesEntry>,
    }
}

resource! {
    /// One guest attribute.
    GuestAttributesEntry {
        value: Option<String>,
    }
}

resource! {
    /// A piece of a serial port's output.
    SerialPortOutput {
        contents: Option<String>,
        /// Where the next piece starts.
        #[serde(with = "int64")]
        next: Option<u64>,
    }
}

impl Client {
    /// Instances in a zone.
    #[must_use]
    pub fn instances(&self, zone: &str) -> Instances {
        Instances {
            client: self.clone(),
            zone: zone.into(),
        }
    }
}

/// Instances in one zone.
#[derive(Debug)]
pub struct Instances {
    client: Client,
    zone: String,
}

impl Instances {
    fn url(&self, path: &[&str]) -> Result<reqwest::Url> {
        let root = ["zones", &self.zone, "instances"];
        self.client.compute_url(&[&root, path].concat())
    }

    /// `instances.get`.
    pub async fn get(&self, name: &str) -> Result<Instance> {
        self.client
            .get(self.url(&[name])?, format!("getting instance {name}"))
            .await
    }

    /// `instances.get`, with `None` where there is no such instance.
    pub async fn find(&self, name: &str) -> Result<Option<Instance>> {
        found(self.get(name).await)
    }

    /// `instances.insert`.
    pub async fn insert(&self, instance: &Instance) -> Result<Pending> {
        let name = instance.name.as_deref().unwrap_or_default();
        self.client
            .post(
                self.url(&[])?,
                Some(instance),
                format!("inserting instance {name}"),
            )
            .await
    }

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

    /// `instances.delete`. Disks without `autoDelete` stay.
    pub async fn delete(&self, name: &str) -> Result<Pending> {
        self.client
            .delete(self.url(&[name])?, format!("deleting instance {name}"))
            .await
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

    /// `instances.setLabels`, which replaces all labels. A stale fingerprint is
    /// [`Kind::PreconditionFailed`](crate::Kind::PreconditionFailed).
    pub async fn set_labels(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        fingerprint: &str,
    ) -> Result<Pending> {
        let what = format!("setting labels of instance {name}");
        let body = labelled(labels, fingerprint);
        self.client
            .post(self.url(&[name, "setLabels"])?, Some(&body), what)
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

    /// `instances.getSerialPortOutput` of port 1, from byte `start`. Google keeps the last 1 MB.
    pub async fn serial_port_output(&self, name: &str, start: u64) -> Result<SerialPortOutput> {
        let what = format!("reading the serial port of instance {name}");
        let call = Call::new(Method::GET, self.url(&[name, "serialPort"])?, &what)
            .query("port", "1")
            .query("start", &start.to_string());
        self.client.send(call, &what).await
    }

    /// `instances.getGuestAttributes` under a path such as `clawbake/`. `None` if nothing has been
    /// written there yet or there is no such instance: Google answers 404 in both cases.
    pub async fn find_guest_attributes(
        &self,
        name: &str,
        path: &str,
    ) -> Result<Option<GuestAttributes>> {
        let what = format!("reading guest attributes of instance {name}");
        let call = Call::new(Method::GET, self.url(&[name, "getGuestAttributes"])?, &what)
            .query("queryPath", path);
        found(self.client.send(call, &what).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn words_from_the_guest_are_read() {
        let script = Script::play([
            Answer::status(404, ""),
            Answer::json(
                200,
                r#"{"kind":"compute#guestAttributes","queryPath":"clawbake/","queryValue":
                   {"items":[{"namespace":"clawbake","key":"phase","value":"ready"}]}}"#,
            ),
            Answer::json(200, r#"{"contents":"login:","start":"5","next":"11"}"#),
        ])
        .await;
        let instances = script.client().instances("z");
        assert_eq!(
            instances
                .find_guest_attributes("vm", "clawbake/")
                .await
                .unwrap(),
            None
        );
        let read = instances
            .find_guest_attributes("vm", "clawbake/")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            read.query_value.unwrap().items[0].value.as_deref(),
            Some("ready")
        );
        let serial = instances.serial_port_output("vm", 5).await.unwrap();
        assert_eq!(serial.next, Some(11));
        let requests = script.requests();
        assert_eq!(requests[0].query("queryPath").as_deref(), Some("clawbake/"));
        assert_eq!(
            requests[2].target,
            "/compute/v1/projects/p/zones/z/instances/vm/serialPort?port=1&start=5"
        );
    }

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

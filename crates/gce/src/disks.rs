use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    Client, CustomerEncryptionKey, Pending, Result,
    collection::{Collection, named},
    json::{int64, resource},
};

resource! {
    /// A zonal disk.
    Disk {
        name: Option<String>,
        /// Which disk of that name it is.
        #[serde(with = "int64")]
        id: Option<u64>,
        description: Option<String>,
        disk_encryption_key: Option<CustomerEncryptionKey>,
        labels: BTreeMap<String, String>,
        label_fingerprint: Option<String>,
        creation_timestamp: Option<String>,
        /// `CREATING`, `RESTORING`, `READY`, `FAILED` or `DELETING`.
        status: Option<String>,
        /// URL of its zone.
        zone: Option<String>,
        #[serde(with = "int64")]
        size_gb: Option<u64>,
        /// URL of the disk type, such as `zones/z/diskTypes/pd-balanced`.
        r#type: Option<String>,
        source_image: Option<String>,
        /// URL of the snapshot that it was made from.
        source_snapshot: Option<String>,
        /// Which snapshot of that name it was.
        source_snapshot_id: Option<String>,
        /// When it was attached last; none if it never was.
        last_attach_timestamp: Option<String>,
        /// URLs of its resource policies: at most one snapshot schedule.
        resource_policies: Vec<String>,
        /// URLs of the instances to which it is attached.
        users: Vec<String>,
        self_link: Option<String>,
    }
}

named!(Disk: "disks", "disk");

impl Client {
    /// Disks in a zone.
    #[must_use]
    pub fn disks(&self, zone: &str) -> Disks {
        Collection::of_zone(self.clone(), zone)
    }

    /// `disks.aggregatedList`: the disks of all zones, all pages.
    pub async fn all_disks(&self) -> Result<Vec<Disk>> {
        self.list_aggregated("disks", "listing disks of all zones".into())
            .await
    }
}

/// Disks in one zone.
pub type Disks = Collection<Disk>;

impl Collection<Disk> {
    /// `disks.resize`: a disk can only grow, also while it is in use.
    pub async fn resize(&self, name: &str, size_gb: u64) -> Result<Pending> {
        let what = format!("growing disk {name} to {size_gb} GiB");
        let body = json!({"sizeGb": size_gb.to_string()});
        self.client
            .post(self.url(&[name, "resize"])?, Some(&body), what)
            .await
    }

    /// `disks.addResourcePolicies` with the URL of one policy.
    pub async fn add_resource_policy(&self, name: &str, policy: &str) -> Result<Pending> {
        self.follow(name, "addResourcePolicies", policy).await
    }

    /// `disks.removeResourcePolicies` with the URL of one policy.
    pub async fn remove_resource_policy(&self, name: &str, policy: &str) -> Result<Pending> {
        self.follow(name, "removeResourcePolicies", policy).await
    }

    async fn follow(&self, name: &str, method: &str, policy: &str) -> Result<Pending> {
        let body = json!({"resourcePolicies": [policy]});
        self.client
            .post(
                self.url(&[name, method])?,
                Some(&body),
                format!("{method} of disk {name}"),
            )
            .await
    }
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn a_disk_grows_and_is_labelled() {
        let done = Answer::json(200, r#"{"name":"op","status":"DONE"}"#);
        let script = Script::play([done.clone(), done]).await;
        let disks = script.client().disks("z");
        disks.resize("d", 20).await.unwrap().wait().await.unwrap();
        let labels = [("a".to_owned(), "b".to_owned())].into();
        let set = disks.set_labels("d", &labels, "ZjE=").await.unwrap();
        set.wait().await.unwrap();
        let requests = script.requests();
        let seen: Vec<_> = requests
            .iter()
            .map(|r| (r.path(), String::from_utf8_lossy(&r.body).into_owned()))
            .collect();
        let disk = "/compute/v1/projects/p/zones/z/disks/d";
        assert_eq!(
            seen,
            [
                (&*format!("{disk}/resize"), r#"{"sizeGb":"20"}"#.to_owned()),
                (
                    &*format!("{disk}/setLabels"),
                    r#"{"labels":{"a":"b"},"labelFingerprint":"ZjE="}"#.to_owned()
                ),
            ]
        );
    }
}

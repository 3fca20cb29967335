use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    Client, CustomerEncryptionKey, Pending, Result,
    client::found,
    json::{int64, resource},
};

resource! {
    /// A zonal disk.
    Disk {
        name: Option<String>,
        description: Option<String>,
        disk_encryption_key: Option<CustomerEncryptionKey>,
        labels: BTreeMap<String, String>,
        #[serde(with = "int64")]
        size_gb: Option<u64>,
        /// URL of the disk type, such as `zones/z/diskTypes/pd-balanced`.
        r#type: Option<String>,
        source_image: Option<String>,
        /// URLs of its resource policies: at most one snapshot schedule.
        resource_policies: Vec<String>,
        /// URLs of the instances to which it is attached.
        users: Vec<String>,
        self_link: Option<String>,
    }
}

impl Client {
    /// Disks in a zone.
    #[must_use]
    pub fn disks(&self, zone: &str) -> Disks {
        Disks {
            client: self.clone(),
            zone: zone.into(),
        }
    }

    /// `disks.aggregatedList`: the disks of all zones, all pages.
    pub async fn all_disks(&self) -> Result<Vec<Disk>> {
        self.list_aggregated("disks", "listing disks of all zones".into())
            .await
    }
}

/// Disks in one zone.
#[derive(Debug)]
pub struct Disks {
    client: Client,
    zone: String,
}

impl Disks {
    fn url(&self, path: &[&str]) -> Result<reqwest::Url> {
        let root = ["zones", &self.zone, "disks"];
        self.client.compute_url(&[&root, path].concat())
    }

    /// `disks.get`.
    pub async fn get(&self, name: &str) -> Result<Disk> {
        self.client
            .get(self.url(&[name])?, format!("getting disk {name}"))
            .await
    }

    /// `disks.get`, with `None` where there is no such disk.
    pub async fn find(&self, name: &str) -> Result<Option<Disk>> {
        found(self.get(name).await)
    }

    /// `disks.insert`.
    pub async fn insert(&self, disk: &Disk) -> Result<Pending> {
        let name = disk.name.as_deref().unwrap_or_default();
        self.client
            .post(self.url(&[])?, Some(disk), format!("inserting disk {name}"))
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

    /// `disks.delete`.
    pub async fn delete(&self, name: &str) -> Result<Pending> {
        self.client
            .delete(self.url(&[name])?, format!("deleting disk {name}"))
            .await
    }
}

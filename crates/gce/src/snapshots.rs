use std::collections::BTreeMap;

use crate::{
    Client, CustomerEncryptionKey,
    collection::{Collection, named},
    json::{int64, resource},
};

resource! {
    /// A copy of a disk at one moment, global.
    Snapshot {
        name: Option<String>,
        #[serde(with = "int64")]
        id: Option<u64>,
        description: Option<String>,
        labels: BTreeMap<String, String>,
        label_fingerprint: Option<String>,
        creation_timestamp: Option<String>,
        /// `CREATING`, `UPLOADING`, `READY`, `FAILED` or `DELETING`.
        status: Option<String>,
        /// URL of the disk. It stays when the disk is gone: another disk of that name may have followed.
        source_disk: Option<String>,
        /// Which disk of that name it was.
        source_disk_id: Option<String>,
        #[serde(with = "int64")]
        disk_size_gb: Option<u64>,
        /// What it occupies, and costs.
        #[serde(with = "int64")]
        storage_bytes: Option<u64>,
        storage_locations: Vec<String>,
        snapshot_encryption_key: Option<CustomerEncryptionKey>,
        /// Whether a snapshot schedule has made it.
        auto_created: Option<bool>,
        self_link: Option<String>,
    }
}

named!(Snapshot: "snapshots", "snapshot");

impl Client {
    /// Snapshots of the project.
    #[must_use]
    pub fn snapshots(&self) -> Snapshots {
        Collection::global(self.clone())
    }
}

/// Snapshots of the client's project.
pub type Snapshots = Collection<Snapshot>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::script::{Answer, Script};

    fn done() -> Answer {
        Answer::json(200, r#"{"name":"op","status":"DONE"}"#)
    }

    #[tokio::test]
    async fn a_snapshot_is_asked_for_and_read() {
        let script = Script::play([
            done(),
            Answer::json(
                200,
                r#"{"items":[{"name":"s","sourceDisk":"https://x/disks/d","sourceDiskId":"7",
                   "diskSizeGb":"10","storageBytes":"4096","status":"READY","autoCreated":true}]}"#,
            ),
        ])
        .await;
        let snapshots = script.client().snapshots();
        let wanted = Snapshot {
            name: Some("s".into()),
            source_disk: Some("zones/z/disks/d".into()),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            ..Snapshot::default()
        };
        let inserted = snapshots.insert(&wanted).await.unwrap();
        inserted.wait().await.unwrap();
        let listed = snapshots.list(Some("labels.a=b")).await.unwrap();
        assert_eq!(listed[0].disk_size_gb, Some(10));
        assert_eq!(listed[0].storage_bytes, Some(4096));
        let requests = script.requests();
        assert_eq!(
            requests[0].path(),
            "/compute/v1/projects/p/global/snapshots"
        );
        assert_eq!(
            String::from_utf8_lossy(&requests[0].body),
            r#"{"name":"s","labels":{"a":"b"},"sourceDisk":"zones/z/disks/d"}"#
        );
        assert_eq!(requests[1].query("filter").as_deref(), Some("labels.a=b"));
    }

    #[tokio::test]
    async fn labels_are_set_with_the_fingerprint_alone() {
        let script = Script::play([Answer::status(412, "")]).await;
        let snapshots = script.client().snapshots();
        let labels = [("a".to_owned(), "b".to_owned())].into();
        let error = snapshots
            .set_labels("s", &labels, "ZjE=")
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::PreconditionFailed);
        let request = &script.requests()[0];
        assert_eq!(
            request.target,
            "/compute/v1/projects/p/global/snapshots/s/setLabels"
        );
        assert_eq!(
            String::from_utf8_lossy(&request.body),
            r#"{"labels":{"a":"b"},"labelFingerprint":"ZjE="}"#
        );
    }
}

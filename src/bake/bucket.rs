//! The bucket that image archives pass through (pure).

use std::collections::BTreeMap;

use gce::{
    Bucket, BucketEncryption, IamConfiguration, Lifecycle, LifecycleRule, UniformBucketLevelAccess,
};
use serde_json::json;

use crate::cloud::Cloud;

/// Days after which an archive goes: an image is made of it within minutes.
const ARCHIVE_DAYS: u32 = 1;

/// The bucket as it is made where there is none: closed to the public, emptying itself, and encrypted
/// with the deployment's key.
///
/// Cloud Storage takes a key of the bucket's own location alone
/// (<https://cloud.google.com/storage/docs/encryption/customer-managed-keys#key-locations>), and so the
/// bucket is made where the key is. A `global` key is for images and disks only.
#[must_use]
pub fn bucket(cloud: &Cloud) -> Bucket {
    let key = cloud.kms_key.as_deref().and_then(|key| {
        let location = key.split('/').nth(3).filter(|place| *place != "global")?;
        Some((key, location))
    });
    Bucket {
        name: Some(cloud.bucket.clone()),
        location: Some(
            key.map_or(cloud.region(), |(_, location)| location)
                .to_uppercase(),
        ),
        encryption: key.map(|(key, _)| BucketEncryption {
            default_kms_key_name: Some(key.to_owned()),
        }),
        ..closed(&[expiry()])
    }
}

/// What a bucket's archives need, whoever made it: no public access, and these rules.
#[must_use]
pub fn closed(rules: &[LifecycleRule]) -> Bucket {
    Bucket {
        iam_configuration: Some(IamConfiguration {
            uniform_bucket_level_access: Some(UniformBucketLevelAccess {
                enabled: Some(true),
            }),
            public_access_prevention: Some("enforced".into()),
        }),
        lifecycle: Some(Lifecycle {
            rule: rules.to_vec(),
        }),
        ..Bucket::default()
    }
}

/// The rule by which archives go by themselves.
#[must_use]
pub fn expiry() -> LifecycleRule {
    LifecycleRule {
        action: BTreeMap::from([("type".into(), json!("Delete"))]),
        condition: BTreeMap::from([("age".into(), json!(ARCHIVE_DAYS))]),
    }
}

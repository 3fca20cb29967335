//! The bucket that image archives pass through (pure).

use std::collections::BTreeMap;

use gce::{
    Bucket, BucketEncryption, IamConfiguration, Lifecycle, LifecycleRule, UniformBucketLevelAccess,
};
use serde_json::json;

use crate::cloud::Cloud;

/// What the names of archives begin with: a bucket may hold other things.
pub(super) const ARCHIVES: &str = "clawbake-";
/// Days after which an archive goes: an image is made of it within minutes.
const ARCHIVE_DAYS: u32 = 1;
/// Multi-regions of Cloud Storage by what Key Management Service calls them
/// (<https://cloud.google.com/storage/docs/locations>, <https://cloud.google.com/kms/docs/locations>).
const MULTI_REGIONS: [(&str, &str); 3] = [("us", "US"), ("europe", "EU"), ("asia", "ASIA")];

/// The bucket as it is made where there is none: closed to the public, emptying itself, and encrypted
/// with the deployment's key.
///
/// Cloud Storage takes a key of the bucket's own location alone
/// (<https://cloud.google.com/storage/docs/encryption/customer-managed-keys#key-locations>), and so the
/// bucket is made where the key is. One of `global`, or of a multi-region that no bucket has, is for
/// images and disks only.
#[must_use]
pub fn bucket(cloud: &Cloud) -> Bucket {
    let key = cloud
        .kms_key
        .as_deref()
        .and_then(|key| Some((key, location_of(key)?)));
    Bucket {
        name: Some(cloud.bucket.clone()),
        location: Some(match &key {
            Some((_, location)) => location.clone(),
            None => cloud.region().to_uppercase(),
        }),
        encryption: key.map(|(key, _)| BucketEncryption {
            default_kms_key_name: Some(key.to_owned()),
        }),
        ..closed(&[expiry()])
    }
}

/// Where a bucket can be that has this key.
fn location_of(key: &str) -> Option<String> {
    let place = key.split('/').nth(3)?;
    // Regions have a hyphen and a number, multi-regions one at most.
    let is_region = place.contains('-') && place.ends_with(|last: char| last.is_ascii_digit());
    let multi_region = MULTI_REGIONS.iter().find(|(name, _)| *name == place);
    multi_region
        .map(|(_, location)| (*location).to_owned())
        .or_else(|| is_region.then(|| place.to_uppercase()))
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
        condition: BTreeMap::from([
            ("age".into(), json!(ARCHIVE_DAYS)),
            ("matchesPrefix".into(), json!([ARCHIVES])),
        ]),
    }
}

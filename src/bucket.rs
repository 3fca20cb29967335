//! The bucket for archives: of images, and of state.

use std::collections::BTreeMap;

use anyhow::Result;
use gce::{
    Bucket, BucketEncryption, IamConfiguration, Kind, Lifecycle, LifecycleRule,
    UniformBucketLevelAccess,
};
use serde_json::json;

use crate::cloud::Cloud;

/// Prefix of the names of archives: a bucket may hold other objects.
pub(crate) const ARCHIVES: &str = "clawbake-";
/// Days after which an archive is deleted. It is needed for minutes.
const ARCHIVE_DAYS: u32 = 1;
/// Multi-regions of Cloud KMS, and the same in Cloud Storage
/// (<https://cloud.google.com/storage/docs/locations>, <https://cloud.google.com/kms/docs/locations>).
const MULTI_REGIONS: [(&str, &str); 3] = [("us", "US"), ("europe", "EU"), ("asia", "ASIA")];

/// The bucket to create if there is none: closed to the public, with a rule that deletes archives, and
/// encrypted with the deployment's key.
///
/// Cloud Storage accepts only keys in the bucket's location
/// (<https://cloud.google.com/storage/docs/encryption/customer-managed-keys#key-locations>), so the
/// bucket is created where the key is. A key in `global`, or in a multi-region that Cloud Storage does
/// not have, is used for images and disks only.
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

/// The location of a bucket with this key.
fn location_of(key: &str) -> Option<String> {
    let place = key.split('/').nth(3)?;
    // Regions have a hyphen and a number, multi-regions one at most.
    let is_region = place.contains('-') && place.ends_with(|last: char| last.is_ascii_digit());
    let multi_region = MULTI_REGIONS.iter().find(|(name, _)| *name == place);
    multi_region
        .map(|(_, location)| (*location).to_owned())
        .or_else(|| is_region.then(|| place.to_uppercase()))
}

/// What every bucket for archives needs: no public access, and these rules.
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

/// The rule that deletes old archives.
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

/// Creates the bucket, unless it exists.
pub(crate) async fn ensure_bucket(cloud: &Cloud) -> Result<()> {
    let buckets = cloud.client.buckets();
    if buckets.find(&cloud.bucket).await?.is_some() {
        return Ok(());
    }
    match buckets.insert(&bucket(cloud)).await {
        // Another run was faster. If the bucket is somebody else's, getting it fails.
        Err(error) if error.kind == Kind::Conflict => drop(buckets.get(&cloud.bucket).await?),
        inserted => drop(inserted?),
    }
    Ok(())
}

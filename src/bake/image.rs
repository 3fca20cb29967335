//! The image resource of a recipe (pure).

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use gce::{GuestOsFeature, Image, RawDisk};

use super::draft::{Draft, Source};
use crate::cloud::Cloud;
use crate::labels;
use crate::lock::Lock;
use crate::recipe::Recipe;
use crate::release::Version;
use crate::vm::encryption_key;

/// Label: the recipe's name.
pub const RECIPE_LABEL: &str = "clawbake-recipe";
/// Label: the gateway's version, `.` written as `-`.
pub const GATEWAY_LABEL: &str = "clawbake-gateway";
/// Label: digest of the inputs of the gateway's container, if known.
pub const GATEWAY_DIGEST_LABEL: &str = "clawbake-gateway-digest";
/// Label: digest of the image's inputs.
pub const CONTENT_LABEL: &str = "clawbake-content";
/// Label: the verdict of the boot test, [`PASSED`] or [`FAILED`].
pub const BOOT_TEST_LABEL: &str = "clawbake-boot-test";
/// The gateway of a VM from this image worked.
pub const PASSED: &str = "passed";
/// It did not.
pub const FAILED: &str = "failed";

/// Features of a Debian guest, as Google's own Debian images declare them.
const GUEST_OS_FEATURES: [&str; 5] = [
    "UEFI_COMPATIBLE",
    "VIRTIO_SCSI_MULTIQUEUE",
    "GVNIC",
    "SEV_CAPABLE",
    "SEV_LIVE_MIGRATABLE_V2",
];

/// The image resource, without a family: a promotion adds it.
pub(super) fn of(recipe: &Recipe, cloud: &Cloud, draft: &Draft) -> Image {
    Image {
        name: Some(draft.name.clone()),
        description: Some(format!(
            "{} {} on {}",
            recipe.name, draft.version, recipe.base
        )),
        labels: labels(recipe, draft),
        architecture: Some("X86_64".into()),
        guest_os_features: GUEST_OS_FEATURES
            .map(|feature| GuestOsFeature {
                r#type: Some(feature.into()),
            })
            .to_vec(),
        licenses: recipe.licenses.clone(),
        storage_locations: cloud.storage_locations.clone(),
        image_encryption_key: cloud.kms_key.clone().map(encryption_key),
        source_disk: match &draft.source {
            Source::Disk(url) => Some(url.clone()),
            Source::Archive(_) => None,
        },
        ..Image::default()
    }
}

/// An uploaded archive as the source of an image.
pub(super) fn archive(bucket: &str, object: &str) -> RawDisk {
    RawDisk {
        source: Some(format!("https://storage.googleapis.com/{bucket}/{object}")),
        ..RawDisk::default()
    }
}

fn labels(recipe: &Recipe, draft: &Draft) -> BTreeMap<String, String> {
    let own = recipe.labels.iter();
    let mut labels: BTreeMap<String, String> = own
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    let known = [
        (RECIPE_LABEL, Some(recipe.name.to_string())),
        (GATEWAY_LABEL, Some(draft.version.label())),
        (GATEWAY_DIGEST_LABEL, draft.gateway.clone()),
        (labels::NAME, draft.sealed.clone()),
        (CONTENT_LABEL, Some(draft.content.clone())),
        (labels::BASE, Some(recipe.base.to_string())),
        (
            "clawbake",
            Some(env!("CARGO_PKG_VERSION").replace('.', "-")),
        ),
    ];
    labels.extend(draft.lock.as_ref().map(Lock::labels).unwrap_or_default());
    labels.extend(
        known
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?))),
    );
    labels
}

/// Whether an image was baked from this recipe with a gateway version that it names, or that may be on the
/// channel that it names.
#[must_use]
pub fn serves(image: &Image, recipe: &Recipe) -> bool {
    let label = |key: &str| image.labels.get(key).map(String::as_str);
    let release = &recipe.gateway.release;
    let version = label(GATEWAY_LABEL).and_then(Version::of_label);
    label(RECIPE_LABEL) == Some(&*recipe.name)
        && version.is_some_and(|version| release.admits(&release.npm, version))
}

/// Whether VMs can be created from it.
pub(super) fn ready(image: &Image) -> bool {
    image.status.as_deref() == Some("READY")
}

/// Refuses an image that has the right name but other content.
pub(super) fn ensure_made_of(image: &Image, content: &str) -> Result<()> {
    let name = image.name.as_deref().unwrap_or_default();
    ensure!(
        image.labels.get(CONTENT_LABEL).map(String::as_str) == Some(content),
        "there is an image {name} already that was not baked from this content: it has to go before \
         one can be baked under that name"
    );
    Ok(())
}

/// Whether clawbake has baked it: others may add images of their own to a family.
#[must_use]
pub fn is_own(image: &Image) -> bool {
    image.labels.contains_key(RECIPE_LABEL)
}

/// The verdict of its boot test, if it has had one.
#[must_use]
pub fn verdict(image: &Image) -> Option<&str> {
    image.labels.get(BOOT_TEST_LABEL).map(String::as_str)
}

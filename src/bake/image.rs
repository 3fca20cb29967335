//! The image resource of a recipe (pure).

use std::collections::BTreeMap;

use gce::{GuestOsFeature, Image, RawDisk};

use crate::deployment::Deployment;
use crate::recipe::Recipe;

/// Label: the recipe's name.
pub const RECIPE_LABEL: &str = "clawbake-recipe";
/// Label: the gateway's version, `.` written as `-`.
pub const GATEWAY_LABEL: &str = "clawbake-gateway";

/// What a Debian kernel on Compute Engine can do, as Google's own Debian images declare it.
const GUEST_OS_FEATURES: [&str; 5] = [
    "UEFI_COMPATIBLE",
    "VIRTIO_SCSI_MULTIQUEUE",
    "GVNIC",
    "SEV_CAPABLE",
    "SEV_LIVE_MIGRATABLE_V2",
];

/// The image's resource, without a family: it enters one when it is promoted.
pub(super) fn of(deployment: &Deployment, name: &str, source: &str) -> Image {
    let recipe = &deployment.recipe;
    let mut labels: BTreeMap<String, String> = recipe
        .labels
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    labels.insert(RECIPE_LABEL.into(), recipe.name.to_string());
    labels.insert(GATEWAY_LABEL.into(), gateway_label(recipe));
    labels.insert("clawbake-base".into(), recipe.base.to_string());
    labels.insert("clawbake".into(), label(env!("CARGO_PKG_VERSION")));
    Image {
        name: Some(name.to_owned()),
        description: Some(format!(
            "{} {} on {}",
            recipe.name, recipe.gateway.release.version, recipe.base
        )),
        labels,
        architecture: Some("X86_64".into()),
        guest_os_features: GUEST_OS_FEATURES
            .map(|feature| GuestOsFeature {
                r#type: Some(feature.into()),
            })
            .to_vec(),
        licenses: recipe.licenses.clone(),
        raw_disk: Some(RawDisk {
            source: Some(source.to_owned()),
            ..RawDisk::default()
        }),
        ..Image::default()
    }
}

/// Whether an image was baked from this recipe with the gateway version that it names.
#[must_use]
pub fn serves(image: &Image, recipe: &Recipe) -> bool {
    image.labels.get(RECIPE_LABEL).map(String::as_str) == Some(&*recipe.name)
        && image.labels.get(GATEWAY_LABEL) == Some(&gateway_label(recipe))
}

fn gateway_label(recipe: &Recipe) -> String {
    label(&recipe.gateway.release.version.to_string())
}

fn label(text: &str) -> String {
    text.to_lowercase().replace('.', "-")
}

//! Which images are in use, and the removal of those that are not.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::cloud::Cloud;

/// Names of the project's images that are the source of a disk (and so of a VM) or of an instance
/// template.
pub async fn used(cloud: &Cloud) -> Result<BTreeSet<String>> {
    let project = format!("projects/{}/global/images/", cloud.client.project_id());
    let own = |link: String| Some(link.split_once(&project)?.1.to_owned());
    let disks = cloud.client.all_disks().await?;
    let templates = cloud.client.all_instance_templates().await?;
    let attached = templates
        .into_iter()
        .filter_map(|template| template.properties)
        .flat_map(|properties| properties.disks)
        .filter_map(|disk| disk.initialize_params?.source_image);
    let sources = disks.into_iter().filter_map(|disk| disk.source_image);
    Ok(sources.chain(attached).filter_map(own).collect())
}

/// Deletes an image.
pub async fn delete(cloud: &Cloud, image: &str) -> Result<()> {
    cloud.client.images().delete(image).await?.wait().await?;
    Ok(())
}

//! From a draft to an image that belongs to no family yet.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gce::{Image, Kind, Object};

use super::bucket::{ARCHIVES, bucket};
use super::image;
use super::source::{Draft, Source};
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::journal::{Journal, Resource};
use crate::progress::{Outcome, Progress};

/// Makes the image that a draft describes, without a family. What was created on the way is in the
/// journal, and stays there if this fails.
pub async fn publish(
    deployment: &Deployment,
    cloud: &Cloud,
    draft: &Draft,
    journal: &mut Journal,
    progress: &Progress,
) -> Result<Image> {
    match &draft.source {
        Source::Disk(_) => insert(deployment, cloud, draft, None, journal, progress).await,
        Source::Archive(file) => {
            let object = upload(cloud, &draft.name, file, journal, progress).await?;
            let image = insert(deployment, cloud, draft, Some(&object), journal, progress).await?;
            // The archive has served: the image holds its bytes.
            cloud
                .client
                .objects(&cloud.bucket)
                .delete(&object)
                .await
                .context("deleting the uploaded archive")?;
            Ok(image)
        }
    }
}

/// Uploads an archive, and returns the object's name.
async fn upload(
    cloud: &Cloud,
    name: &str,
    file: &Path,
    journal: &mut Journal,
    progress: &Progress,
) -> Result<String> {
    ensure_bucket(cloud).await?;
    let stage = progress.stage("upload");
    let name = format!("{ARCHIVES}{name}-{}.tar.gz", journal.run());
    let object = Object {
        name: Some(name.clone()),
        metadata: BTreeMap::from([journal.label()]),
        ..Object::default()
    };
    journal.record(Resource::Object {
        bucket: cloud.bucket.clone(),
        name: name.clone(),
    })?;
    cloud
        .client
        .objects(&cloud.bucket)
        .upload(&object, file, |done, total| stage.advance(done, total))
        .await?;
    stage.finish(Outcome::Done, format!("gs://{}/{name}", cloud.bucket));
    Ok(name)
}

async fn insert(
    deployment: &Deployment,
    cloud: &Cloud,
    draft: &Draft,
    object: Option<&str>,
    journal: &mut Journal,
    progress: &Progress,
) -> Result<Image> {
    let stage = progress.stage("image");
    let mut body = image::of(&deployment.recipe, cloud, draft);
    if let Some(object) = object {
        body.raw_disk = Some(image::archive(&cloud.bucket, object));
    }
    body.labels.extend([journal.label()]);
    let images = cloud.client.images();
    let resource = Resource::Image {
        name: draft.name.clone(),
    };
    let request = images.insert(&body);
    let created = journal
        .create(&cloud.client, resource.clone(), request)
        .await;
    let exists = |error: &anyhow::Error| {
        let refused = error.downcast_ref::<gce::Error>();
        refused.is_some_and(|error| error.kind == Kind::AlreadyExists)
    };
    match created {
        // Names tell contents: another bake of the same was quicker.
        Err(error) if exists(&error) => resource.quiet(&cloud.client).await?,
        created => created?,
    }
    let image = images.get(&draft.name).await?;
    image::ensure_made_of(&image, &draft.content)?;
    if !image::ready(&image) {
        bail!(
            "the image {} is {}, not READY",
            draft.name,
            image.status.as_deref().unwrap_or("without a status")
        );
    }
    stage.finish(Outcome::Done, &draft.name);
    Ok(image)
}

async fn ensure_bucket(cloud: &Cloud) -> Result<()> {
    let buckets = cloud.client.buckets();
    if buckets.find(&cloud.bucket).await?.is_some() {
        return Ok(());
    }
    match buckets.insert(&bucket(cloud)).await {
        // Another bake was quicker; a stranger's bucket is refused when it is looked at.
        Err(error) if error.kind == Kind::Conflict => drop(buckets.get(&cloud.bucket).await?),
        inserted => drop(inserted?),
    }
    Ok(())
}

//! From a draft to an image that belongs to no family yet.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gce::{Image, Kind, Object};

use super::draft::{Draft, Source};
use super::image;
use crate::bucket::{ARCHIVES, ensure_bucket};
use crate::journal::{Journal, Resource};
use crate::progress::Outcome;
use crate::run::Run;

/// Creates the image of a draft, without a family, then deletes its source: the image holds the bytes.
/// What this creates on the way is in the journal, and stays there if it fails.
pub async fn publish(run: &Run, draft: &Draft, journal: &mut Journal) -> Result<Image> {
    let cloud = &run.cloud;
    match &draft.source {
        Source::Disk(url) => {
            let image = insert(run, draft, None, journal).await?;
            let name = url.rsplit('/').next().unwrap_or_default();
            let deleted = cloud.client.disks(&cloud.zone).delete(name).await?;
            let deleted = deleted.wait().await;
            deleted.with_context(|| format!("deleting the builder's disk {name}"))?;
            Ok(image)
        }
        Source::Archive(file) => {
            let object = upload(run, &draft.name, file, journal).await?;
            let image = insert(run, draft, Some(&object), journal).await?;
            let objects = cloud.client.objects(&cloud.bucket);
            let deleted = objects.delete(&object).await;
            deleted.context("deleting the uploaded archive")?;
            Ok(image)
        }
    }
}

/// Uploads an archive, and returns the object's name.
async fn upload(run: &Run, name: &str, file: &Path, journal: &mut Journal) -> Result<String> {
    let cloud = &run.cloud;
    ensure_bucket(cloud).await?;
    let stage = run.progress.stage("upload");
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
    run: &Run,
    draft: &Draft,
    object: Option<&str>,
    journal: &mut Journal,
) -> Result<Image> {
    let (cloud, stage) = (&run.cloud, run.progress.stage("image"));
    let mut body = image::of(&run.deployment.recipe, cloud, draft);
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
        // A name stands for its content: another bake of the same was faster.
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

//! From a built archive to an image in its family: upload, insert without a family, promote.

mod image;
pub mod vm;

use anyhow::{Context, Result, bail};
use gce::{Bucket, IamConfiguration, Image, Object, UniformBucketLevelAccess};

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::image::{Built, Offline, Plan};
use crate::journal::{Journal, Resource};
use crate::paths;
use crate::progress::{Outcome, Progress};

pub use image::{GATEWAY_LABEL, RECIPE_LABEL, serves};

/// Bakes the deployment's recipe: what exists already is not made again.
pub async fn bake(
    deployment: &Deployment,
    cloud: &Cloud,
    builder: &Offline<'_>,
    progress: &Progress,
) -> Result<Image> {
    let plan = builder.plan().await?;
    let images = cloud.client.images();
    if let Some(found) = images
        .find(&plan.name)
        .await?
        .filter(|image| image.status.as_deref() == Some("READY"))
    {
        return promote(deployment, cloud, found, progress).await;
    }
    let built = builder.build(&plan, progress).await?;
    let mut journal = Journal::begin(&paths::journal()?, "bake")?;
    let published = publish(deployment, cloud, &plan, &built, &mut journal, progress).await;
    let image = journal.settle(&cloud.client, published).await?;
    promote(deployment, cloud, image, progress).await
}

/// Uploads the archive and makes an image of it that belongs to no family yet.
async fn publish(
    deployment: &Deployment,
    cloud: &Cloud,
    plan: &Plan,
    built: &Built,
    journal: &mut Journal,
    progress: &Progress,
) -> Result<Image> {
    ensure_bucket(cloud).await?;
    let stage = progress.stage("upload");
    let object = Object {
        name: Some(format!("{}.tar.gz", plan.name)),
        ..Object::default()
    };
    let object_name = object.name.clone().unwrap_or_default();
    journal.record(Resource::Object {
        bucket: cloud.bucket.clone(),
        name: object_name.clone(),
    })?;
    let objects = cloud.client.objects(&cloud.bucket);
    objects
        .upload(&object, &built.archive, |done, total| {
            stage.advance(done, total);
        })
        .await?;
    stage.finish(
        Outcome::Done,
        format!("gs://{}/{object_name}", cloud.bucket),
    );

    let stage = progress.stage("image");
    let source = format!(
        "https://storage.googleapis.com/{}/{object_name}",
        cloud.bucket
    );
    let body = image::of(deployment, &plan.name, &source);
    journal.record(Resource::Image {
        name: plan.name.clone(),
    })?;
    let images = cloud.client.images();
    journal.create(images.insert(&body)).await?;
    let image = images.get(&plan.name).await?;
    if image.status.as_deref() != Some("READY") {
        bail!(
            "the image {} is {}, not READY",
            plan.name,
            image.status.as_deref().unwrap_or("without a status")
        );
    }
    // The archive has served: the image holds its bytes.
    objects
        .delete(&object_name)
        .await
        .context("deleting the uploaded archive")?;
    stage.finish(Outcome::Done, &plan.name);
    Ok(image)
}

/// Puts the image into its family, which makes it what `launch` uses.
async fn promote(
    deployment: &Deployment,
    cloud: &Cloud,
    image: Image,
    progress: &Progress,
) -> Result<Image> {
    let family = &deployment.recipe.family;
    let name = image.name.clone().context("an image without a name")?;
    let stage = progress.stage("family");
    if image.family.as_deref() == Some(&**family) {
        stage.finish(Outcome::Cached, format!("{name} is in {family}"));
        return Ok(image);
    }
    let images = cloud.client.images();
    images.set_family(&name, family).await?.wait().await?;
    stage.finish(Outcome::Done, format!("{name} is in {family}"));
    Ok(images.get(&name).await?)
}

async fn ensure_bucket(cloud: &Cloud) -> Result<()> {
    let buckets = cloud.client.buckets();
    if buckets.find(&cloud.bucket).await?.is_some() {
        return Ok(());
    }
    let region = cloud
        .zone
        .rsplit_once('-')
        .map_or(cloud.zone.as_str(), |(region, _)| region);
    let bucket = Bucket {
        name: Some(cloud.bucket.clone()),
        location: Some(region.to_uppercase()),
        iam_configuration: Some(IamConfiguration {
            uniform_bucket_level_access: Some(UniformBucketLevelAccess {
                enabled: Some(true),
            }),
            ..IamConfiguration::default()
        }),
        ..Bucket::default()
    };
    buckets.insert(&bucket).await?;
    Ok(())
}

//! The template that a VM is made from. Templates cannot be changed, so their names say what is in them:
//! the same deployment and image have the same template, and another content is another template.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use gce::{Image, InstanceTemplate, Kind};

use super::start::Adopt;
use super::{content, owner};
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::journal::{Journal, Resource};
use crate::labels::TEMPLATE_CONTENT;
use crate::run::Run;
use crate::userdata;
use crate::vm::last;

/// The template of the deployment's VM from an image.
pub fn template(run: &Run, image: &Image) -> Result<InstanceTemplate> {
    of(run, image, Adopt::Own)
}

/// The template of a VM from an image, whose state disk is its own or a clone.
pub(super) fn of(run: &Run, image: &Image, adopt: Adopt) -> Result<InstanceTemplate> {
    let Run {
        deployment, cloud, ..
    } = run;
    let mut values = userdata::Values::new(
        deployment,
        cloud.client.project_id(),
        &cloud.secret_manager_in_guest,
    );
    values.clone = matches!(adopt, Adopt::Clone | Adopt::Held | Adopt::GatewayClone);
    values.hold = matches!(adopt, Adopt::Held | Adopt::Import);
    content::template(deployment, cloud, image, userdata::render(&values)?)
}

/// The template of the deployment's VM from an image, which is created if there is none.
pub async fn ensure_template(run: &Run, image: &Image) -> Result<InstanceTemplate> {
    let mut journal = run.journal("template")?;
    let made = create(run, template(run, image)?, &mut journal).await;
    journal.settle(&run.cloud.client, made).await
}

/// Creates a template unless it exists, and returns it as the cloud has it.
pub(super) async fn create(
    run: &Run,
    wanted: InstanceTemplate,
    journal: &mut Journal,
) -> Result<InstanceTemplate> {
    let Run {
        deployment, cloud, ..
    } = run;
    let client = &cloud.client;
    let name = name_of(&wanted)?;
    let templates = client.instance_templates(cloud.template_region());
    let resource = Resource::InstanceTemplate {
        region: cloud.template_region().map(str::to_owned),
        name: name.to_owned(),
    };
    if templates.find(name).await?.is_none() {
        let (key, id) = journal.label();
        let described = InstanceTemplate {
            description: Some(format!("VMs of {}; made by {key}={id}", deployment.name)),
            ..wanted.clone()
        };
        let inserted = templates.insert(&described);
        match journal.create(client, resource.clone(), inserted).await {
            // Another run has made the same meanwhile.
            Err(error) if kind(&error) == Some(Kind::AlreadyExists) => {}
            made => made?,
        }
    }
    journal.adopt(&resource)?;
    let found = templates.get(name).await?;
    ensure!(
        digest(&found) == digest(&wanted),
        "there is {resource} whose content is not what its name says: delete it, and it is made again"
    );
    Ok(found)
}

fn kind(error: &anyhow::Error) -> Option<Kind> {
    Some(error.downcast_ref::<gce::Error>()?.kind)
}

/// The deployment's template of this name, if there is one: where the deployment has its templates now, or
/// where it could have had them before.
pub async fn find_template(run: &Run, name: &str) -> Result<Option<InstanceTemplate>> {
    let cloud = &run.cloud;
    let other = match cloud.template_region() {
        Some(_) => None,
        None => Some(cloud.region()),
    };
    for region in [cloud.template_region(), other] {
        let templates = cloud.client.instance_templates(region);
        if let Some(found) = templates.find(name).await? {
            ensure_belongs(&found, &run.deployment)?;
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The deployment's templates, newest first.
pub async fn templates(run: &Run) -> Result<Vec<InstanceTemplate>> {
    let all = run.cloud.client.all_instance_templates().await?;
    let own = all.into_iter();
    let mut own: Vec<_> = own
        .filter(|template| belongs(template, &run.deployment))
        .map(|template| Ok((created(&template)?, template)))
        .collect::<Result<_>>()?;
    own.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(own.into_iter().map(|(_, template)| template).collect())
}

fn created(template: &InstanceTemplate) -> Result<jiff::Timestamp> {
    let at = template.creation_timestamp.as_deref().unwrap_or_default();
    at.parse().with_context(|| {
        let name = template.name.as_deref().unwrap_or_default();
        format!("reading when instance template {name} was created")
    })
}

fn belongs(template: &InstanceTemplate, deployment: &Deployment) -> bool {
    let properties = template.properties.as_ref();
    properties.is_some_and(|it| owner::belongs(&it.labels, deployment))
}

/// Refuses a template that is not this deployment's.
pub(super) fn ensure_belongs(template: &InstanceTemplate, deployment: &Deployment) -> Result<()> {
    let labels = template.properties.as_ref().map(|it| &it.labels);
    owner::ensure_belongs(
        &resource(template)?,
        labels.unwrap_or(&BTreeMap::default()),
        deployment,
    )
}

/// A template as a journal names it.
pub(super) fn resource(template: &InstanceTemplate) -> Result<Resource> {
    let region = template.region.as_deref();
    Ok(Resource::InstanceTemplate {
        region: region.map(|url| last(url).to_owned()),
        name: name_of(template)?.to_owned(),
    })
}

/// The template that an instance says it was made from, as a journal names it.
pub(super) fn of_instance(cloud: &Cloud, instance: &gce::Instance) -> Vec<Resource> {
    let name = instance.labels.get(crate::labels::TEMPLATE);
    let resource = |region: Option<&str>| {
        Some(Resource::InstanceTemplate {
            region: region.map(str::to_owned),
            name: name?.clone(),
        })
    };
    let places = [None, Some(cloud.region())];
    places.into_iter().filter_map(resource).collect()
}

fn name_of(template: &InstanceTemplate) -> Result<&str> {
    let name = template.name.as_deref();
    name.context("an instance template without a name")
}

/// The digest of a template's content.
fn digest(template: &InstanceTemplate) -> Option<&String> {
    template.properties.as_ref()?.labels.get(TEMPLATE_CONTENT)
}

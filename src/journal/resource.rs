//! A resource that a run creates, and which run that is.

use std::collections::BTreeMap;
use std::fmt;

use gce::{Client, Pending};
use serde::{Deserialize, Serialize};

/// Label of everything that a run creates (an object's metadata): the run's id.
pub const RUN_LABEL: &str = "clawbake-run";

/// A resource that a run creates, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Resource {
    /// An image.
    Image {
        /// Its name.
        name: String,
    },
    /// An instance. Its boot disk is deleted with it, but recorded too: a failed insert may leave the
    /// disk behind.
    Instance {
        /// Its zone.
        zone: String,
        /// Its name.
        name: String,
    },
    /// A disk without data.
    Disk {
        /// Its zone.
        zone: String,
        /// Its name.
        name: String,
    },
    /// A snapshot of a disk.
    Snapshot {
        /// Its name.
        name: String,
    },
    /// An instance template. It has no labels of its own: its description holds the run's.
    InstanceTemplate {
        /// Its region; none if it is global.
        region: Option<String>,
        /// Its name.
        name: String,
    },
    /// An object in Cloud Storage.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its name.
        name: String,
    },
    /// A secret with all its versions.
    Secret {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { name } => write!(f, "image {name}"),
            Self::Instance { zone, name } => write!(f, "instance {name} in {zone}"),
            Self::Disk { zone, name } => write!(f, "disk {name} in {zone}"),
            Self::Snapshot { name } => write!(f, "snapshot {name}"),
            Self::InstanceTemplate { region: None, name } => write!(f, "instance template {name}"),
            Self::InstanceTemplate {
                region: Some(region),
                name,
            } => write!(f, "instance template {name} in {region}"),
            Self::Object { bucket, name } => write!(f, "object gs://{bucket}/{name}"),
            Self::Secret { name } => write!(f, "secret {name}"),
        }
    }
}

impl Resource {
    /// Its labels, or an object's metadata; `None` where there is no such resource.
    pub async fn labels(&self, client: &Client) -> gce::Result<Option<BTreeMap<String, String>>> {
        Ok(match self {
            Self::Image { name } => client.images().find(name).await?.map(|it| it.labels),
            Self::Instance { zone, name } => {
                client.instances(zone).find(name).await?.map(|it| it.labels)
            }
            Self::Disk { zone, name } => client.disks(zone).find(name).await?.map(|it| it.labels),
            Self::Snapshot { name } => client.snapshots().find(name).await?.map(|it| it.labels),
            Self::InstanceTemplate { region, name } => client
                .instance_templates(region.as_deref())
                .find(name)
                .await?
                .map(|it| described(it.description.as_deref())),
            Self::Object { bucket, name } => client
                .objects(bucket)
                .find(name)
                .await?
                .map(|it| it.metadata),
            Self::Secret { name } => client.secrets().find(name).await?.map(|it| it.labels),
        })
    }

    /// Whether it is a disk that a VM has.
    pub async fn is_attached(&self, client: &Client) -> gce::Result<bool> {
        Ok(match self {
            Self::Disk { zone, name } => {
                let disk = client.disks(zone).find(name).await?;
                disk.is_some_and(|it| !it.users.is_empty())
            }
            _ => false,
        })
    }

    /// Waits for operations on it that are under way: an insert that was not finished when its run ended,
    /// or a delete. Their result shows in the resource.
    pub async fn quiet(&self, client: &Client) -> gce::Result<()> {
        let unfinished = match self {
            Self::Image { name } => client.operations(None).unfinished("images", name).await,
            Self::Instance { zone, name } => {
                let operations = client.operations(Some(zone));
                operations.unfinished("instances", name).await
            }
            Self::Disk { zone, name } => {
                let operations = client.operations(Some(zone));
                operations.unfinished("disks", name).await
            }
            Self::Snapshot { name } => client.operations(None).unfinished("snapshots", name).await,
            Self::InstanceTemplate { region, name } => {
                let operations = match region {
                    Some(region) => client.region_operations(region),
                    None => client.operations(None),
                };
                operations.unfinished("instanceTemplates", name).await
            }
            Self::Object { .. } | Self::Secret { .. } => return Ok(()),
        };
        for pending in unfinished? {
            match pending.wait().await {
                Err(error) if error.kind != gce::Kind::Operation => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes it; `false` if it was not there.
    pub async fn delete(&self, client: &Client) -> gce::Result<bool> {
        let deleted = match self {
            Self::Image { name } => done(client.images().delete(name).await).await,
            Self::Instance { zone, name } => done(client.instances(zone).delete(name).await).await,
            Self::Disk { zone, name } => done(client.disks(zone).delete(name).await).await,
            Self::Snapshot { name } => done(client.snapshots().delete(name).await).await,
            Self::InstanceTemplate { region, name } => {
                let templates = client.instance_templates(region.as_deref());
                done(templates.delete(name).await).await
            }
            Self::Object { bucket, name } => client.objects(bucket).delete(name).await,
            Self::Secret { name } => client.secrets().delete(name).await,
        };
        match deleted {
            Ok(()) => Ok(true),
            Err(error) if error.kind == gce::Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The labels in a description: its words of the form `KEY=VALUE`.
fn described(description: Option<&str>) -> BTreeMap<String, String> {
    let words = description.unwrap_or_default().split_whitespace();
    words
        .filter_map(|word| word.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Waits for an accepted request.
pub(super) async fn done(request: gce::Result<Pending>) -> gce::Result<()> {
    request?.wait().await.map(drop)
}

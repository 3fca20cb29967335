//! What this run is about to create: written down before the request is sent, so that a lost answer,
//! a crash or a power cut leaves nothing that nobody knows of.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gce::Client;
use serde::{Deserialize, Serialize};

/// Something that a run creates, by the name that it will have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Resource {
    /// An image.
    Image {
        /// Its name.
        name: String,
    },
    /// An instance; its boot disk goes with it.
    Instance {
        /// Its zone.
        zone: String,
        /// Its name.
        name: String,
    },
    /// A disk that has no data yet.
    Disk {
        /// Its zone.
        zone: String,
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
}

/// One run's journal. Dropped without [`Journal::close`], it stays on disk for whoever cleans up.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    entries: Vec<Resource>,
}

impl Journal {
    /// Begins the journal of a run in `dir`.
    pub fn begin(dir: &Path, verb: &str) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let named = tempfile::Builder::new()
            .prefix(&format!("{verb}-"))
            .suffix(".jsonl")
            .tempfile_in(dir);
        let (file, path) = named
            .with_context(|| format!("beginning a journal in {}", dir.display()))?
            .keep()?;
        Ok(Self {
            path,
            file,
            entries: Vec::new(),
        })
    }

    /// Writes down what is about to be created; on disk when this returns.
    pub fn record(&mut self, resource: Resource) -> Result<()> {
        let line = serde_json::to_string(&resource)? + "\n";
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.with_context(|| format!("writing the journal {}", self.path.display()))?;
        self.entries.push(resource);
        Ok(())
    }

    /// The run succeeded: what it created stays.
    pub fn close(self) -> Result<()> {
        fs::remove_file(&self.path)
            .with_context(|| format!("removing the journal {}", self.path.display()))
    }

    /// The run failed: deletes what it may have created, the last first, and returns what could not
    /// be deleted. The journal goes only when nothing is left.
    pub async fn undo(mut self, client: &Client) -> Vec<(Resource, gce::Error)> {
        let mut left = Vec::new();
        while let Some(resource) = self.entries.pop() {
            if let Err(error) = delete(client, &resource).await {
                left.push((resource, error));
            }
        }
        if left.is_empty() {
            // Should this fail, a later clean-up finds nothing to delete and removes it.
            let _ = fs::remove_file(&self.path);
        }
        left
    }
}

/// Deletes a resource; one that is not there is deleted already.
async fn delete(client: &Client, resource: &Resource) -> gce::Result<()> {
    let pending = match resource {
        Resource::Image { name } => client.images().delete(name).await,
        Resource::Instance { zone, name } => client.instances(zone).delete(name).await,
        Resource::Disk { zone, name } => client.disks(zone).delete(name).await,
        Resource::Object { bucket, name } => {
            return absent(client.objects(bucket).delete(name).await);
        }
    };
    match pending {
        Ok(pending) => absent(pending.wait().await.map(drop)),
        Err(error) => absent(Err(error)),
    }
}

fn absent(result: gce::Result<()>) -> gce::Result<()> {
    match result {
        Err(error) if error.kind == gce::Kind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_on_disk_before_anything_is_created_and_gone_after_success() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(dir.path(), "bake").unwrap();
        let image = Resource::Image {
            name: "golden".into(),
        };
        journal.record(image.clone()).unwrap();
        let text = fs::read_to_string(&journal.path).unwrap();
        assert_eq!(text, "{\"kind\":\"image\",\"name\":\"golden\"}\n");
        assert_eq!(serde_json::from_str::<Resource>(&text).unwrap(), image);
        journal.close().unwrap();
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
    }
}

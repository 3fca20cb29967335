//! What this run is about to create: written down before the request is sent, so that a lost answer,
//! a crash or a power cut leaves nothing that nobody knows of.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gce::{Client, Pending};
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

/// One run's journal. Dropped without [`Journal::settle`], it stays on disk for whoever cleans up.
#[derive(Debug)]
pub struct Journal {
    run: String,
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
        let mut run = uuid::Uuid::new_v4().simple().to_string();
        run.truncate(12);
        Ok(Self {
            run,
            path,
            file,
            entries: Vec::new(),
        })
    }

    /// The run's id: names and labels of what it creates carry it.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
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

    /// Sends the request that creates what was recorded last. If something of that name was there
    /// before, it is somebody else's: it leaves the journal, and clean-up never touches it.
    pub async fn create(
        &mut self,
        request: impl Future<Output = gce::Result<Pending>>,
    ) -> Result<()> {
        let created = match request.await {
            Ok(pending) => pending.wait().await.map(drop),
            Err(error) => Err(error),
        };
        if created
            .as_ref()
            .is_err_and(|error| error.kind == gce::Kind::AlreadyExists)
        {
            self.entries.pop();
            self.rewrite()?;
        }
        Ok(created?)
    }

    fn rewrite(&mut self) -> Result<()> {
        let lines: Result<Vec<_>, _> = self.entries.iter().map(serde_json::to_string).collect();
        let text = lines?
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>();
        fs::write(&self.path, text)
            .with_context(|| format!("writing the journal {}", self.path.display()))
    }

    /// Ends the run. After success what it created stays; after a failure it is deleted, the last
    /// first, and the error tells what could not be.
    pub async fn settle<T>(self, client: &Client, result: Result<T>) -> Result<T> {
        let error = match result {
            Ok(value) => {
                self.remove()?;
                return Ok(value);
            }
            Err(error) => error,
        };
        let mut left = Vec::new();
        for resource in self.entries.iter().rev() {
            if let Err(why) = delete(client, resource).await {
                left.push(format!("{resource:?}: {why}"));
            }
        }
        if left.is_empty() {
            // The first error is the one to tell; an empty journal does no harm.
            let _ = self.remove();
            return Err(error);
        }
        let journal = self.path.display();
        Err(error.context(format!("left over, as {journal} says: {}", left.join("; "))))
    }

    fn remove(&self) -> Result<()> {
        fs::remove_file(&self.path)
            .with_context(|| format!("removing the journal {}", self.path.display()))
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

    fn client() -> Client {
        let endpoints = gce::Endpoints::at("http://127.0.0.1:9");
        Client::new(endpoints, gce::Credentials::token("t".into()), "p").unwrap()
    }

    #[tokio::test]
    async fn a_name_is_on_disk_before_anything_is_created_and_gone_after_success() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(dir.path(), "bake").unwrap();
        let image = Resource::Image {
            name: "golden".into(),
        };
        journal.record(image.clone()).unwrap();
        let text = fs::read_to_string(&journal.path).unwrap();
        assert_eq!(text, "{\"kind\":\"image\",\"name\":\"golden\"}\n");
        assert_eq!(serde_json::from_str::<Resource>(&text).unwrap(), image);
        journal.settle(&client(), Ok(())).await.unwrap();
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
    }

    #[tokio::test]
    async fn what_was_there_before_is_never_cleaned_up() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(dir.path(), "launch").unwrap();
        for name in ["own", "foreign"] {
            let zone = "z".into();
            journal
                .record(Resource::Disk {
                    zone,
                    name: name.into(),
                })
                .unwrap();
        }
        let taken = gce::Error {
            kind: gce::Kind::AlreadyExists,
            what: "inserting a disk".into(),
            status: Some(409),
            reason: None,
            message: "it exists".into(),
        };
        assert!(journal.create(async { Err(taken) }).await.is_err());
        let text = fs::read_to_string(&journal.path).unwrap();
        assert_eq!(
            text,
            "{\"kind\":\"disk\",\"zone\":\"z\",\"name\":\"own\"}\n"
        );
    }
}

//! A state as an archive, and back. docs/design/export.md says how it travels.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gce::{Disk, Image, Object, Snapshot};

use super::Why;
use super::snapshot::take_of;
use crate::bucket::{ARCHIVES, ensure_bucket};
use crate::deployment::Deployment;
use crate::fleet::{self, Adopt, Counts, Instance};
use crate::journal::{Journal, Resource};
use crate::progress::{Outcome, Stage};
use crate::run::Run;
use crate::vm::{self, Request};

/// How long a VM may take to boot and to pack or unpack a state. One that falls silent is given up before.
const PATIENCE: Duration = Duration::from_hours(4);
/// What an archive may have on top of all bytes of its disk.
const MARGIN: u64 = 1 << 30;

/// An archive that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Bytes of the archive.
    pub bytes: u64,
    /// Files, directories and links in it.
    pub files: u64,
}

/// Writes the state as a gzipped tar: that of a snapshot, or the present one. The gateway goes on
/// meanwhile: a short-lived VM of the image packs a copy.
pub async fn export(
    run: &Run,
    snapshot: Option<&Snapshot>,
    image: &Image,
    file: &Path,
) -> Result<Exported> {
    let dir = directory(file)?;
    let mut journal = run.journal("export")?;
    let stage = run.progress.stage("export");
    let packed = pack(run, snapshot, image, dir, &mut journal, &stage).await;
    let packed = journal.undo(&run.cloud.client, packed).await?;
    packed.publish(file)?;
    stage.finish(Outcome::Done, file.display().to_string());
    Ok(packed.exported)
}

/// An archive in a directory of its own, beside where it belongs.
struct Packed {
    dir: tempfile::TempDir,
    exported: Exported,
}

impl Packed {
    fn path(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("state.tar.gz")
    }

    /// Puts it where it belongs. Whoever sees it there sees all of it.
    fn publish(&self, file: &Path) -> Result<()> {
        let putting = || format!("putting the archive to {}", file.display());
        std::fs::rename(Self::path(&self.dir), file).with_context(putting)?;
        let dir = std::fs::File::open(directory_of(file)).with_context(putting)?;
        dir.sync_all().with_context(putting)
    }
}

fn directory_of(file: &Path) -> &Path {
    let parent = file.parent().filter(|it| !it.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// A directory on the same file system as the archive is to be. What is there already is not replaced.
fn directory(file: &Path) -> Result<tempfile::TempDir> {
    let shown = file.display();
    ensure!(
        !file.exists(),
        "there is {shown} already: name another file, or move it away"
    );
    let dir = tempfile::tempdir_in(directory_of(file));
    dir.with_context(|| format!("making room for {shown}"))
}

async fn pack(
    run: &Run,
    snapshot: Option<&Snapshot>,
    image: &Image,
    dir: tempfile::TempDir,
    journal: &mut Journal,
    stage: &Stage,
) -> Result<Packed> {
    let cloud = &run.cloud;
    ensure_bucket(cloud).await?;
    let snapshot = if let Some(snapshot) = snapshot {
        snapshot.clone()
    } else {
        let disk = super::disk(run)
            .await?
            .context("there is no state disk to export")?;
        take_of(run, &disk, Why::Export, &Counts::default(), journal).await?
    };
    let copy = run.with(short_lived(&run.deployment, journal.run())?);
    copy_disk(&copy, &snapshot, journal).await?;
    stage.note(format!("VM {}", copy.deployment.name));
    // Boxed: the future is too large for the stack.
    Box::pin(fleet::create(&copy, image, Adopt::Held, journal)).await?;
    let object = object(run, journal)?;
    let name = object.name.as_deref().unwrap_or_default();
    let objects = cloud.client.objects(&cloud.bucket);
    // Of what was cut short nothing is kept: each try has a session of its own.
    let answer = vm::insist(stage, async || {
        let session = objects.session(&object).await?;
        let url = std::str::from_utf8(session.expose());
        let url = url.context("the session's address is no text")?;
        stage.note("the VM packs the state");
        let request = Request::Export { url };
        vm::ask(cloud, &copy.deployment.name, request, PATIENCE, stage).await
    });
    let answer = answer.await?;
    let path = Packed::path(&dir);
    let limit = snapshot.disk_size_gb.unwrap_or_default() << 30;
    let limit = limit.saturating_add(MARGIN);
    let downloaded = objects
        .download(name, &path, limit, |done, total| stage.advance(done, total))
        .await?;
    ensure!(
        answer.crc32c == downloaded.crc32c && answer.size == downloaded.size,
        "what is in the bucket is not what the VM has packed: export again"
    );
    Ok(Packed {
        dir,
        exported: Exported {
            bytes: downloaded.size.unwrap_or_default(),
            files: answer.files.unwrap_or_default(),
        },
    })
}

/// A deployment like this one for a VM that lives for minutes.
fn short_lived(deployment: &Deployment, run: &str) -> Result<Deployment> {
    let mut copy = deployment.clone();
    let name = format!("clawbake-export-{run}");
    copy.name = name
        .parse()
        .map_err(|_| anyhow::anyhow!("{name} is no name"))?;
    copy.state.snapshots = None;
    Ok(copy)
}

/// A copy of the state as the short-lived VM's own disk.
async fn copy_disk(copy: &Run, snapshot: &Snapshot, journal: &mut Journal) -> Result<()> {
    let cloud = &copy.cloud;
    let blank = fleet::state_disk(&copy.deployment, cloud, None, &journal.label());
    let disk = Disk {
        size_gb: snapshot.disk_size_gb,
        source_snapshot: snapshot.self_link.clone(),
        ..blank
    };
    let disks = cloud.client.disks(&cloud.zone);
    let resource = super::disk::resource(copy);
    journal
        .create(&cloud.client, resource, disks.insert(&disk))
        .await
}

/// The archive's object, whose name is in the journal.
fn object(run: &Run, journal: &mut Journal) -> Result<Object> {
    let name = format!("{ARCHIVES}state-{}.tar.gz", journal.run());
    journal.record(Resource::Object {
        bucket: run.cloud.bucket.clone(),
        name: name.clone(),
    })?;
    Ok(Object {
        name: Some(name),
        metadata: [journal.label()].into(),
        ..Object::default()
    })
}

/// Creates the deployment's VM from an image, with a state from an archive. There must be no state disk.
/// After a failure, what was created is deleted.
pub async fn import(run: &Run, image: &Image, file: &Path) -> Result<Instance> {
    if let Some(disk) = super::disk(run).await? {
        anyhow::bail!(
            "there is the state disk {0} already, and an import needs a blank one: \
             `clawbake delete --state-disk {0}` deletes it",
            disk.name.unwrap_or_default()
        );
    }
    let mut upload = run.journal("import")?;
    let imported = unpack(run, image, file, &mut upload).await;
    upload.undo(&run.cloud.client, imported).await
}

async fn unpack(run: &Run, image: &Image, file: &Path, upload: &mut Journal) -> Result<Instance> {
    let cloud = &run.cloud;
    ensure_bucket(cloud).await?;
    let stage = run.progress.stage("upload");
    let object = object(run, upload)?;
    let name = object.name.clone().unwrap_or_default();
    let objects = cloud.client.objects(&cloud.bucket);
    objects
        .upload(&object, file, |done, total| stage.advance(done, total))
        .await?;
    stage.finish(Outcome::Done, file.display().to_string());
    let mut journal = run.journal("launch")?;
    let filled = async {
        // Boxed: the future is too large for the stack.
        let created = Box::pin(fleet::create(run, image, Adopt::Import, &mut journal));
        let instance = created.await?;
        let stage = run.progress.stage("import");
        let url = objects.data_url(&name)?;
        // The VM goes on where it was cut short, or begins anew.
        let answer = vm::insist(&stage, async || {
            let token = cloud.client.object_token(&cloud.bucket, &name).await?;
            let token = std::str::from_utf8(token.expose()).context("the token is no text")?;
            let request = Request::Import { url: &url, token };
            stage.note("the VM unpacks the state");
            vm::ask(cloud, &run.deployment.name, request, PATIENCE, &stage).await
        });
        let answer = answer.await?;
        let files = answer.files.unwrap_or_default();
        stage.finish(
            Outcome::Done,
            format!("{files} files, directories and links"),
        );
        Ok(instance)
    };
    let filled = filled.await;
    journal.settle(&cloud.client, filled).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_appears_whole_and_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.tar.gz");
        let packed = Packed {
            dir: directory(&file).unwrap(),
            exported: Exported { bytes: 4, files: 1 },
        };
        std::fs::write(Packed::path(&packed.dir), "word").unwrap();
        assert!(!file.exists());
        packed.publish(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "word");
        assert!(directory(&file).is_err());
        assert_eq!(directory_of(Path::new("state.tar.gz")), Path::new("."));
    }

    #[test]
    fn the_vm_that_packs_shares_no_name_with_the_deployment() {
        let text = include_str!("../userdata/testdata/clawbake.yaml");
        let deployment = Deployment::parse("clawbake.yaml", text, Path::new("")).unwrap();
        let copy = short_lived(&deployment, "0123456789ab").unwrap();
        assert_eq!(&*copy.name, "clawbake-export-0123456789ab");
        assert_ne!(
            fleet::state_disk_name(&copy),
            fleet::state_disk_name(&deployment)
        );
        assert_eq!(copy.state.snapshots, None);
    }
}

//! Disk files: qcow2, made by `qemu-img`. A file is there whole or not at all.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::{TempDir, TempPath};

use crate::{child, room};

const GIB: u64 = 1 << 30;
/// How the names of files end that are being made.
const PART: &str = ".part";

/// Makes an empty disk of `size_gb` GiB.
///
/// # Errors
/// When `qemu-img` fails, as by a full file system.
pub async fn blank(path: &Path, size_gb: u64) -> Result<()> {
    let part = part_of(path)?;
    let size = format!("{size_gb}G");
    qemu_img([
        os("create"),
        os("-f"),
        os("qcow2"),
        part.as_ref(),
        os(&size),
    ])
    .await?;
    finish(part, path)
}

/// Creates a disk of `size_gb` GiB with `base` as its backing file.
///
/// # Errors
/// When `qemu-img` fails, as by a base that is not there.
pub async fn overlay(base: &Path, path: &Path, size_gb: u64) -> Result<()> {
    let base = std::path::absolute(base).context("finding the image")?;
    let part = part_of(path)?;
    let size = format!("{size_gb}G");
    let create = [
        os("create"),
        os("-f"),
        os("qcow2"),
        os("-F"),
        os("qcow2"),
        os("-b"),
    ];
    qemu_img(
        create
            .into_iter()
            .chain([base.as_ref(), part.as_ref(), os(&size)]),
    )
    .await?;
    finish(part, path)
}

/// Makes an image from a disk, whole and independent of any other file.
///
/// # Errors
/// When `qemu-img` fails, as by a disk that a running machine holds.
pub async fn copy(source: &Path, image: &Path) -> Result<()> {
    convert("qcow2", source, image).await
}

/// Grows a disk that no machine holds to `size_gb` GiB.
///
/// # Errors
/// When `qemu-img` fails, as by a size below the present one.
pub async fn grow(path: &Path, size_gb: u64) -> Result<()> {
    let size = format!("{size_gb}G");
    qemu_img([
        os("resize"),
        os("-f"),
        os("qcow2"),
        path.as_ref(),
        os(&size),
    ])
    .await?;
    std::fs::File::open(path)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("writing {}", path.display()))
}

/// Makes an image from a Compute Engine archive, a gzip'd tar that holds `disk.raw` alone.
/// Returns the disk's size in GiB.
///
/// # Errors
/// When the archive is none of the kind, or the disk's size is not a whole number of GiB.
pub async fn from_archive(archive: &Path, image: &Path) -> Result<u64> {
    unpack(archive, image)
        .await
        .with_context(|| format!("importing {}", archive.display()))
}

async fn unpack(archive: &Path, image: &Path) -> Result<u64> {
    let mut magic = [0; 2];
    let read = std::fs::File::open(archive)?.read(&mut magic)?;
    ensure!(
        read == 2 && magic == [0x1f, 0x8b],
        "not a gzip file: make it by tar -S and gzip"
    );

    // Beside the image: the temporary directory may well be a small one in memory.
    let dir = part_dir(&parent(image))?;
    let mut tar = child::mortal("tar");
    tar.args([
        "--extract",
        "--verbose",
        "--no-same-owner",
        "--no-same-permissions",
    ])
    .args(["--use-compress-program", decompressor(), "--directory"])
    .args([dir.path().as_os_str(), os("--file"), archive.as_os_str()]);
    let tar = child::output(tar).await.context("running tar")?;
    if !tar.status.success() {
        let failure = child::failure(&tar);
        return Err(if room::is_full(&failure) {
            failure.context(format!("unpacking to {}", parent(image).display()))
        } else {
            failure.context("not a gzip'd tar archive")
        });
    }
    let members = String::from_utf8_lossy(&tar.stdout);
    let members: Vec<_> = members.lines().collect();
    let raw = dir.path().join("disk.raw");
    ensure!(
        members == ["disk.raw"] && raw.symlink_metadata()?.is_file(),
        "must hold exactly one file, disk.raw, but holds: {}",
        if members.is_empty() {
            "nothing".to_owned()
        } else {
            members.join(", ")
        }
    );
    let size = raw.metadata()?.len();
    ensure!(
        size > 0 && size.is_multiple_of(GIB),
        "disk.raw has {size} bytes, which is not a whole number of GiB: round it up by \
         truncate -s {}G",
        size.div_ceil(GIB).max(1)
    );
    convert("raw", &raw, image).await?;
    Ok(size / GIB)
}

/// Converts `source` to an independent qcow2 file. Zero blocks take no space.
///
/// # Errors
/// When `qemu-img` fails, as by a full file system.
pub async fn convert(format: &str, source: &Path, target: &Path) -> Result<()> {
    let part = part_of(target)?;
    let convert = [os("convert"), os("-f"), os(format), os("-O"), os("qcow2")];
    qemu_img(convert.into_iter().chain([source.as_ref(), part.as_ref()])).await?;
    finish(part, target)
}

/// Gives an image a second name, by which it stays when the first one goes; or makes a copy of it where
/// that is on another device.
///
/// # Errors
/// When neither is possible, as by a full file system.
pub fn link(image: &Path, path: &Path) -> Result<()> {
    let part = part_of(path)?;
    std::fs::remove_file(&part)?;
    if std::fs::hard_link(image, &part).is_err() {
        std::fs::copy(image, &part).with_context(|| format!("copying {}", image.display()))?;
    }
    finish(part, path)
}

/// The quickest one here: igzip is several times quicker than gzip.
fn decompressor() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = |name: &&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    ["igzip", "pigz"]
        .into_iter()
        .find(installed)
        .unwrap_or("gzip")
}

fn os(argument: &str) -> &OsStr {
    OsStr::new(argument)
}

async fn qemu_img<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
    let mut command = child::mortal("qemu-img");
    command.args(arguments);
    let output = child::output(command)
        .await
        .context("running qemu-img (Debian: install qemu-utils)")?;
    if !output.status.success() {
        return Err(child::failure(&output));
    }
    Ok(())
}

fn parent(path: &Path) -> PathBuf {
    path.parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned()
}

/// Whether a file is one that was being made here when the engine was killed.
pub(crate) fn is_part(name: &str) -> bool {
    // As tempfile calls them.
    let random = name
        .strip_prefix(".tmp")
        .and_then(|name| name.strip_suffix(PART));
    random.is_some_and(|random| {
        random.len() == 6 && random.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

/// A directory in `dir` to make something in, removed with the value.
pub(crate) fn part_dir(dir: &Path) -> std::io::Result<TempDir> {
    tempfile::Builder::new().suffix(PART).tempdir_in(dir)
}

/// A file beside `path`, removed unless [`finish`] gives it that name.
pub(super) fn part_of(path: &Path) -> Result<TempPath> {
    let dir = parent(path);
    let part = tempfile::Builder::new().suffix(PART).tempfile_in(&dir);
    Ok(part
        .with_context(|| format!("writing to {}", dir.display()))?
        .into_temp_path())
}

pub(super) fn finish(part: TempPath, path: &Path) -> Result<()> {
    let written = || format!("writing {}", path.display());
    std::fs::File::open(&part)
        .and_then(|part| part.sync_all())
        .with_context(written)?;
    part.persist(path).with_context(written)?;
    room::sync_dir(&parent(path)).with_context(written)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// An archive of the named files, each of the given size, made as Google's manual says.
    fn archive(dir: &Path, files: &[(&str, u64)]) -> PathBuf {
        for (name, size) in files {
            let mut options = std::fs::File::options();
            let file = options.append(true).create(true).open(dir.join(name));
            file.and_then(|file| file.set_len(*size))
                .expect("a sparse file");
        }
        let path = dir.join("image.tar.gz");
        let mut tar = std::process::Command::new("tar");
        tar.args(["--format=oldgnu", "-Sczf"])
            .arg(&path)
            .arg("-C")
            .arg(dir);
        let status = tar.args(files.iter().map(|(name, _)| name)).status();
        assert!(status.expect("tar").success());
        path
    }

    /// What the guest would read from the start of the disk.
    async fn first_bytes(disk: &Path, count: usize) -> Vec<u8> {
        let raw = disk.with_extension("raw");
        let convert = [
            os("convert"),
            os("-O"),
            os("raw"),
            disk.as_ref(),
            raw.as_ref(),
        ];
        qemu_img(convert).await.expect("conversion");
        let mut bytes = vec![0; count];
        std::fs::File::open(raw)
            .and_then(|mut file| file.read_exact(&mut bytes))
            .expect("bytes");
        bytes
    }

    fn virtual_size(disk: &Path) -> u64 {
        // qcow2's header: the size is at byte 24, big endian.
        let mut header = [0; 32];
        let read = std::fs::File::open(disk).and_then(|mut file| file.read_exact(&mut header));
        read.expect("a header");
        u64::from_be_bytes(header[24..32].try_into().expect("8 bytes"))
    }

    #[tokio::test]
    async fn from_archive_to_disk_to_image() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("disk.raw"), "a boot sector").expect("a file");
        let archive = archive(dir.path(), &[("disk.raw", 2 * GIB)]);
        assert_eq!(
            from_archive(&archive, &path("image"))
                .await
                .expect("an image"),
            2
        );
        overlay(&path("image"), &path("disk"), 3)
            .await
            .expect("a disk");
        assert_eq!(virtual_size(&path("disk")), 3 * GIB);
        grow(&path("disk"), 4).await.expect("a larger disk");
        assert_eq!(virtual_size(&path("disk")), 4 * GIB);
        copy(&path("disk"), &path("second"))
            .await
            .expect("a second image");
        std::fs::remove_file(path("image")).expect("removal");
        assert_eq!(first_bytes(&path("second"), 13).await, b"a boot sector");
        assert!(path("second").metadata().expect("metadata").blocks() * 512 < 1 << 20);

        blank(&path("blank"), 1).await.expect("a blank disk");
        assert_eq!(virtual_size(&path("blank")), GIB);
        blank(&path("nowhere/blank"), 1)
            .await
            .expect_err("there is no such directory");
        grow(&path("blank"), 0)
            .await
            .expect_err("a disk does not shrink");
    }

    #[tokio::test]
    async fn bad_archives_are_told_apart() {
        let dir = tempfile::tempdir().expect("a directory");
        let image = dir.path().join("image");
        let text = dir.path().join("text");
        std::fs::write(&text, "no archive").expect("a file");
        let no_tar = dir.path().join("text.gz");
        let gzip = format!("gzip -c {} > {}", text.display(), no_tar.display());
        let status = std::process::Command::new("sh")
            .args(["-c", &gzip])
            .status();
        assert!(status.expect("gzip").success());

        let mut messages = Vec::new();
        let mut import = async |path: &Path| {
            let error = from_archive(path, &image).await.expect_err("a bad archive");
            let message = format!("{:#}", error.root_cause());
            messages.push(message.lines().next().unwrap_or_default().to_owned());
        };
        import(&text).await;
        import(&no_tar).await;
        import(&archive(dir.path(), &[("other.raw", GIB)])).await;
        import(&archive(dir.path(), &[("disk.raw", GIB), ("other.raw", 1)])).await;
        import(&archive(dir.path(), &[("disk.raw", GIB + 512)])).await;
        insta::assert_snapshot!(messages.join("\n"), @r"
        not a gzip file: make it by tar -S and gzip
        must hold exactly one file, disk.raw, but holds: nothing
        must hold exactly one file, disk.raw, but holds: other.raw
        must hold exactly one file, disk.raw, but holds: disk.raw, other.raw
        disk.raw has 1073742336 bytes, which is not a whole number of GiB: round it up by truncate -s 2G
        ");
        let left = std::fs::read_dir(dir.path())
            .expect("a directory")
            .filter(|entry| {
                let name = entry.as_ref().expect("an entry").file_name();
                name == "image" || name.to_string_lossy().ends_with(".part")
            });
        assert_eq!(left.count(), 0, "nothing half made is left");
    }
}

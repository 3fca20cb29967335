//! The images that Google publishes in the project `debian-cloud`, made here from Debian's archive.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use md5::{Digest, Md5};
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::child;
use crate::vm::disk;

/// The project that they are published in.
pub const PROJECT: &str = "debian-cloud";
/// Size of every image, in GB.
pub const SIZE_GB: u64 = 10;

const SCRIPT: &str = include_str!("../debian-cloud/image.sh");
const GUEST: &str = include_str!("../debian-cloud/guest.sh");
/// The programs that `image.sh` needs, and the Debian package of each.
const PROGRAMS: [(&str, &str); 6] = [
    ("mmdebstrap", "mmdebstrap"),
    ("unshare", "util-linux"),
    ("sfdisk", "fdisk"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.vfat", "dosfstools"),
    ("mcopy", "mtools"),
];
/// Lines of the script's output that an error repeats.
const TAIL: usize = 12;

/// A release of Debian.
pub struct Release {
    /// The images' family.
    pub family: &'static str,
    /// Debian's code name.
    pub suite: &'static str,
    packages: &'static str,
}

/// The releases that are published.
pub const RELEASES: [Release; 2] = [
    Release {
        family: "debian-12",
        suite: "bookworm",
        packages: include_str!("../debian-cloud/debian-12.packages"),
    },
    Release {
        family: "debian-13",
        suite: "trixie",
        packages: include_str!("../debian-cloud/debian-13.packages"),
    },
];

impl Release {
    /// The release whose image has this name.
    pub fn of(image: &str) -> Option<&'static Self> {
        RELEASES.iter().find(|release| {
            let rest = image.strip_prefix(release.family);
            rest.is_some_and(|rest| rest.starts_with('-'))
        })
    }

    /// The name of the image of a month, `YYYY-MM-...`: Google publishes about monthly.
    pub fn image(&self, date: &str) -> String {
        format!(
            "{}-{}-v{}{}01",
            self.family,
            self.suite,
            &date[..4],
            &date[5..7]
        )
    }

    /// The image's file in `cache`, made if it is not there: minutes, and it takes root.
    ///
    /// # Errors
    /// When this machine cannot make it, with what it lacks, or the script fails, with its last lines.
    pub async fn make(&self, image: &str, cache: &Path) -> Result<PathBuf> {
        let file = cache.join(format!("{image}-{}.qcow2", self.content()));
        if file.exists() {
            return Ok(file);
        }
        if let Some(obstacle) = obstacle(rustix::process::geteuid().is_root(), installed) {
            bail!("this machine cannot make the public image {image}: {obstacle}");
        }
        fs::create_dir_all(cache).with_context(|| format!("creating {}", cache.display()))?;
        let (dir, _lock) =
            workshop(cache).with_context(|| format!("writing to {}", cache.display()))?;
        for (name, content) in [
            ("image.sh", SCRIPT),
            ("guest.sh", GUEST),
            ("packages", self.packages),
        ] {
            fs::write(dir.path().join(name), content)?;
        }
        let mut unshare = child::mortal("unshare");
        unshare
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
            ])
            .arg(dir.path().join("image.sh"))
            .arg(dir.path())
            .arg(self.suite);
        let output = child::output(unshare).await.context("running unshare")?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<_> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
            bail!("making the public image {image} from Debian's archive: {tail}");
        }
        let made = dir.path().join("disk.qcow2");
        disk::convert("raw", &dir.path().join("disk.raw"), &made).await?;
        fs::rename(&made, &file).with_context(|| format!("writing {}", file.display()))?;
        self.forget_others(cache, &file)?;
        Ok(file)
    }

    /// Removes this release's other files from the cache. Engines that use them have links of their own.
    fn forget_others(&self, cache: &Path, current: &Path) -> Result<()> {
        let entries =
            fs::read_dir(cache).with_context(|| format!("listing {}", cache.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path != current && Self::of(&name).is_some_and(|other| other.suite == self.suite) {
                fs::remove_file(&path).ok();
            }
        }
        Ok(())
    }

    /// The digest of what the image is made from.
    fn content(&self) -> String {
        let mut digest = Md5::new();
        for part in [SCRIPT, GUEST, self.packages] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.finalize()[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// A directory to make an image in, which is its maker's for as long as the lock is held: engines share the
/// cache.
fn workshop(cache: &Path) -> io::Result<(TempDir, File)> {
    let _cache = locked(cache, FlockOperation::LockExclusive)?;
    let dir = disk::part_dir(cache)?;
    let lock = locked(dir.path(), FlockOperation::NonBlockingLockExclusive)?;
    Ok((dir, lock))
}

/// Removes unfinished images of killed engines from the cache.
pub fn clear_up(cache: &Path) -> io::Result<()> {
    if !cache.exists() {
        return Ok(());
    }
    // No directory is looked at that is not locked yet.
    let _cache = locked(cache, FlockOperation::LockExclusive)?;
    for entry in fs::read_dir(cache)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if disk::is_part(&name)
            && path.is_dir()
            && locked(&path, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

fn locked(dir: &Path, how: FlockOperation) -> io::Result<File> {
    let dir = File::open(dir)?;
    flock(&dir, how)?;
    Ok(dir)
}

/// Why this machine cannot build a disk, and how to fix it.
fn obstacle(root: bool, installed: impl Fn(&str) -> bool) -> Option<String> {
    if !root {
        return Some("it mounts file systems: run the engine as root".into());
    }
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !installed(program))
        .map(|(_, package)| *package)
        .collect();
    (!missing.is_empty()).then(|| format!("install first: {}", missing.join(" ")))
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_googles_are() {
        let names: Vec<_> = RELEASES
            .iter()
            .map(|release| release.image("2026-11-24T16:00:00Z"))
            .collect();
        assert_eq!(
            names,
            ["debian-12-bookworm-v20261101", "debian-13-trixie-v20261101"]
        );
        assert_eq!(
            Release::of(&names[1]).map(|release| release.suite),
            Some("trixie")
        );
        assert!(Release::of("debian-130-x").is_none());
    }

    #[test]
    fn what_killed_engines_were_making_goes_and_what_others_make_stays() {
        let cache = tempfile::tempdir().expect("a directory");
        clear_up(&cache.path().join("none")).expect("nothing to do");
        let (others, lock) = workshop(cache.path()).expect("a workshop");
        let dead = cache.path().join(".tmpAbc123.part");
        let strange = cache.path().join("mine.part");
        for dir in [&dead, &strange] {
            fs::create_dir_all(dir.join("root")).expect("a directory");
        }
        clear_up(cache.path()).expect("clearing up");
        assert!(others.path().exists() && strange.exists() && !dead.exists());
        drop(lock);
        clear_up(cache.path()).expect("clearing up");
        assert!(!others.path().exists());
    }

    #[test]
    fn a_machine_that_cannot_make_them_says_what_it_lacks() {
        assert_eq!(obstacle(true, |_| true), None);
        let user = obstacle(false, |_| true).unwrap_or_default();
        assert!(user.contains("as root"), "{user}");
        assert_eq!(
            obstacle(true, |program| !program.starts_with('m')).as_deref(),
            Some("install first: mmdebstrap e2fsprogs dosfstools mtools")
        );
    }
}

//! Remembers, until the host reboots, that machines fail under KVM although its probe passed.

use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

const FILE: &str = "kvm-distrust.json";

/// The kernel's id of the current boot of the host.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Deserialize, Serialize)]
struct Distrust {
    boot_id: String,
    why: String,
}

/// Why KVM must not be used until this host reboots; `None` if it is not known to fail.
pub(super) fn read(dir: &Path) -> Option<String> {
    let path = dir.join(FILE);
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        text => text.map_err(anyhow::Error::from),
    };
    let distrust = text.and_then(|text| Ok(serde_json::from_slice::<Distrust>(&text)?));
    match distrust {
        Ok(distrust) => (distrust.boot_id == boot_id().ok()?).then_some(distrust.why),
        // The cost is one probe, and perhaps one restart.
        Err(error) => {
            crate::log::line(format_args!("reading {}: {error:#}", path.display()));
            None
        }
    }
}

/// Remembers that KVM fails. After a crash the file is either complete or absent.
pub(super) fn write(dir: &Path, why: &str) -> Result<()> {
    let write = || -> Result<()> {
        let distrust = Distrust {
            boot_id: boot_id()?,
            why: why.to_owned(),
        };
        let mut file = NamedTempFile::new_in(dir)?;
        file.write_all(&serde_json::to_vec(&distrust)?)?;
        file.as_file().sync_all()?;
        file.persist(dir.join(FILE))?;
        std::fs::File::open(dir)?.sync_all()?;
        Ok(())
    };
    write().with_context(|| format!("writing {}", dir.join(FILE).display()))
}

fn boot_id() -> Result<String> {
    std::fs::read_to_string(BOOT_ID).with_context(|| format!("reading {BOOT_ID}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_is_distrusted_for_this_boot_of_the_host() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(read(dir.path()), None);
        write(dir.path(), "it hangs").expect("a file");
        assert_eq!(read(dir.path()).as_deref(), Some("it hangs"));

        let earlier = r#"{"boot_id": "another", "why": "it hangs"}"#;
        for other in [earlier, "", "{", "null"] {
            std::fs::write(dir.path().join(FILE), other).expect("a file");
            assert_eq!(read(dir.path()), None, "{other}");
        }
    }
}

//! Where an image is made.

/// Programs that the offline builder runs, besides those of every Debian.
const PROGRAMS: [&str; 7] = [
    "curl",
    "mmdebstrap",
    "buildah",
    "mkfs.vfat",
    "mcopy",
    "sfdisk",
    "unshare",
];

/// One of the two builders. What they make is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// On this machine, without a VM: Linux, root, and the programs that `make deps` installs.
    Offline,
    /// In an instance of the base's public image.
    Vm,
}

impl Builder {
    /// Offline if this machine can, since that is faster; else in a VM.
    #[must_use]
    pub fn for_this_machine() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let installed =
            |program: &&str| std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
        Self::choose(
            cfg!(target_os = "linux") && rustix::process::geteuid().is_root(),
            PROGRAMS.iter().all(installed),
        )
    }

    fn choose(linux_root: bool, programs: bool) -> Self {
        if linux_root && programs {
            Self::Offline
        } else {
            Self::Vm
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_lacks_anything_bakes_in_a_vm() {
        assert_eq!(Builder::choose(true, true), Builder::Offline);
        assert_eq!(Builder::choose(true, false), Builder::Vm);
        assert_eq!(Builder::choose(false, true), Builder::Vm);
    }
}

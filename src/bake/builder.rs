//! Where an image is made.

/// Programs that the offline builder runs, and the Debian package of each.
const PROGRAMS: [(&str, &str); 10] = [
    ("curl", "curl"),
    ("mmdebstrap", "mmdebstrap"),
    ("buildah", "buildah"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("sfdisk", "fdisk"),
    ("igzip", "isal"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
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
        Self::choose(
            cfg!(target_os = "linux") && rustix::process::geteuid().is_root(),
            Self::missing_packages().is_empty(),
        )
    }

    /// Debian's packages of programs that the offline builder runs and this machine does not have.
    #[must_use]
    pub fn missing_packages() -> Vec<&'static str> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs: Vec<_> = std::env::split_paths(&path).collect();
        let missing = |program: &str| !dirs.iter().any(|dir| dir.join(program).is_file());
        let lacking = PROGRAMS.iter().filter(|(program, _)| missing(program));
        let mut packages: Vec<_> = lacking.map(|(_, package)| *package).collect();
        packages.dedup();
        packages
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

//! The base's scripts, shipped within this program. The offline builder and the VM builder share them.

use std::io;
use std::path::Path;

use crate::recipe::Base;

/// Makes the root of a base.
pub const ROOT: &str = include_str!("../../recipes/base/root.sh");
/// Gathers what the gateway's container is made from.
pub const CONTEXT: &str = include_str!("../../recipes/base/context.sh");
/// The Containerfile of a gateway from npm.
pub const CONTAINERFILE: &str = include_str!("../../recipes/base/Containerfile.tera");
/// Builds the gateway's container.
pub const CONTAINER: &str = include_str!("../../recipes/base/container.sh");
/// Runs [`CONTAINER`] as nobody.
pub const NOBODY: &str = include_str!("../../recipes/base/nobody.sh");
/// Takes a file out of an archive.
pub const MEMBER: &str = include_str!("../../recipes/base/member.sh");
/// Enters the root and runs [`INSIDE`].
pub const OFFLINE: &str = include_str!("../../recipes/base/offline.sh");
/// The bake as seen from inside the image.
pub const INSIDE: &str = include_str!("../../recipes/base/inside.sh");
/// `startup-script` of a builder VM: runs [`BUILDER`] and reports how it ended.
pub const VM: &str = include_str!("../../recipes/base/vm.sh");
/// The bake in a builder VM, around [`INSIDE`].
pub const BUILDER: &str = include_str!("../../recipes/base/builder.sh");
/// Runs [`CONTEXT`] and [`CONTAINER`] in a builder VM.
pub const GATEWAY: &str = include_str!("../../recipes/base/gateway.sh");
/// Reports a VM's phase; user-data installs it too.
pub const PHASE: &str = include_str!("../../cloud-init/scripts/clawbake-phase");
/// Takes out what belongs to one machine.
pub const SEAL: &str = include_str!("../../recipes/base/seal.sh");
/// Puts plugins where the gateway looks for them.
pub const PLUGINS: &str = include_str!("../../recipes/base/plugins.sh");
/// Starts the gateway once.
pub const WARM: &str = include_str!("../../recipes/base/warm.mjs");

/// Scripts that every image is provisioned with, before the recipe's own.
pub const PROVISION: &[(&str, &str)] = &[
    (
        "10-system.sh",
        include_str!("../../recipes/base/provision/10-system.sh"),
    ),
    (
        "20-docker.sh",
        include_str!("../../recipes/base/provision/20-docker.sh"),
    ),
];

/// Units that the image carries itself, below `/etc/systemd/system`: they must hold before the first
/// container is started.
pub const UNITS: &[(&str, &str)] = &[
    (
        "containerd.service.d/clawbake.conf",
        include_str!("../../cloud-init/image/containerd.service.d/clawbake.conf"),
    ),
    (
        "docker.service.d/clawbake.conf",
        include_str!("../../cloud-init/image/docker.service.d/clawbake.conf"),
    ),
    (
        "var-lib-containerd.mount",
        include_str!("../../cloud-init/image/var-lib-containerd.mount"),
    ),
    (
        "var-lib-docker-containers.mount",
        include_str!("../../cloud-init/image/var-lib-docker-containers.mount"),
    ),
];

/// Debian packages of a base.
pub fn packages(base: Base) -> impl Iterator<Item = &'static str> {
    let list = match base {
        Base::Debian12 => include_str!("../../recipes/base/debian-12.packages"),
        Base::Debian13 => include_str!("../../recipes/base/debian-13.packages"),
    };
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Writes files below a directory.
pub fn write<'a>(
    dir: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    for (name, content) in files {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, content)?;
    }
    Ok(())
}

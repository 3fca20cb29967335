//! Whether this machine has what the local engine needs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Finding;
use crate::cloud::{Cloud, Engine};
use crate::deployment::Deployment;
use crate::fleet;

/// Enough for one release's root, container, disk and archive, and for a VM's disks, all of them sparse.
const DISK_MB: u64 = 6 * 1024;

#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    acceleration: String,
    /// Why VMs are emulated although KVM was wanted.
    emulated: Option<String>,
    dir: PathBuf,
    free_disk_mb: u64,
    free_memory_mb: u64,
    /// What the VM will take; 0 if it runs already.
    machine_mb: u64,
    missing_secrets: Vec<String>,
}

pub(super) async fn look(deployment: &Deployment, cloud: &Cloud, engine: &Engine) -> Result<Seen> {
    let stat = rustix::fs::statvfs(&engine.dir)
        .with_context(|| format!("looking at {}", engine.dir.display()))?;
    let memory = fs::read_to_string("/proc/meminfo").context("reading /proc/meminfo")?;
    let client = &cloud.client;
    let running = client.instances(&cloud.zone).find(&deployment.name).await?;
    let machine_type = &deployment.machine.r#type;
    let kind = client.machine_type(&cloud.zone, machine_type).await?;
    let runs = running.is_some_and(|vm| vm.status.as_deref() == Some("RUNNING"));
    Ok(Seen {
        acceleration: engine.acceleration.clone(),
        emulated: engine.emulated.clone(),
        dir: engine.dir.clone(),
        free_disk_mb: stat.f_bavail * stat.f_frsize / 1024 / 1024,
        free_memory_mb: available_mb(&memory),
        machine_mb: if runs {
            0
        } else {
            kind.memory_mb.unwrap_or_default().into()
        },
        missing_secrets: fleet::missing(deployment, cloud).await?,
    })
}

/// `MemAvailable` of /proc/meminfo, which is in KiB.
fn available_mb(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let digits = line.and_then(|line| line.trim().strip_suffix(" kB"));
    digits
        .and_then(|kb| kb.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let acceleration = match seen.acceleration.as_str() {
        "kvm" => Finding::ok("engine", "VMs run under KVM"),
        "halted" => Finding::problem(
            "engine",
            "VMs do not run: --accel halted is asked for",
            "`clawbake engine stop` and `clawbake engine start --accel auto`",
        ),
        _ => {
            let why = seen
                .emulated
                .as_deref()
                .unwrap_or("--accel tcg is asked for");
            Finding::warning(
                "engine",
                format!("VMs are emulated, and a gateway takes minutes to be ready: {why}"),
                "a working KVM is ten times as fast; once there is one, `clawbake engine stop` and \
                 `clawbake engine start --accel kvm`",
            )
        }
    };
    let dir = seen.dir.display();
    let disk = if seen.free_disk_mb < DISK_MB {
        Finding::problem(
            "disk",
            format!(
                "{} MB free below {dir}, {DISK_MB} are needed",
                seen.free_disk_mb
            ),
            "free some, or set $CLAWBAKE_ENGINE and $CLAWBAKE_CACHE to directories on a larger disk",
        )
    } else {
        Finding::ok("disk", format!("{} MB free below {dir}", seen.free_disk_mb))
    };
    let memory = if seen.free_memory_mb < seen.machine_mb {
        Finding::problem(
            "memory",
            format!(
                "{} MB available, the VM takes {}",
                seen.free_memory_mb, seen.machine_mb
            ),
            "stop something, or use a smaller machine type",
        )
    } else {
        Finding::ok("memory", format!("{} MB available", seen.free_memory_mb))
    };
    let secrets = seen.missing_secrets.iter().map(|name| {
        Finding::warning(
            "secret",
            format!("{name} does not exist"),
            format!("clawbake up makes the gateway's token; for others: clawbake secrets set {name} <FILE"),
        )
    });
    [acceleration, disk, memory]
        .into_iter()
        .chain(secrets)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn an_engine_whose_machines_are_halted_is_a_problem() {
        let seen = Seen {
            acceleration: "halted".into(),
            ..Seen::default()
        };
        assert_eq!(judge(&seen)[0].level, Level::Problem);
    }

    #[test]
    fn a_machine_that_is_too_small_is_told_so() {
        let seen = Seen {
            acceleration: "tcg".into(),
            emulated: Some("a guest did not get past a timer interrupt: it hangs".into()),
            free_disk_mb: 100,
            free_memory_mb: available_mb("MemTotal: 9 kB\nMemAvailable:     1048576 kB\n"),
            machine_mb: 2048,
            ..Seen::default()
        };
        assert_eq!(seen.free_memory_mb, 1024);
        let findings = judge(&seen);
        assert!(findings[0].message.ends_with("timer interrupt: it hangs"));
        let levels: Vec<_> = findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Warning, Level::Problem, Level::Problem]);
    }
}

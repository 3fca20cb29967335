//! Mounts and loop devices.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Mount points at or below `dir`, and loop devices on files there.
pub(crate) fn below(dir: &Path) -> Result<Vec<String>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("reading the mounts")?;
    let mut found = points(&table, &dir.to_string_lossy());
    for device in fs::read_dir("/sys/block").into_iter().flatten() {
        let device = device?.path();
        let backing = fs::read_to_string(device.join("loop/backing_file")).unwrap_or_default();
        if Path::new(backing.trim_end()).starts_with(dir) {
            found.push(format!("{} on {}", device.display(), backing.trim_end()));
        }
    }
    Ok(found)
}

/// The mount points of a `mountinfo` at or below `dir`.
fn points(table: &str, dir: &str) -> Vec<String> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .filter(|point| Path::new(point).starts_with(dir))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::points;

    #[test]
    fn mount_points_below_a_directory() {
        let table = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                     36 22 0:31 / /e/vms/1/root rw - tmpfs tmpfs rw\n\
                     37 22 0:32 / /engine rw - tmpfs tmpfs rw\n";
        assert_eq!(points(table, "/e"), ["/e/vms/1/root"]);
    }
}

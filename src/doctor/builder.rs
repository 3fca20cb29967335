//! Whether this machine has what the offline builder needs.

use super::Finding;
use crate::bake::Builder;

const AREA: &str = "builder";

pub(super) struct Seen {
    root: bool,
    /// Packages whose programs are missing.
    missing: Vec<&'static str>,
}

pub(super) fn look() -> Seen {
    Seen {
        root: rustix::process::geteuid().is_root(),
        missing: Builder::missing_packages(),
    }
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !seen.root {
        findings.push(Finding::warning(
            AREA,
            "not root: the offline builder mounts file systems and runs containers",
            "run `clawbake bake` as root",
        ));
    }
    if !seen.missing.is_empty() {
        let packages = seen.missing.join(" ");
        findings.push(Finding::warning(
            AREA,
            format!("programs of these packages are missing: {packages}"),
            format!("apt-get install {packages}"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(AREA, "root, and every program is there"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lack_has_its_remedy() {
        let seen = Seen {
            root: false,
            missing: vec!["mmdebstrap", "isal"],
        };
        let remedies: Vec<_> = judge(&seen).into_iter().filter_map(|f| f.remedy).collect();
        assert_eq!(
            remedies,
            [
                "run `clawbake bake` as root",
                "apt-get install mmdebstrap isal"
            ]
        );
    }
}

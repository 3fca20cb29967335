/// The template of the document itself.
pub(super) const TEMPLATE: &str = include_str!("../../cloud-init/user-data.yaml.tera");

macro_rules! script {
    ($dir:literal, $name:literal) => {
        (
            concat!($dir, "/", $name),
            "0755",
            include_str!(concat!("../../cloud-init/scripts/", $name)),
        )
    };
}

macro_rules! unit {
    ($name:literal) => {
        (
            concat!("/etc/systemd/system/", $name),
            "0644",
            include_str!(concat!("../../cloud-init/units/", $name)),
        )
    };
}

/// Path, permissions and content of the files that every VM gets.
pub(super) const INSTALLED: &[(&str, &str, &str)] = &[
    script!("/usr/local/lib/clawbake", "clawbake-state"),
    script!("/usr/local/lib/clawbake", "clawbake-disk"),
    script!("/usr/local/lib/clawbake", "clawbake-writable"),
    script!("/usr/local/lib/clawbake", "clawbake-marker"),
    script!("/usr/local/lib/clawbake", "clawbake-adopt"),
    script!("/usr/local/lib/clawbake", "clawbake-vouched"),
    script!("/usr/local/lib/clawbake", "clawbake-env"),
    script!("/usr/local/lib/clawbake", "clawbake-release"),
    script!("/usr/local/lib/clawbake", "clawbake-inside"),
    script!("/usr/local/lib/clawbake", "clawbake-slowness"),
    script!("/usr/local/lib/clawbake", "clawbake-counts"),
    script!("/usr/local/lib/clawbake", "clawbake-failed"),
    script!("/usr/local/lib/clawbake", "clawbake-guard"),
    script!("/usr/local/lib/clawbake", "clawbake-phase"),
    script!("/usr/local/lib/clawbake", "clawbake-redact"),
    script!("/usr/local/lib/clawbake", "clawbake-ready"),
    script!("/usr/local/lib/clawbake", "clawbake-listen"),
    script!("/usr/local/lib/clawbake", "clawbake-export"),
    script!("/usr/local/lib/clawbake", "clawbake-import"),
    script!("/usr/local/lib/clawbake", "clawbake-memory"),
    script!("/etc/systemd/system-generators", "clawbake-ports"),
    unit!("clawbake-state.service"),
    unit!("clawbake-env.service"),
    unit!("clawbake-release.service"),
    unit!("clawbake-gateway.service"),
    unit!("clawbake-ready.service"),
    unit!("clawbake-failed@.service"),
    unit!("clawbake-proxy.socket"),
    unit!("clawbake-proxy.service"),
    unit!("clawbake-guard.service"),
    unit!("clawbake-listen.service"),
    unit!("clawbake-memory.service"),
    unit!("clawbake-memory.timer"),
];

/// Units that are enabled and started; they pull in the rest.
pub(super) const ENABLED: [&str; 4] = [
    "clawbake-listen.service",
    "clawbake-memory.timer",
    "clawbake-proxy.socket",
    "clawbake-gateway.service",
];
/// The same where the gateway is held.
pub(super) const HELD: [&str; 3] = [
    "clawbake-listen.service",
    "clawbake-memory.timer",
    "clawbake-proxy.socket",
];

#[cfg(test)]
mod tests {
    use super::INSTALLED;

    #[test]
    fn every_script_and_unit_is_installed() {
        for dir in ["scripts", "units"] {
            let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/cloud-init/").to_owned() + dir;
            for file in std::fs::read_dir(dir).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                let installed =
                    |(path, _, _): &(&str, &str, &str)| path.rsplit('/').next() == Some(&name);
                assert!(INSTALLED.iter().any(installed), "{name} is not installed");
            }
        }
    }
}

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::files;
use crate::deployment::{Deployment, Secret};
use crate::names::EnvName;

/// Compute Engine's limit for one metadata value, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// The state disk's device name; the guest finds it by this.
pub const STATE_DEVICE: &str = "clawbake-state";

/// What a VM must know, as `/etc/clawbake/vm.json`: names of secrets, never their values.
#[derive(Debug, Clone, Serialize)]
pub struct Values {
    schema: u32,
    /// The deployment's name, which is written to the state disk.
    pub deployment: String,
    /// Project of the secrets.
    pub project: String,
    /// Secret Manager's base URL, as the VM reaches it.
    pub secret_manager: String,
    /// Device name of the state disk.
    pub state_device: &'static str,
    /// Whether its state is a copy of what another VM has: then the VM talks to nobody but its metadata
    /// server and Secret Manager.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clone: bool,
    /// Whether its gateway does not start by itself. The VM mounts its state disk and waits to be asked: to
    /// give the state away, or to take one in and start the gateway then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// Variable: secret.
    pub secrets: BTreeMap<EnvName, Secret>,
    /// Plain variables.
    pub env: BTreeMap<EnvName, String>,
}

impl Values {
    /// The values for a deployment's VM, with its secrets in `project` at `secret_manager`.
    #[must_use]
    pub fn new(deployment: &Deployment, project: &str, secret_manager: &str) -> Self {
        Self {
            schema: 1,
            deployment: deployment.name.to_string(),
            project: project.to_owned(),
            secret_manager: secret_manager.to_owned(),
            state_device: STATE_DEVICE,
            clone: false,
            hold: false,
            secrets: deployment.secrets.clone(),
            env: deployment.env.clone(),
        }
    }
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    permissions: &'a str,
    content: &'a str,
}

/// The cloud-config of a VM.
pub fn render(values: &Values) -> Result<String> {
    let vm_json = ascii(&serde_json::to_string_pretty(values)?) + "\n";
    let installed = files::INSTALLED
        .iter()
        .map(|&(path, permissions, content)| File {
            path,
            permissions,
            content,
        });
    let files: Vec<File> = std::iter::once(File {
        path: "/etc/clawbake/vm.json",
        permissions: "0644",
        content: &vm_json,
    })
    .chain(installed)
    .collect();
    let mut context = tera::Context::new();
    context.insert("files", &files);
    let units: &[_] = if values.hold {
        &files::HELD
    } else {
        &files::ENABLED
    };
    context.insert("units", units);
    let text =
        tera::Tera::one_off(files::TEMPLATE, &context, false).context("rendering user-data")?;
    ensure!(
        text.len() <= MAX_BYTES,
        "user-data has {} bytes, Compute Engine takes {MAX_BYTES}: shorten the deployment's env",
        text.len()
    );
    Ok(text)
}

/// The same JSON without characters that cloud-init's YAML would fold or refuse, such as U+2028.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::document::Node;
    use crate::recipe::Base;
    use crate::userdata::validate;

    /// Values that YAML or a template easily misreads.
    const AWKWARD: [&str; 8] = [
        "a: b # c",
        "{{ 1 + 1 }}",
        "$HOME ${X}",
        "\"q\" 'q' \\",
        "line\nline\n",
        "\u{1f99e} ü",
        "- [x]",
        "\u{2028}\u{7f}",
    ];

    fn values() -> Values {
        let text = include_str!("testdata/clawbake.yaml");
        let deployment = Deployment::parse("clawbake.yaml", text, Path::new("")).unwrap();
        Values::new(
            &deployment,
            "my-project",
            "https://secretmanager.googleapis.com",
        )
    }

    #[test]
    fn rendered_user_data_has_no_findings_with_either_schema() {
        let text = render(&values()).unwrap();
        for base in [Base::Debian13, Base::Debian12] {
            assert_eq!(validate("user-data", &text, base), []);
        }
    }

    #[test]
    fn files_arrive_byte_for_byte() {
        let mut values = values();
        for (i, text) in AWKWARD.iter().enumerate() {
            values
                .env
                .insert(format!("V{i}").parse().unwrap(), (*text).to_owned());
        }
        let text = render(&values).unwrap();
        assert!(
            text.is_ascii(),
            "cloud-init's YAML folds some line separators of Unicode"
        );
        let document = Node::parse("user-data", &text).unwrap();
        let written = document.get("write_files").unwrap().items();
        let content = |path: &str| {
            let has = |file: &&Node| file.get("path").and_then(Node::text) == Some(path);
            written
                .iter()
                .find(has)
                .unwrap()
                .get("content")
                .unwrap()
                .text()
                .unwrap()
        };
        let vm: serde_json::Value = serde_json::from_str(content("/etc/clawbake/vm.json")).unwrap();
        for (i, text) in AWKWARD.iter().enumerate() {
            assert_eq!(vm["env"][format!("V{i}")], *text);
        }
        assert_eq!(vm["secrets"]["CLAWDBOT_GATEWAY_TOKEN"]["version"], "latest");
        for (path, _, original) in files::INSTALLED {
            assert_eq!(content(path), *original, "{path}");
        }
    }

    #[test]
    fn a_gateway_that_is_held_is_not_enabled() {
        for hold in [false, true] {
            let mut values = values();
            values.hold = hold;
            let text = render(&values).unwrap();
            let last = text.lines().last().unwrap();
            assert_eq!(last.contains("clawbake-gateway.service"), !hold, "{last}");
            assert!(last.contains("clawbake-listen.service"), "{last}");
            assert_eq!(text.contains(r#"\"hold\": true"#), hold);
        }
    }

    #[test]
    fn what_does_not_fit_into_metadata_is_refused() {
        let mut values = values();
        values
            .env
            .insert("BIG".parse().unwrap(), "x".repeat(MAX_BYTES));
        assert!(render(&values).unwrap_err().to_string().contains("262144"));
    }
}

//! Mistakes that cloud-init's schema accepts, or refuses without saying why.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::document::{Log, Node, Value};
use crate::names::looks_secret;

/// Runs all lints.
pub(super) fn check(document: &Node, text: &str, log: &Log) {
    commands(document, log);
    keys(document, log);
    written_files(document, text, log);
    secrets(document, "", log);
}

/// An unquoted `: ` turns a command into a mapping.
fn commands(document: &Node, log: &Log) {
    for list in ["bootcmd", "runcmd"] {
        let items = document.get(list).map(Node::items).unwrap_or_default();
        for (i, item) in items.iter().enumerate() {
            if matches!(item.value, Value::Map(_)) {
                log.report(
                    item,
                    &format!("{list}[{i}]"),
                    "YAML reads this command as a mapping, because it holds `: `",
                    "quote the whole command, or write it as a list: [curl, -H, \"Metadata-Flavor: Google\", ...]",
                );
            }
        }
    }
}

/// Keys that do harm here, whatever their value.
const HARMFUL: [(&str, &str, &str); 8] = [
    (
        "fs_setup",
        "can clear a disk that holds data",
        "let the guest's state unit format what is provably blank",
    ),
    (
        "disk_setup",
        "can clear a disk that holds data",
        "a state disk is used whole, without partitions",
    ),
    (
        "mounts",
        "mounts with `nofail`: the service would start on an empty directory",
        "use a systemd unit with RequiresMountsFor=",
    ),
    (
        "packages",
        "needs the network at first boot",
        "list the packages in the recipe, so that they are in the image",
    ),
    (
        "package_update",
        "needs the network at first boot",
        "bake a new image instead",
    ),
    (
        "package_upgrade",
        "needs the network at first boot",
        "bake a new image instead",
    ),
    (
        "package_reboot_if_required",
        "reboots a VM that is not ready yet",
        "bake a new image instead",
    ),
    (
        "apt",
        "needs the network at first boot",
        "put sources and packages into the recipe",
    ),
];

fn keys(document: &Node, log: &Log) {
    for (name, message, hint) in HARMFUL {
        let off = |value: &Node| matches!(value.value, Value::Bool(false) | Value::Null);
        if let (Some(key), Some(value)) = (document.key(name), document.get(name))
            && !off(value)
        {
            log.report(key, name, message, hint);
        }
    }
}

fn written_files(document: &Node, text: &str, log: &Log) {
    let users = created_users(document);
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let files = document
        .get("write_files")
        .map(Node::items)
        .unwrap_or_default();
    for (i, file) in files.iter().enumerate() {
        let at = |key: &str| format!("write_files[{i}].{key}");
        if let Some(node) = file.get("path")
            && let Some(path) = node.text()
            && let Some(line) = seen.insert(path, node.line)
        {
            log.report(
                node,
                &at("path"),
                format!("`{path}` is already written in line {line}"),
                "the last one wins; drop one",
            );
        }
        if let Some(node) = file.get("permissions")
            && !["\"", "'"]
                .iter()
                .any(|quote| source_begins(text, node, quote))
        {
            log.report(
                node,
                &at("permissions"),
                "permissions are not quoted: cloud-init's YAML reads 0644 as the number 420",
                "write '0644'",
            );
        }
        let deferred = matches!(file.get("defer").map(|d| &d.value), Some(Value::Bool(true)));
        if let Some(node) = file.get("owner")
            && let Some(owner) = node.text().and_then(|owner| owner.split(':').next())
            && users.contains(&owner)
            && !deferred
        {
            log.report(
                node,
                &at("owner"),
                format!("`{owner}` does not exist yet when files are written"),
                "add `defer: true`, or bake the user into the image",
            );
        }
        unit_order(file, &at("content"), log);
    }
}

/// Users that this document makes cloud-init create.
fn created_users(document: &Node) -> Vec<&str> {
    let users = document.get("users").map(Node::items).unwrap_or_default();
    let named = users
        .iter()
        .filter_map(|user| user.get("name").unwrap_or(user).text());
    // Debian's name for the default user.
    named
        .map(|name| if name == "default" { "debian" } else { name })
        .collect()
}

/// cloud-final runs after multi-user.target, so such a unit would wait for itself, and systemd drops one
/// of the two jobs.
fn unit_order(file: &Node, path: &str, log: &Log) {
    let Some(node) = file.get("content") else {
        return;
    };
    let content = node.text().unwrap_or_default();
    let sets = |key: &str, value: &str| {
        let settings = content.lines().filter_map(|line| line.split_once('='));
        settings
            .filter(|(name, _)| name.trim() == key)
            .any(|(_, values)| values.split_whitespace().any(|v| v.starts_with(value)))
    };
    let late = sets("After", "cloud-final") || sets("After", "cloud-init.target");
    if late && sets("WantedBy", "multi-user.target") {
        log.report(
            node,
            path,
            "the unit is After=cloud-final and WantedBy=multi-user.target: an ordering cycle",
            "use WantedBy=cloud-init.target, or drop the After=",
        );
    }
}

/// Text anywhere that looks like a secret's value. Every process in the VM can read metadata, and so can
/// everybody with read access to the instance.
fn secrets(node: &Node, path: &str, log: &Log) {
    match &node.value {
        Value::Text(text) if holds_secret(&plain(text)) => {
            log.report(
                node,
                path,
                "this looks like a secret's value",
                "user-data can be read by every process in the VM: keep it in Secret Manager, and name it here",
            );
        }
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                secrets(item, &format!("{path}[{i}]"), log);
            }
        }
        Value::Map(entries) => {
            let encoding = node.get("encoding").and_then(Node::text);
            let compressed = encoding.is_some_and(|encoding| encoding.starts_with("gz"));
            for (key, value) in entries {
                if compressed && key.text() == Some("content") {
                    continue;
                }
                let dot = if path.is_empty() { "" } else { "." };
                secrets(
                    value,
                    &format!("{path}{dot}{}", key.text().unwrap_or_default()),
                    log,
                );
            }
        }
        _ => {}
    }
}

/// Decodes base64 if it holds text: it looks random, but is no secret by itself.
fn plain(text: &str) -> Cow<'_, str> {
    let bytes = STANDARD.decode(text.split_whitespace().collect::<String>());
    let decoded = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map_or(Cow::Borrowed(text), Cow::Owned)
}

fn holds_secret(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----")
        || text.lines().any(|line| {
            // Digests are long and random, but no secrets.
            let digest = line.contains("sha256") || line.contains("sha512");
            assigns_secret(line) || (!digest && line.split(|c| !word(c)).any(looks_secret))
        })
}

/// `GATEWAY_TOKEN=hunter2`, also as YAML or JSON; not `TOKEN=$(...)` or a path.
fn assigns_secret(line: &str) -> bool {
    let Some((name, value)) = line.split_once(['=', ':']) else {
        return false;
    };
    let name = name
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .find(|part| !part.is_empty());
    let name = name.unwrap_or_default();
    let named = ["TOKEN", "PASSWORD", "SECRET", "API_KEY"]
        .iter()
        .any(|end| name.ends_with(end));
    let value = value.trim().trim_matches(['"', '\'', ',']);
    let literal = value.chars().take_while(char::is_ascii_graphic).count();
    named && literal >= 6 && value.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether the document's text begins so at the node's place.
pub(super) fn source_begins(text: &str, node: &Node, with: &str) -> bool {
    let index = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let line = text.lines().nth(index(node.line)).unwrap_or_default();
    let start = line
        .char_indices()
        .nth(index(node.column))
        .map(|(at, _)| at);
    start.is_some_and(|start| line[start..].starts_with(with))
}

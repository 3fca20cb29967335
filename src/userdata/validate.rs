use super::render::MAX_BYTES;
use super::{lints, schema};
use crate::document::{Finding, Log, Node, Value};
use crate::recipe::Base;

/// Everything that is wrong with a user-data document for the cloud-init of `base`, by line. Debian 13's
/// is strict; Debian 12's accepts unknown keys. Findings call the document `file`.
#[must_use]
pub fn validate(file: &str, text: &str, base: Base) -> Vec<Finding> {
    let log = Log::new(file);
    let document = Node::parse(file, text);
    let empty = Node {
        line: 1,
        column: 1,
        value: Value::Null,
    };
    // cloud-init takes the type of user-data from its first line.
    if text.lines().next().map(str::trim_end) != Some("#cloud-config") {
        log.report(
            &empty,
            "",
            "the first line is not `#cloud-config`",
            "cloud-init ignores the document without it",
        );
    }
    if text.len() > MAX_BYTES {
        log.report(
            &empty,
            "",
            format!(
                "{} bytes, Compute Engine takes {MAX_BYTES} in one metadata value",
                text.len()
            ),
            "bake large files into the image",
        );
    }
    match document {
        Err(findings) => log.adopt(findings),
        Ok(document) if !matches!(document.value, Value::Map(_)) => {
            let message = format!("is {}, expected a mapping", document.kind());
            log.report(
                &document,
                "",
                message,
                "such as `write_files:` and `runcmd:`",
            );
        }
        Ok(mut document) => {
            as_cloud_init_reads(&mut document, text);
            lints::check(&document, text, &log);
            // One finding per place is enough, and a lint explains more than the schema.
            let explained = log.paths();
            for violation in schema::violations(&document.json(), base) {
                let path = schema::dotted(&violation.pointer);
                if !explained.contains(&path) || path.is_empty() {
                    let node = violation.node(&document);
                    log.report(node, &path, violation.message, violation.hint);
                }
            }
        }
    }
    match log.close(None::<()>) {
        Ok(()) => Vec::new(),
        Err(findings) => findings.0,
    }
}

/// cloud-init reads YAML 1.1, where bare `yes` and `on` are booleans too.
fn as_cloud_init_reads(node: &mut Node, text: &str) {
    let flag = match node.text().map(str::to_ascii_lowercase).as_deref() {
        Some("yes" | "on") => Some(true),
        Some("no" | "off") => Some(false),
        _ => None,
    };
    let bare = |node: &Node| {
        node.text()
            .is_some_and(|value| lints::source_begins(text, node, value))
    };
    match &mut node.value {
        Value::List(items) => items
            .iter_mut()
            .for_each(|item| as_cloud_init_reads(item, text)),
        Value::Map(entries) => entries
            .iter_mut()
            .for_each(|(_, value)| as_cloud_init_reads(value, text)),
        _ => {
            if let Some(flag) = flag
                && bare(node)
            {
                node.value = Value::Bool(flag);
            }
        }
    }
}

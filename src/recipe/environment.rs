//! Fixed variables of the gateway's environment, in recipes and in deployments.

use std::collections::BTreeMap;

use crate::document::Cursor;
use crate::names::{EnvName, looks_secret};

/// Reads the variables of an `env`. A value that looks like a secret is refused.
pub(crate) fn environment(at: &Cursor) -> BTreeMap<EnvName, String> {
    let entry = |(key, value): &(Cursor, Cursor)| {
        let name: Option<EnvName> = key.parse();
        let text = value.scalar()?;
        let name = name?;
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if odd_secret(&name, &text) {
            value.report(
                format!("{name} looks like a secret"),
                "list it under the deployment's `secrets`; files and images hold names only",
            );
        } else if text.contains(odd) {
            value.report(
                format!("{name} holds a control character"),
                "only line breaks and tabs can be carried",
            );
        }
        Some((name, text))
    };
    at.entries().iter().filter_map(entry).collect()
}

/// Judges by the name and by the value; paths and switches are no secrets.
fn odd_secret(name: &str, value: &str) -> bool {
    let named = ["TOKEN", "PASSWORD", "SECRET", "API_KEY", "PRIVATE_KEY"];
    let harmless =
        value.is_empty() || value.starts_with('/') || matches!(value, "true" | "false" | "0" | "1");
    !harmless && (named.iter().any(|end| name.ends_with(end)) || looks_secret(value))
}

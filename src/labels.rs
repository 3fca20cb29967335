//! Labels by which clawbake knows its resources again, wherever it runs.
//!
//! A state disk and its snapshots say which release wrote them last, and a rollout or restore under way
//! is written on what it works on: who looks next, on this machine or another, goes on from there.

/// On a state disk and its snapshots: version of the gateway that wrote it last, `.` written as `-`. On an
/// image: the gateway in it.
pub const GATEWAY: &str = "clawbake-gateway";
/// On an image: the name that the image gives itself. An archive from elsewhere has another one.
pub const NAME: &str = "clawbake-name";
/// Versions of the state's and the agents' database schema, `STATE-AGENT`; absent where a release names none.
pub const SCHEMA: &str = "clawbake-schema";
/// On an image: npm's package of the gateway, [escaped](escape).
pub const PACKAGE: &str = "clawbake-package";
/// On an image: the beginning of the SHA-512 of the gateway's package.
pub const GATEWAY_INTEGRITY: &str = "clawbake-gateway-integrity";
/// On an image: the version of Node, `.` written as `-`, and the beginning of its package's SHA-512.
pub const NODE: [&str; 2] = ["clawbake-node", "clawbake-node-integrity"];
/// On an image: the same of npm.
pub const NPM: [&str; 2] = ["clawbake-npm", "clawbake-npm-integrity"];
/// On an image: the distribution that it is based on.
pub const BASE: &str = "clawbake-base";
/// On an image: the state of Debian's archive that it is made from, as digests of the indices of the suite
/// and of its security updates.
pub const DEBIAN: [&str; 2] = ["clawbake-debian", "clawbake-debian-security"];
/// On a snapshot: what was counted in the state, such as `sessions-4_cron-1`.
pub const COUNTS: &str = "clawbake-counts";
/// On a snapshot: what it was taken for.
pub const WHY: &str = "clawbake-why";

/// On a state disk: the last step that a rollout has begun.
pub const ROLLOUT: &str = "clawbake-rollout";
/// On a state disk: name of the template that a rollout goes to.
pub const ROLLOUT_TO: &str = "clawbake-rollout-to";
/// On a state disk: name of the template that a rollout comes from.
pub const ROLLOUT_FROM: &str = "clawbake-rollout-from";
/// On a state disk: name of the snapshot that a rollout goes back to.
pub const ROLLOUT_SNAPSHOT: &str = "clawbake-rollout-snapshot";
/// On a state disk: when a rollout began, in seconds since 1970.
pub const ROLLOUT_BEGAN: &str = "clawbake-rollout-began";
/// On a state disk: name of the snapshot whose state a rollout gives to the new VM.
pub const ROLLOUT_STATE: &str = "clawbake-rollout-state";
/// On a state disk: the gate at which a rollout has failed.
pub const ROLLOUT_GATE: &str = "clawbake-rollout-gate";
/// On a state disk: the run that carries a rollout out.
pub const ROLLOUT_BY: &str = "clawbake-rollout-by";
/// On a state disk: the verb that began a rollout.
pub const ROLLOUT_WHY: &str = "clawbake-rollout-why";
/// All labels of a rollout under way.
pub const ROLLOUT_KEYS: [&str; 9] = [
    ROLLOUT,
    ROLLOUT_TO,
    ROLLOUT_FROM,
    ROLLOUT_SNAPSHOT,
    ROLLOUT_STATE,
    ROLLOUT_BEGAN,
    ROLLOUT_GATE,
    ROLLOUT_BY,
    ROLLOUT_WHY,
];
/// On a state disk that another deployment takes over: the last step of that which has begun.
pub const MIGRATION: &str = "clawbake-migration";
/// On a state disk: name of the deployment that takes its state over.
pub const MIGRATION_TO: &str = "clawbake-migration-to";
/// On a state disk: the run that carries a migration out.
pub const MIGRATION_BY: &str = "clawbake-migration-by";
/// On a state disk: when its gateway was stopped for a migration, in seconds since 1970.
pub const MIGRATION_STOPPED: &str = "clawbake-migration-stopped";
/// On a state disk: whether its VM ran before the migration, `on` or `off`.
pub const MIGRATION_WAS: &str = "clawbake-migration-was";
/// On a state disk: name of the snapshot that is taken over.
pub const MIGRATION_SNAPSHOT: &str = "clawbake-migration-snapshot";
/// On a state disk: the gate at which a migration has failed.
pub const MIGRATION_GATE: &str = "clawbake-migration-gate";
/// All labels of a migration.
pub const MIGRATION_KEYS: [&str; 7] = [
    MIGRATION,
    MIGRATION_TO,
    MIGRATION_BY,
    MIGRATION_STOPPED,
    MIGRATION_WAS,
    MIGRATION_SNAPSHOT,
    MIGRATION_GATE,
];
/// On an instance: name of the template that it was made from.
pub const TEMPLATE: &str = "clawbake-template";
/// On an instance and in its template: digest of the template's content.
pub const TEMPLATE_CONTENT: &str = "clawbake-template-content";
/// On an instance and in its template: name of the image.
pub const IMAGE: &str = "clawbake-image";
/// On a snapshot: name of the disk that is being restored from it.
pub const RESTORING: &str = "clawbake-restoring";
/// On a snapshot that is being restored: id of the disk that goes; absent where there was none.
pub const RESTORING_OVER: &str = "clawbake-restoring-over";

/// On an image: the verdict of its rehearsal, `passed-` or `failed-` and the id of the state disk that it
/// was rehearsed for.
pub const REHEARSAL: &str = "clawbake-rehearsal";
/// On the image in front of its family: version of the release that is refused.
pub const REFUSED: &str = "clawbake-refused";
/// On the image in front of its family: the gate at which that release failed, or `person`, who went back.
pub const REFUSED_BY: &str = "clawbake-refused-by";
/// On the image in front of its family: when that was, in seconds since 1970.
pub const REFUSED_AT: &str = "clawbake-refused-at";
/// On the image in front of its family: how many releases have failed in a row.
pub const FAILURES: &str = "clawbake-failures";

/// Text as a label's value: what a label cannot hold becomes `_` and two hex digits for each byte.
#[must_use]
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("_{byte:02x}"),
        })
        .collect()
}

/// The text that [`escape`] was given.
#[must_use]
pub fn unescape(label: &str) -> Option<String> {
    let (first, rest) = label.split_at(label.find('_').unwrap_or(label.len()));
    let mut bytes = first.as_bytes().to_vec();
    for piece in rest.split('_').skip(1) {
        bytes.push(u8::from_str_radix(piece.get(..2)?, 16).ok()?);
        bytes.extend(piece.get(2..)?.as_bytes());
    }
    let text = String::from_utf8(bytes).ok()?;
    (escape(&text) == label).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_cannot_hold_is_read_back() {
        for text in ["", "openclaw", "@openclaw/slack", "a.b_c~d", "Ä", "__"] {
            let label = escape(text);
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            assert!(label.chars().all(fits), "{label}");
            assert_eq!(unescape(&label).as_deref(), Some(text));
        }
        for label in ["_", "_4", "_zz", "_C3", "a_61", "A"] {
            assert_eq!(unescape(label), None, "{label}");
        }
    }
}

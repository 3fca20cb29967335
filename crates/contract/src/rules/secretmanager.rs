//! Secret Manager: <https://cloud.google.com/secret-manager/docs/reference/rest>.

use serde_json::{Map, Value};

use super::rule::{Rules, Say, text};
use crate::exchange::Exchange;
use crate::syntax::{SECRET_ID, matches};

pub(super) const RULES: Rules = Rules {
    required: &[
        (
            "secretmanager.projects.secrets.addVersion",
            &["payload.data"],
        ),
        ("secretmanager.projects.secrets.create", &["replication"]),
        ("secretmanager.projects.secrets.setIamPolicy", &["policy"]),
        (
            "secretmanager.projects.secrets.testIamPermissions",
            &["permissions"],
        ),
    ],
    exactly_one: &[(
        "secretmanager.projects.secrets.create",
        &["replication.automatic", "replication.userManaged"],
    )],
    answered: &[
        ("Secret", &["name", "createTime", "replication"]),
        ("SecretVersion", &["name", "createTime", "state"]),
        ("AccessSecretVersionResponse", &["name", "payload"]),
        ("SecretPayload", &["data", "dataCrc32c"]),
        ("Policy", &["etag"]),
    ],
    request,
    resource,
};

fn request(method: &str, exchange: &Exchange, _: &Value, say: &mut Say) {
    if method == "secretmanager.projects.secrets.create" {
        match exchange.query_value("secretId") {
            Some(id) if matches(SECRET_ID, &id) => {}
            _ => say(
                "secretId",
                format!("is missing in the query, or not {SECRET_ID}"),
            ),
        }
    }
}

fn resource(schema: &str, fields: &Map<String, Value>, say: &mut Say) {
    if schema == "SecretVersion" {
        let destroyed = text(fields, "state") == "DESTROYED";
        if destroyed != fields.contains_key("destroyTime") {
            say("destroyTime", "goes with the state DESTROYED".into());
        }
    }
    // Of a secret and of its versions: who gets a version by `latest` learns its number.
    if matches!(schema, "SecretVersion" | "AccessSecretVersionResponse") {
        let number = text(fields, "name").rsplit('/').next().unwrap_or_default();
        if number.parse::<u64>().is_err() {
            say("name", "does not end with the version's number".into());
        }
    }
}

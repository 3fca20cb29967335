//! Cloud Storage: <https://cloud.google.com/storage/docs/json_api/v1>.

use serde_json::{Map, Value};

use super::rule::{Rules, Say, text};
use crate::exchange::Exchange;
use crate::syntax::{BUCKET, matches};

pub(super) const RULES: Rules = Rules {
    required: &[],
    exactly_one: &[],
    answered: &[
        (
            "Bucket",
            &[
                "id",
                "name",
                "selfLink",
                "location",
                "storageClass",
                "timeCreated",
                "metageneration",
            ],
        ),
        (
            "Object",
            &[
                "id",
                "name",
                "selfLink",
                "mediaLink",
                "bucket",
                "generation",
                "metageneration",
                "size",
                "crc32c",
                "timeCreated",
                "updated",
                "storageClass",
            ],
        ),
    ],
    request,
    resource,
};

fn request(method: &str, exchange: &Exchange, body: &Value, say: &mut Say) {
    let name = body["name"].as_str();
    match method {
        "storage.buckets.insert" => {
            if let Some(name) = name
                && !matches(BUCKET, name)
            {
                say("name", format!("{name:?} is no bucket's name: {BUCKET}"));
            }
        }
        "storage.objects.insert" if name.is_none() && exchange.query_value("name").is_none() => {
            say("name", "is neither there nor in the query".into());
        }
        _ => {}
    }
}

fn resource(schema: &str, fields: &Map<String, Value>, say: &mut Say) {
    if schema == "Object" {
        let id = ["bucket", "name", "generation"]
            .map(|field| text(fields, field))
            .join("/");
        if text(fields, "id") != id {
            say("id", "is not bucket/name/generation".into());
        }
    }
}

//! What is written down of an exchange: never a token, never a secret.

use serde_json::{Value, json};

use crate::exchange::{Content, Exchange};

const HIDDEN: &str = "(hidden)";
/// Query parameters that let somebody in.
const KEYS: [&str; 5] = [
    "upload_id",
    "access_token",
    "oauth_token",
    "key",
    "signature",
];
/// Fields that let somebody in, or that are a secret's value.
const FIELDS: [&str; 4] = ["data", "privateKeyData", "accessToken", "access_token"];

/// The path and query of a request.
pub(crate) fn target(exchange: &Exchange) -> String {
    let query: Vec<_> = exchange
        .query()
        .into_iter()
        .map(|(name, value)| {
            let secret = KEYS.contains(&name.as_str());
            format!("{name}={}", if secret { HIDDEN } else { &value })
        })
        .collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", exchange.path(), query.join("&"))
}

/// A body: JSON without what is secret, of anything else its length.
pub(crate) fn content(content: &Content) -> Value {
    if content.length == 0 {
        return Value::Null;
    }
    match content.parse() {
        Ok(mut value) if content.is_json() => {
            hide(&mut value);
            value
        }
        _ => json!({"bytes": content.length}),
    }
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if FIELDS.contains(&name.as_str()) && field.is_string() {
                    *field = HIDDEN.into();
                } else {
                    hide(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{content, target};
    use crate::exchange::{Content, Exchange, Sender};

    #[test]
    fn secrets_and_tokens_are_not_written_down() {
        let exchange = Exchange {
            sender: Sender::Ours,
            method: "PUT".into(),
            target: "/upload/storage/v1/b/b/o?upload_id=hunter2&name=o".into(),
            request: Content::json(r#"{"payload": {"data": "aHVudGVyMg==", "dataCrc32c": "1"}}"#),
            status: None,
            response: Content::new("text/plain", "hunter2"),
            partial: false,
        };
        assert_eq!(
            target(&exchange),
            "/upload/storage/v1/b/b/o?upload_id=(hidden)&name=o"
        );
        assert_eq!(
            content(&exchange.request).to_string(),
            r#"{"payload":{"data":"(hidden)","dataCrc32c":"1"}}"#
        );
        assert_eq!(content(&exchange.response).to_string(), r#"{"bytes":7}"#);
    }
}

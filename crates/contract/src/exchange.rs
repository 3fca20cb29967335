use std::borrow::Cow;

use serde_json::Value;

/// One request and what was answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Whose request it is.
    pub sender: Sender,
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path and query, as they are on the wire.
    pub target: String,
    /// The request's body.
    pub request: Content,
    /// None if no answer came.
    pub status: Option<u16>,
    /// The answer's body.
    pub response: Content,
    /// Whether the answer may lack what Google's has: a script's, for a test of a client.
    pub partial: bool,
}

impl Exchange {
    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The target's query, decoded.
    #[must_use]
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        let found = self.query().into_iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value)
    }
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The client that is held to the contract: whatever is wrong with its request counts.
    Ours,
    /// Somebody else, such as a test that sends nonsense. What is wrong with its request counts if it
    /// was accepted: Google would not have.
    Other,
}

/// A body.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Its `Content-Type`; empty without.
    pub kind: String,
    /// Its beginning, at least: contents of objects are not kept whole.
    pub bytes: Vec<u8>,
    /// How long it was, in bytes.
    pub length: u64,
    /// Whether it came to its end.
    pub whole: bool,
}

impl Content {
    /// A whole body of a content type.
    #[must_use]
    pub fn new(kind: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            kind: kind.into(),
            length: bytes.len() as u64,
            bytes,
            whole: true,
        }
    }

    /// A whole body of JSON.
    #[must_use]
    pub fn json(text: &str) -> Self {
        Self::new("application/json; charset=UTF-8", text)
    }

    /// Whether all of it is here to be looked at.
    pub(crate) fn is_kept(&self) -> bool {
        self.whole && self.length == self.bytes.len() as u64
    }

    pub(crate) fn is_json(&self) -> bool {
        self.kind.starts_with("application/json")
    }

    pub(crate) fn parse(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.bytes).map_err(|error| format!("is not JSON: {error}"))
    }

    /// A form's fields, called as in a discovery document: `subject_token` is `subjectToken` there.
    pub(crate) fn form(&self) -> Result<Value, String> {
        if !self.kind.starts_with("application/x-www-form-urlencoded") {
            return Err(format!("is {:?}, and no form", self.kind));
        }
        let field = |(name, value): (Cow<str>, Cow<str>)| {
            let mut words = name.split('_');
            let first = words.next().unwrap_or_default().to_owned();
            let rest = words.map(capital);
            (
                first + &rest.collect::<String>(),
                Value::from(value.into_owned()),
            )
        };
        Ok(form_urlencoded::parse(&self.bytes).map(field).collect())
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::Content;

    #[test]
    fn a_forms_fields_are_called_as_documents_call_them() {
        let kind = "application/x-www-form-urlencoded";
        let form = Content::new(kind, "scope=a+b&subject_token_type=c%3Ad").form();
        assert_eq!(
            form.unwrap(),
            serde_json::json!({"scope": "a b", "subjectTokenType": "c:d"})
        );
        assert!(Content::json("{}").form().is_err());
    }
}

//! A value against its schema, down to its leaves.

use serde_json::{Map, Value};

use crate::document::{Document, Schema};
use crate::exchange::Sender;
use crate::finding::Finding;
use crate::rules;
use crate::syntax;

/// Which body it is that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Request(Sender),
    /// With or without all its fields: `fields=` selects some.
    Response {
        whole: bool,
    },
}

/// Walks one body of a call.
pub(crate) struct Walk<'a> {
    pub document: &'a Document,
    /// The method that is called.
    pub method: &'a str,
    pub body: Body,
    pub findings: &'a mut Vec<Finding>,
}

impl Walk<'_> {
    fn say(&mut self, at: &str, message: impl Into<String>) {
        self.findings.push(Finding::new(at, message));
    }

    pub fn value(&mut self, schema: &Schema, value: &Value, at: &str) {
        let name = schema.reference.as_deref();
        let schema = self.document.resolve(schema);
        match (schema.kind.as_deref(), value) {
            (_, Value::Null) => {
                // A client may say null for "none"; Google does not answer it.
                if matches!(self.body, Body::Response { .. }) {
                    self.say(at, "is null; Google leaves such fields out");
                }
            }
            (Some("any") | None, _) => {}
            (Some("object"), Value::Object(fields)) => self.object(name, schema, fields, at),
            (Some("array"), Value::Array(items)) => {
                let item = schema.items.as_deref().expect("an array's items");
                for (n, value) in items.iter().enumerate() {
                    self.value(item, value, &format!("{at}[{n}]"));
                }
            }
            (Some("string"), Value::String(text)) => self.text(schema, text, at),
            (Some("string"), Value::Number(_)) if schema.format.is_some() => {
                // Google accepts it, and never answers it: it would not survive JavaScript.
                if self.body != Body::Request(Sender::Other) {
                    self.say(at, "is a number; a 64-bit number travels as a string");
                }
            }
            (Some("integer"), Value::Number(number)) => {
                let format = schema.format.as_deref().unwrap_or_default();
                match number.as_i64() {
                    None => self.say(at, "is no integer"),
                    Some(number) => {
                        if let Some(expected) = syntax::out_of_range(format, number) {
                            self.say(at, format!("is not {expected}"));
                        }
                    }
                }
            }
            (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) => {}
            (Some(wanted), value) => {
                self.say(
                    at,
                    format!("is {}, and should be {}", kind(value), article(wanted)),
                );
            }
        }
    }

    fn object(
        &mut self,
        name: Option<&str>,
        schema: &Schema,
        fields: &Map<String, Value>,
        at: &str,
    ) {
        for (field, value) in fields {
            let at = format!("{at}.{field}");
            match schema.properties.get(field) {
                Some(property) => self.value(property, value, &at),
                // As in google.protobuf.Any.
                None if field == "@type" => {}
                None => match &schema.additional_properties {
                    Some(any) => self.value(any, value, &at),
                    None => {
                        let of = name.unwrap_or("its object");
                        self.say(&at, format!("is no field of {of}"));
                    }
                },
            }
            if field == "labels" {
                self.labels(value, &at);
            }
        }
        self.required(schema, fields, at);
        let findings = match self.body {
            Body::Request(_) => Vec::new(),
            Body::Response { whole } => {
                let mut found = generic(schema, fields);
                found.extend(rules::resource(&self.document.name, name, fields, whole));
                found
            }
        };
        for (field, message) in findings {
            let at = if field.is_empty() {
                at.to_owned()
            } else {
                format!("{at}.{field}")
            };
            self.say(&at, message);
        }
    }

    /// What the document says that this method's request must have.
    fn required(&mut self, schema: &Schema, fields: &Map<String, Value>, at: &str) {
        // A patch need not hold what it does not change, whatever the document says of it.
        if self.method.ends_with("patch") || !matches!(self.body, Body::Request(_)) {
            return;
        }
        for (field, property) in &schema.properties {
            let wanted = property.annotations.required.iter();
            if wanted.clone().any(|id| id == self.method) && !fields.contains_key(field) {
                self.say(
                    &format!("{at}.{field}"),
                    format!("is missing; {} requires it", self.method),
                );
            }
        }
    }

    fn text(&mut self, schema: &Schema, text: &str, at: &str) {
        if let Some(values) = &schema.values
            && !values.iter().any(|value| value == text)
        {
            let all = values.join(", ");
            self.say(at, format!("{text:?} is none of {all}"));
        }
        if let Some(expected) = schema
            .format
            .as_deref()
            .and_then(|format| syntax::misformatted(format, text))
        {
            self.say(at, format!("is not {expected}"));
        }
    }

    fn labels(&mut self, labels: &Value, at: &str) {
        for (key, value) in labels.as_object().into_iter().flatten() {
            if !syntax::matches(syntax::LABEL_KEY, key) {
                self.say(at, format!("{key:?} is no key of a label"));
            }
            if value
                .as_str()
                .is_some_and(|value| !syntax::matches(syntax::LABEL_VALUE, value))
            {
                self.say(&format!("{at}.{key}"), "is no value of a label");
            }
        }
        let count = labels.as_object().map_or(0, Map::len);
        if count > 64 {
            self.say(at, format!("has {count} labels; 64 are allowed"));
        }
    }
}

/// What every resource has that is answered: its own kind, and a link that ends with its name.
fn generic(schema: &Schema, fields: &Map<String, Value>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    let kind = schema.properties.get("kind");
    let own = kind.and_then(|kind| kind.default_value.as_deref());
    match (text("kind"), own) {
        (Some(kind), Some(own)) if kind != own => {
            found.push(("kind".into(), format!("{kind:?} should be {own:?}")));
        }
        _ => {}
    }
    if let (Some(name), Some(link)) = (text("name"), text("selfLink")) {
        let last = link.rsplit('/').next().unwrap_or_default();
        // An object's name is encoded in its link.
        if last != name && !last.contains('%') {
            found.push((
                "selfLink".into(),
                format!("does not end with the name {name:?}"),
            ));
        }
    }
    found
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

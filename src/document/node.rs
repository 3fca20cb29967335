use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::{Finding, Findings};

/// A YAML value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Line, counted from 1.
    pub line: u64,
    /// Column in characters, counted from 1.
    pub column: u64,
    /// The value itself.
    pub value: Value,
}

/// The kinds of YAML values; keys keep their own places.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Integers as well as floats.
    Number(serde_json::Number),
    /// Quoted, plain or block text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the document's order.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Parses one YAML document. A syntax error is one finding with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Findings> {
        // `0644`, `1_000` and `on` stay as the user wrote them.
        let options = serde_yaml::options! {
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            strict_booleans: true,
        };
        serde_yaml::from_str_with_options::<Spanned<Value>>(text, options)
            .map(Self::from)
            .map_err(|error| {
                let message = error.without_snippet().to_string();
                // The parser appends the place in words, and advice for programmers.
                let ends = [" at line ", ", set DuplicateKeyPolicy"].map(|end| message.find(end));
                let end = ends.into_iter().flatten().min();
                let message = &message[..end.unwrap_or(message.len())];
                let (line, column) = error.location().map_or((1, 1), |l| (l.line(), l.column()));
                Findings(vec![Finding {
                    file: file.to_owned(),
                    line: line.max(1),
                    column: column.max(1),
                    path: String::new(),
                    message: format!("not valid YAML: {message}"),
                    hint: yaml_hint(text, message, line).to_owned(),
                }])
            })
    }

    /// The value under `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        entries
            .iter()
            .find(|(k, _)| k.text() == Some(key))
            .map(|(_, value)| value)
    }

    /// The key itself, for its place.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        entries
            .iter()
            .map(|(k, _)| k)
            .find(|k| k.text() == Some(key))
    }

    /// The node that a JSON pointer names, or its nearest existing ancestor.
    #[must_use]
    pub fn nearest(&self, pointer: &str) -> &Self {
        pointer.split('/').skip(1).fold(self, |node, part| {
            let part = part.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::List(items) => part.parse().ok().and_then(|i: usize| items.get(i)),
                _ => node.get(&part),
            }
            .unwrap_or(node)
        })
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// What a person would call this value.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The value as JSON, without places.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Number(n) => n.clone().into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), value.json()))
                .collect(),
        }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self {
            line: spanned.referenced.line(),
            column: spanned.referenced.column(),
            value: spanned.value,
        }
    }
}

/// The slips behind most syntax errors; the parser's message names few of them.
fn yaml_hint(text: &str, message: &str, line: u64) -> &'static str {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
    let indented_by_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    if text.lines().any(|line| line.starts_with("<<<<<<< ")) {
        "the file holds an unresolved merge: keep one side of each conflict"
    } else if message.starts_with("duplicate") {
        "a key may stand once: drop one of the two"
    } else if text
        .lines()
        .skip(index.saturating_sub(1))
        .take(2)
        .any(indented_by_tab)
    {
        "YAML is indented with spaces; a line here begins with a tab"
    } else if message.contains("flow") || message.contains("unclosed") {
        "close the bracket or brace that was opened in this line or above"
    } else {
        "text that holds `: `, ` #` or begins with one of `[]{}&*!|>%@` needs quotes"
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;
        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a YAML value")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_none<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }
            fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
                Ok(Value::Bool(v))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
                Ok(Value::Number(v.into()))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
                Ok(Value::Number(v.into()))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
                // JSON has no infinities, and a document that holds one means text.
                Ok(serde_json::Number::from_f64(v)
                    .map_or_else(|| Value::Text(v.to_string()), Value::Number))
            }
            fn visit_str<E>(self, v: &str) -> Result<Value, E> {
                Ok(Value::Text(v.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<Spanned<Value>>()? {
                    items.push(item.into());
                }
                Ok(Value::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let key = Node {
                        line: key.referenced.line(),
                        column: key.referenced.column(),
                        value: Value::Text(key.value),
                    };
                    entries.push((key, map.next_value::<Spanned<Value>>()?.into()));
                }
                Ok(Value::Map(entries))
            }
        }
        deserializer.deserialize_any(AnyValue)
    }
}

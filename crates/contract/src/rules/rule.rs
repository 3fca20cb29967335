//! What a rule is, and how rules look at fields.

use serde_json::{Map, Value};

use crate::exchange::Exchange;

/// The rules of one API.
pub(super) struct Rules {
    /// What a method's request must have.
    pub required: &'static [(&'static str, &'static [&'static str])],
    /// Of what a method's request must have exactly one.
    pub exactly_one: &'static [(&'static str, &'static [&'static str])],
    /// What a resource has whenever it is answered whole.
    pub answered: &'static [(&'static str, &'static [&'static str])],
    /// What else must hold of a request.
    pub request: fn(&str, &Exchange, &Value, &mut Say),
    /// What else must hold of a resource that is answered.
    pub resource: fn(&str, &Map<String, Value>, &mut Say),
}

/// Takes a field's path and what is wrong with it.
pub(super) type Say<'a> = dyn FnMut(&str, String) + 'a;

/// A field by its path with dots.
pub(super) fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

//! The fields that a client may set. Requests may also repeat what the server has returned.

use serde_json::{Map, Value};

use crate::error::Error;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// An array.
    List,
    /// An object.
    Map,
    /// A string.
    Text,
}

impl Kind {
    /// Whether a value is of this kind; a null takes any field away.
    fn is_of(self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Bool(_) => self == Self::Flag,
            Value::Array(_) => self == Self::List,
            Value::Object(_) => self == Self::Map,
            Value::String(_) => self == Self::Text,
            Value::Number(_) => false,
        }
    }
}

/// A field and what it holds.
pub type Field = (&'static str, Kind);

/// Keeps the fields that a client may set. Drops the server's own, and refuses unknown fields and values of
/// the wrong kind.
pub fn settable(
    body: Value,
    settable: &[Field],
    own: &[&str],
) -> Result<Map<String, Value>, Error> {
    let kind = |field: &str| settable.iter().find(|(name, _)| *name == field);
    let Value::Object(mut fields) = body else {
        return Err(Error::malformed(
            "Invalid JSON payload received. Expected an object.",
        ));
    };
    if let Some(unknown) = fields
        .keys()
        .find(|field| kind(field).is_none() && !own.contains(&field.as_str()))
    {
        return Err(Error::malformed(format!(
            "Invalid JSON payload received. Unknown name \"{unknown}\": Cannot find field."
        )));
    }
    fields.retain(|field, _| kind(field).is_some());
    let other = |(field, value): &(&String, &Value)| {
        kind(field).is_some_and(|(_, kind)| !kind.is_of(value))
    };
    match fields.iter().find(other) {
        None => Ok(fields),
        Some((field, _)) => Err(Error::malformed(format!(
            "Invalid JSON payload received. Invalid value at '{field}'."
        ))),
    }
}

/// Merges changes as PATCH does (RFC 7396): null removes a field, an object is merged, anything else
/// replaces the value.
pub fn merge(target: &mut Value, changes: Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (field, change) in changes {
        match change {
            Value::Null => {
                if let Some(fields) = target.as_object_mut() {
                    fields.shift_remove(&field);
                }
            }
            Value::Object(change) => merge(&mut target[field], change),
            change => target[field] = change,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, merge, settable};
    use serde_json::{Value, json};

    #[test]
    fn a_patch_takes_away_and_adds() {
        let mut target = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [1]});
        let Value::Object(changes) =
            json!({"a": null, "b": {"c": null, "f": 4}, "e": [2], "g": {"h": null}})
        else {
            unreachable!()
        };
        merge(&mut target, changes);
        assert_eq!(target, json!({"b": {"d": 3, "f": 4}, "e": [2], "g": {}}));
    }

    #[test]
    fn only_what_a_client_may_set() {
        let body = json!({"a": {}, "id": "x"});
        assert_eq!(
            settable(body.clone(), &[("a", Kind::Map)], &["id"])
                .unwrap()
                .len(),
            1
        );
        assert!(settable(body.clone(), &[("a", Kind::Map)], &[]).is_err());
        for other in [Kind::Flag, Kind::List, Kind::Text] {
            assert!(settable(body.clone(), &[("a", other)], &["id"]).is_err());
        }
    }
}

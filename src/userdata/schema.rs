use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::document::{Node, nearest};
use crate::recipe::Base;

/// cloud-init's own schema, ready for use.
struct Schema {
    json: Value,
    validator: Validator,
}

static DEBIAN_13: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new(include_str!(
        "../../cloud-init/schema/cloud-config-25.1.4.json"
    ))
});
static DEBIAN_12: LazyLock<Schema> = LazyLock::new(|| {
    Schema::new(include_str!(
        "../../cloud-init/schema/cloud-config-22.4.2.json"
    ))
});

impl Schema {
    fn new(text: &str) -> Self {
        let json: Value = serde_json::from_str(text).expect("the shipped schema is JSON");
        let validator = jsonschema::draft4::new(&json).expect("the shipped schema is a schema");
        Self { json, validator }
    }
}

/// A violation of the schema.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    /// JSON pointer.
    pub pointer: String,
    pub message: String,
    pub hint: String,
    /// The offending key, if the key is wrong rather than the value.
    key: Option<String>,
}

impl Violation {
    /// Where to point at.
    pub fn node<'a>(&self, document: &'a Node) -> &'a Node {
        let node = document.nearest(&self.pointer);
        let key = self.key.as_deref().and_then(|key| node.key(key));
        key.unwrap_or(node)
    }
}

/// Everything in `instance` that the cloud-init of `base` would refuse.
pub(super) fn violations(instance: &Value, base: Base) -> BTreeSet<Violation> {
    let schema = match base {
        Base::Debian13 => &DEBIAN_13,
        Base::Debian12 => &DEBIAN_12,
    };
    let errors = schema.validator.iter_errors(instance);
    errors
        .flat_map(|error| explain(&error, &schema.json))
        .collect()
}

/// `/write_files/0/path` as people write it: `write_files[0].path`.
pub(super) fn dotted(pointer: &str) -> String {
    let dotted = |part: &str| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{}", part.replace("~1", "/").replace("~0", "~")),
    };
    let path: String = pointer.split('/').skip(1).map(dotted).collect();
    path.trim_start_matches('.').to_owned()
}

fn explain(error: &ValidationError, schema: &Value) -> Vec<Violation> {
    let pointer = error.instance_path().as_str().to_owned();
    let at = |message: String, hint: String, key: Option<String>| Violation {
        pointer: pointer.clone(),
        message,
        hint,
        key,
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_keys(schema, error);
            let refuse = |key: &String| {
                let hint = nearest(key, &known).map(|near| format!("did you mean `{near}`?"));
                let message = format!("cloud-init does not know the key `{key}`");
                at(message, hint.unwrap_or_default(), Some(key.clone()))
            };
            unexpected.iter().map(refuse).collect()
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            alternatives(error, context, schema)
        }
        ValidationErrorKind::Type { kind } => vec![at(
            format!(
                "is {}, cloud-init expects {}",
                kind_of(error.instance()),
                types(kind).join(" or ")
            ),
            String::new(),
            None,
        )],
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            vec![at(format!("`{key}` is missing"), String::new(), None)]
        }
        // Masked: no value may appear in a message.
        _ => vec![at(
            error.masked_with("the value").to_string(),
            String::new(),
            None,
        )],
    }
}

/// If all alternatives failed, the errors of the one that got furthest say most. If none got into the
/// value, it has the wrong type.
fn alternatives(
    error: &ValidationError,
    context: &[Vec<ValidationError<'static>>],
    schema: &Value,
) -> Vec<Violation> {
    let depth = |error: &ValidationError| error.instance_path().as_str().matches('/').count();
    let here = depth(error);
    let inside = context
        .iter()
        .filter(|branch| {
            !branch.is_empty() && branch.iter().all(|e| !wrong_type_at(e, here, depth))
        })
        .max_by_key(|branch| branch.iter().map(depth).max());
    if let Some(branch) = inside {
        return branch.iter().flat_map(|e| explain(e, schema)).collect();
    }
    let mut wanted: Vec<&str> = Vec::new();
    for nested in context.iter().flatten() {
        if let ValidationErrorKind::Type { kind } = nested.kind() {
            wanted.extend(types(kind));
        }
    }
    wanted.dedup();
    vec![Violation {
        pointer: error.instance_path().as_str().to_owned(),
        message: format!(
            "is {}, cloud-init expects {}",
            kind_of(error.instance()),
            wanted.join(" or ")
        ),
        hint: String::new(),
        key: None,
    }]
}

fn wrong_type_at(
    error: &ValidationError,
    here: usize,
    depth: impl Fn(&ValidationError) -> usize,
) -> bool {
    depth(error) == here && matches!(error.kind(), ValidationErrorKind::Type { .. })
}

fn types(kind: &TypeKind) -> Vec<&'static str> {
    let name = |kind: &jsonschema::JsonType| match kind {
        jsonschema::JsonType::Array => "a list",
        jsonschema::JsonType::Boolean => "true or false",
        jsonschema::JsonType::Integer => "a whole number",
        jsonschema::JsonType::Null => "nothing",
        jsonschema::JsonType::Number => "a number",
        jsonschema::JsonType::Object => "a mapping",
        jsonschema::JsonType::String => "text",
    };
    match kind {
        TypeKind::Single(single) => vec![name(single)],
        TypeKind::Multiple(set) => set.iter().map(|kind| name(&kind)).collect(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// The keys that are allowed beside an `additionalProperties: false`.
fn known_keys<'s>(schema: &'s Value, error: &ValidationError) -> Vec<&'s str> {
    let place = error.schema_path().as_str();
    let parent = place.rsplit_once('/').map_or("", |(parent, _)| parent);
    let keys = schema
        .pointer(&format!("{parent}/properties"))
        .and_then(Value::as_object);
    keys.into_iter()
        .flat_map(|keys| keys.keys())
        .map(String::as_str)
        .collect()
}

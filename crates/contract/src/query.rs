use crate::document::{Found, Schema, Way};
use crate::exchange::Exchange;
use crate::finding::Finding;
use crate::strangers;
use crate::syntax;

/// What the query of an upload has besides its method's parameters.
const UPLOAD: [&str; 2] = ["upload_id", "uploadType"];

/// A call's query parameters.
pub(crate) fn check(exchange: &Exchange, found: &Found, findings: &mut Vec<Finding>) {
    let given = exchange.query();
    let mut say = |name: &str, message: String| {
        findings.push(Finding::new(format!("query.{name}"), message));
    };
    for (n, (name, value)) in given.iter().enumerate() {
        let own = found.method.parameters.get(name);
        let own = own.filter(|own| own.location.as_deref() == Some("query"));
        if let Some(schema) = own {
            if !schema.repeated && given[..n].iter().any(|(before, _)| before == name) {
                say(name, "is there twice".into());
            }
            if let Some(message) = misfit(schema, value) {
                say(name, message);
            }
        } else if let Some(schema) = found.document.parameters.get(name) {
            if let Some(message) = misfit(schema, value) {
                say(name, message);
            }
        } else if !(name.starts_with('$')
            || found.way == Way::Upload && UPLOAD.contains(&name.as_str())
            || strangers::may_ask(exchange.sender, found.id, name))
        {
            say(name, format!("is no parameter of {}", found.id));
        }
    }
    // The session of an upload has taken them over.
    let resuming = given.iter().any(|(name, _)| name == "upload_id");
    for (name, schema) in &found.method.parameters {
        let wanted = schema.required && schema.location.as_deref() == Some("query") && !resuming;
        if wanted && !given.iter().any(|(given, _)| given == name) {
            say(name, format!("is missing; {} requires it", found.id));
        }
    }
}

fn misfit(schema: &Schema, value: &str) -> Option<String> {
    if let Some(values) = &schema.values
        && !values.iter().any(|one| one == value)
    {
        return Some(format!("{value:?} is none of {}", values.join(", ")));
    }
    if let Some(pattern) = &schema.pattern
        && !syntax::matches(pattern, value)
    {
        return Some(format!("{value:?} does not match {pattern}"));
    }
    let format = schema.format.as_deref().unwrap_or_default();
    match schema.kind.as_deref() {
        Some("integer") => match value.parse() {
            Ok(number) => {
                syntax::out_of_range(format, number).map(|wanted| format!("is not {wanted}"))
            }
            Err(_) => Some(format!("{value:?} is no integer")),
        },
        // Google's own parsers are generous.
        Some("boolean") => (!["true", "false", "True", "False", "1", "0"].contains(&value))
            .then(|| format!("{value:?} is no boolean")),
        _ => syntax::misformatted(format, value).map(|wanted| format!("is not {wanted}")),
    }
}

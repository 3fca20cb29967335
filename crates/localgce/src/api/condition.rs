//! Conditions of IAM bindings, in the Common Expression Language:
//! <https://cloud.google.com/iam/docs/conditions-attribute-reference>.

use std::collections::HashMap;
use std::sync::Arc;

use cel::extractors::This;
use cel::{Context, Program, Value};

/// Whether it is an expression at all.
pub fn is_valid(expression: &str) -> bool {
    Program::compile(expression).is_ok()
}

/// Whether a condition holds for a resource, by the resource's name. One that asks for anything else,
/// or says nothing that can be true, gives nobody anything.
pub fn holds(expression: &str, resource: &str) -> bool {
    let Ok(program) = Program::compile(expression) else {
        return false;
    };
    let mut context = Context::default();
    let attributes = HashMap::from([("name", resource)]);
    let known = context.add_variable("resource", attributes).is_ok()
        && context.add_function("extract", extract).is_ok();
    known && matches!(program.execute(&context), Ok(Value::Bool(true)))
}

/// The part of a text where a template has its `{name}`, or nothing.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature that cel calls"
)]
fn extract(This(text): This<Arc<String>>, template: Arc<String>) -> String {
    let found = || {
        let (before, rest) = template.split_once('{')?;
        let (_, after) = rest.split_once('}')?;
        let (_, from) = text.split_once(before)?;
        if after.is_empty() {
            return Some(from);
        }
        from.split_once(after).map(|(part, _)| part)
    };
    found().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{holds, is_valid};

    #[test]
    fn conditions_see_the_resources_name_and_nothing_else() {
        let name = "projects/417203886551/secrets/clawbake-test-1";
        for yes in [
            "resource.name.startsWith('projects/417203886551/')",
            "resource.name.extract('secrets/{name}').startsWith(\"clawbake-test-\")",
            "resource.name.extract('projects/{number}/secrets') == '417203886551'",
            "resource.name.extract('folders/{name}') == '' && true",
        ] {
            assert!(holds(yes, name), "{yes}");
        }
        for no in [
            "resource.name.extract('secrets/{name}').startsWith('clawbake-')  && false",
            "resource.name == 'clawbake-test-1'",
            "request.time < timestamp('2999-01-01T00:00:00Z')",
            "resource.name",
            "((",
        ] {
            assert!(!holds(no, name), "{no}");
        }
        assert!(is_valid("request.time > x") && !is_valid("(("));
        assert!(!holds(
            "resource.name.extract('secrets/{name}').startsWith('clawbake-test-')",
            "projects/417203886551"
        ));
    }
}

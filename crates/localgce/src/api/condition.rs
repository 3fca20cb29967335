//! Conditions of IAM bindings, in the Common Expression Language:
//! <https://cloud.google.com/iam/docs/conditions-attribute-reference>.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::extractors::This;
use cel::{Context, Env, Program, Value};

/// Google's limit of `&&`, `||` and `!`: <https://cloud.google.com/iam/quotas>.
const MOST_LOGICAL: usize = 12;

/// Bytes above what so many operators need.
const LONGEST: usize = 4 << 10;

/// Brackets in each other.
const DEEPEST: usize = 16;

/// Dots, brackets and operators: each may be a call deeper on the stack, in the parser and wherever the
/// parsed expression is walked.
const MOST_MARKS: usize = 192;

/// CEL without its macros. None of them is of use for a resource's name, and loops within loops are the
/// one way in which a short expression takes long.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::default().with_stdlib()));

/// What an expression has that `measure` lets through, also without optimisation, where a level takes up
/// to 65 KiB. A thread of the server has 2 MiB.
const STACK: usize = 16 << 20;

/// What is wrong with an expression.
pub fn flaw(expression: &str) -> Option<&'static str> {
    let flaw = measure(expression).err();
    flaw.or_else(|| apart(|| compile(expression).err()).unwrap_or(Some(NONE)))
}

/// Whether a condition holds for a resource, by the resource's name. One that asks for anything else,
/// or says nothing that can be true, gives nobody anything.
pub fn holds(expression: &str, resource: &str) -> bool {
    let met = || -> Option<bool> {
        let program = compile(expression).ok()?;
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        let attributes = HashMap::from([("name", resource)]);
        context.add_variable("resource", attributes).ok()?;
        context.add_function("extract", extract).ok()?;
        Some(program.execute(&context) == Ok(Value::Bool(true)))
    };
    measure(expression).is_ok() && apart(met).flatten() == Some(true)
}

const QUOTES: &str = "its texts are not all in plain quotes, in one line";
const NONE: &str = "it is no expression of CEL";

fn compile(expression: &str) -> Result<Program, &'static str> {
    ENVIRONMENT.compile(expression).map_err(|_| NONE)
}

/// Does it on a stack of its own; a panic of the parser ends there as well.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// Refuses what would take the parser too deep, before it sees it.
fn measure(expression: &str) -> Result<(), &'static str> {
    if expression.len() > LONGEST {
        return Err("it is longer than 4096 bytes");
    }
    let (mut logical, mut marks, mut depth) = (0, 0, 0_usize);
    let mut chars = expression.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        match c {
            '"' | '\'' => {
                // Where such a text ends is not to be seen without the whole lexer.
                if before.is_alphanumeric() || before == c {
                    return Err(QUOTES);
                }
                loop {
                    match chars.next() {
                        None | Some('\r' | '\n') => return Err(QUOTES),
                        Some('\\') => drop(chars.next()),
                        Some(inner) if inner == c => break,
                        Some(_) => {}
                    }
                }
            }
            '/' if next == Some(c) => return Err("it has a comment"),
            '&' | '|' if next == Some(c) => {
                chars.next();
                logical += 1;
            }
            '!' if next != Some('=') => logical += 1,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        marks += usize::from(c.is_ascii_punctuation());
        if logical > MOST_LOGICAL {
            return Err("it has more than 12 logical operators");
        }
        if depth > DEEPEST || marks > MOST_MARKS {
            return Err("it is too complex");
        }
        before = c;
    }
    Ok(())
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
    use super::{DEEPEST, MOST_MARKS, flaw, holds, measure};

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
        assert!(flaw("request.time > x").is_none() && flaw("((").is_some());
        assert!(!holds(
            "resource.name.extract('secrets/{name}').startsWith('clawbake-test-')",
            "projects/417203886551"
        ));
    }

    #[test]
    fn a_condition_costs_little_whatever_it_is() {
        let many = |term: &str, operator: &str, count: usize| vec![term; count].join(operator);
        let name = "resource.name.startsWith(\"projects/_/buckets/a-bucket/objects/one/two/\")";
        let largest = many(name, " && ", 13);
        assert_eq!(flaw(&largest), None);
        assert!(holds(
            &largest,
            "projects/_/buckets/a-bucket/objects/one/two/three"
        ));
        for text in [
            many("true", " && ", 14),
            many("true", " && ", 4_000),
            many("1", "+", 200),
            many("a", ".", 200),
            "(".repeat(17),
            "-".repeat(200) + "1",
            format!("'{}'", "a".repeat(4 << 10)),
            "r'\\' == '".into(),
            "\"\"\"\"&&\"\"\"".into(),
            many("true", "?true:", 100),
            // What the parser does not take for a text hides nothing.
            format!("//'\n{}//'", many("1", "+", 1_000)),
            format!("'\n{}'", many("1", "+", 1_000)),
            format!("'{}", many("1", "+", 1_000)),
        ] {
            assert!(flaw(&text).is_some(), "{text}");
        }
        // Loops within loops.
        let loops = (0..12).fold("true".to_owned(), |inner, n| {
            format!("[1,2,3,4,5,6,7].all(v{n}, {inner})")
        });
        let begin = std::time::Instant::now();
        assert!(!holds(&loops, "x"));
        assert!(begin.elapsed().as_secs() < 1);
        // The most that is let through.
        let deep = [
            many("1", "+", MOST_MARKS) + " > 1",
            many("a", ".", MOST_MARKS),
            "a".to_owned() + &"[1]".repeat(MOST_MARKS / 2),
            many("true", "?true:", MOST_MARKS / 2) + "?true:true",
            "[".repeat(DEEPEST) + &"]".repeat(DEEPEST),
            "(".repeat(DEEPEST) + &many("1", "+", MOST_MARKS - 40) + &")".repeat(DEEPEST),
        ];
        for text in deep {
            assert_eq!(measure(&text), Ok(()), "{text}");
            holds(&text, "x");
        }
    }
}

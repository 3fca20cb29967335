//! The filters of lists, in both of Google's notations: `name eq "a.*"`, whose values are regular
//! expressions that match the whole field, and `status = READY AND (labels.app:* OR NOT sizeGb > 10)`.

use std::cmp::Ordering;
use std::iter::Peekable;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::error::Error;

/// What the longest filters of Google's own programs are far below, in bytes.
const LONGEST: usize = 8 << 10;

/// Parentheses and NOTs in each other: each is a call deeper on the stack.
const DEEPEST: usize = 32;

/// Regular expressions of one filter.
const MOST_REGEXES: usize = 32;

/// What one of them may weigh compiled, in bytes: a few letters can ask for gigabytes.
const REGEX_SIZE: usize = 256 << 10;

/// A filter.
#[derive(Debug)]
pub enum Filter {
    /// All of them hold.
    All(Vec<Filter>),
    /// One of them holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A field has a value.
    Term(Term),
}

/// What is asked of a field.
#[derive(Debug)]
pub struct Term {
    field: String,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    Equal(String),
    Like(Regex),
    /// A part of it; `*` is any value at all, `a*` a beginning.
    Has(String),
    Ordered(String, fn(Ordering) -> bool),
}

impl Filter {
    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::invalid("Invalid list filter expression.");
        if text.len() > LONGEST {
            return Err(invalid());
        }
        let tokens = tokens(text).ok_or_else(invalid)?;
        let mut parser = Parser {
            tokens: tokens.into_iter().peekable(),
            levels: DEEPEST,
            regexes: MOST_REGEXES,
        };
        let filter = parser.any().ok_or_else(invalid)?;
        match parser.tokens.next() {
            None => Ok(filter),
            Some(_) => Err(invalid()),
        }
    }

    /// Whether it lets an item through.
    pub fn holds(&self, item: &Value) -> bool {
        match self {
            Self::All(all) => all.iter().all(|filter| filter.holds(item)),
            Self::Any(any) => any.iter().any(|filter| filter.holds(item)),
            Self::Not(filter) => !filter.holds(item),
            Self::Term(term) => texts(item, &term.field)
                .iter()
                .any(|text| term.wanted.is(text)),
        }
    }
}

impl Wanted {
    fn is(&self, text: &str) -> bool {
        match self {
            Self::Equal(wanted) => text == wanted || wanted == "*",
            Self::Like(regex) => regex.is_match(text),
            Self::Has(wanted) => match wanted.strip_suffix('*') {
                Some(start) => text.starts_with(start),
                None => text.to_lowercase().contains(&wanted.to_lowercase()),
            },
            Self::Ordered(wanted, holds) => holds(compare(text, wanted)),
        }
    }
}

/// By size if both are numbers, else by their letters, which orders timestamps.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

/// A field by its path, as text: every one where lists are on the way.
pub fn texts(item: &Value, path: &str) -> Vec<String> {
    let mut found = vec![item];
    for name in path.split('.') {
        found = found
            .into_iter()
            .flat_map(flat)
            .filter_map(|value| value.get(name))
            .collect();
    }
    found.into_iter().flat_map(flat).map(text).collect()
}

fn flat(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        value => vec![value],
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Operator(&'static str),
    Word(String),
    Quoted(String),
}

/// The longer of two that begin alike comes first.
const OPERATORS: [&str; 7] = ["!=", "<=", ">=", "=", ":", "<", ">"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        // The value behind an operator may hold colons, as timestamps do.
        let is_value = matches!(tokens.last(), Some(Token::Operator(_)));
        let operator = OPERATORS.iter().find(|op| rest.starts_with(**op));
        let (token, length) = match (first, operator) {
            ('(', _) => (Token::Open, 1),
            (')', _) => (Token::Close, 1),
            ('"' | '\'', _) => {
                let (text, length) = quoted(rest, first)?;
                (Token::Quoted(text), length)
            }
            (_, Some(operator)) if !is_value => (Token::Operator(operator), operator.len()),
            _ => {
                let ends = |c: char| {
                    c.is_whitespace() || "()".contains(c) || !is_value && "=!:<>".contains(c)
                };
                let length = rest.find(ends).unwrap_or(rest.len());
                let word = rest.get(..length).filter(|word| !word.is_empty())?;
                let token = match word {
                    "eq" => Token::Operator("eq"),
                    "ne" => Token::Operator("ne"),
                    word => Token::Word(word.into()),
                };
                (token, length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// What is between the quotes at the start of a text, and where the text goes on. A backslash that
/// escapes no quote belongs to the value: it may be part of a regular expression.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, at + 1)),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == quote) => {
                value.extend(chars.next().map(|(_, next)| next));
            }
            '\\' => {
                value.push(c);
                value.extend(chars.next().map(|(_, next)| next));
            }
            c => value.push(c),
        }
    }
    None
}

struct Parser {
    tokens: Peekable<std::vec::IntoIter<Token>>,
    /// How much deeper it may go.
    levels: usize,
    /// How many more regular expressions it takes.
    regexes: usize,
}

impl Parser {
    fn any(&mut self) -> Option<Filter> {
        let mut any = vec![self.all()?];
        while self.skip("OR") {
            any.push(self.all()?);
        }
        one_or(any, Filter::Any)
    }

    /// Terms with AND between them, or nothing.
    fn all(&mut self) -> Option<Filter> {
        let mut all = vec![self.not()?];
        loop {
            if !self.skip("AND") {
                match self.tokens.peek() {
                    None | Some(Token::Close) => break,
                    Some(Token::Word(word)) if word == "OR" => break,
                    Some(_) => {}
                }
            }
            all.push(self.not()?);
        }
        one_or(all, Filter::All)
    }

    fn not(&mut self) -> Option<Filter> {
        if self.skip("NOT") {
            return Some(Filter::Not(Box::new(self.deeper(Self::not)?)));
        }
        match self.tokens.next()? {
            Token::Open => {
                let inner = self.deeper(Self::any)?;
                (self.tokens.next()? == Token::Close).then_some(inner)
            }
            Token::Word(field) => self.term(field),
            _ => None,
        }
    }

    fn deeper(&mut self, inner: fn(&mut Self) -> Option<Filter>) -> Option<Filter> {
        self.levels = self.levels.checked_sub(1)?;
        let filter = inner(self);
        self.levels += 1;
        filter
    }

    fn term(&mut self, field: String) -> Option<Filter> {
        let Token::Operator(operator) = self.tokens.next()? else {
            return None;
        };
        let (Token::Word(value) | Token::Quoted(value)) = self.tokens.next()? else {
            return None;
        };
        let wanted = match operator {
            "=" | "!=" => Wanted::Equal(value),
            "eq" | "ne" => Wanted::Like(self.regex(&value)?),
            ":" => Wanted::Has(value),
            "<" => Wanted::Ordered(value, Ordering::is_lt),
            "<=" => Wanted::Ordered(value, Ordering::is_le),
            ">" => Wanted::Ordered(value, Ordering::is_gt),
            _ => Wanted::Ordered(value, Ordering::is_ge),
        };
        let term = Filter::Term(Term { field, wanted });
        Some(match operator {
            "!=" | "ne" => Filter::Not(Box::new(term)),
            _ => term,
        })
    }

    /// What matches a whole value.
    fn regex(&mut self, value: &str) -> Option<Regex> {
        self.regexes = self.regexes.checked_sub(1)?;
        RegexBuilder::new(&format!("(?s)^(?:{value})$"))
            .size_limit(REGEX_SIZE)
            .dfa_size_limit(REGEX_SIZE)
            .build()
            .ok()
    }

    fn skip(&mut self, keyword: &str) -> bool {
        self.tokens
            .next_if(|token| matches!(token, Token::Word(word) if word == keyword))
            .is_some()
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Option<Filter> {
    if filters.len() == 1 {
        filters.pop()
    } else {
        Some(many(filters))
    }
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST, Filter, LONGEST, MOST_REGEXES};
    use serde_json::json;

    #[test]
    fn filters_in_every_notation() {
        let item = json!({
            "name": "my-image-1", "status": "READY", "sizeGb": "20", "deprecated": {},
            "labels": {"app": "web"}, "creationTimestamp": "2026-02-01T10:00:00.000Z",
            "scheduling": {"automaticRestart": true},
            "disks": [{"deviceName": "boot"}, {"deviceName": "state"}],
        });
        let holds = |text: &str| Filter::parse(text).unwrap().holds(&item);
        for text in [
            "name=my-image-1",
            r#"(name eq "my-.*")"#,
            r#"name eq ".*\bimage\b.*""#,
            r#"(name eq ".*(^my).*")(status eq READY)"#,
            "name ne image",
            "status = READY AND labels.app=web",
            "status=\"FAILED\" OR labels.app:*",
            "NOT status=FAILED AND (sizeGb > 9 AND sizeGb<=20)",
            "labels.app:we*",
            "creationTimestamp > 2026-01-31T10:00:00Z",
            "scheduling.automaticRestart = true",
            "disks.deviceName = state",
            "labels.none != x",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "name eq image",
            "name=my",
            "labels.none:*",
            "status=READY AND labels.app != web",
            "NOT (status=READY OR status=FAILED)",
            "sizeGb >= 100",
        ] {
            assert!(!holds(text), "{text}");
        }
        for text in ["nonsense", "a=", "(a=b", "a=b)", "a eq \"(\"", "a=\"b"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_filter_costs_little_whatever_it_is() {
        let nested = |count: usize| format!("{}a=b{}", "(".repeat(count), ")".repeat(count));
        assert!(Filter::parse(&nested(DEEPEST)).is_ok());
        let many = |term: &str, count: usize| vec![term; count].join(" OR ");
        assert!(Filter::parse(&many("a eq b", MOST_REGEXES)).is_ok());
        for text in [
            nested(DEEPEST + 1),
            "(".repeat(5_000),
            "NOT ".repeat(DEEPEST + 1) + "a=b",
            format!("a={}", "b".repeat(LONGEST)),
            r"a eq (\w{900}){900}".into(),
            many("a eq b", MOST_REGEXES + 1),
        ] {
            assert!(Filter::parse(&text).is_err(), "{}", &text[..20]);
        }
    }
}

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{Finding, Findings, Node, Value};

/// Why a newtype refused a value: the error of its `FromStr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with the value.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl Refusal {
    /// Joins a message and its hint.
    pub fn new(message: impl Display, hint: impl Display) -> Self {
        Self {
            message: message.to_string(),
            hint: hint.to_string(),
        }
    }
}

/// Collects the findings of one document.
#[derive(Debug)]
pub struct Log {
    file: String,
    findings: RefCell<Vec<Finding>>,
}

impl Log {
    /// An empty log for the document `file`.
    #[must_use]
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            findings: RefCell::default(),
        }
    }

    /// Notes a mistake at a node.
    pub fn report(&self, node: &Node, path: &str, message: impl Display, hint: impl Display) {
        self.findings.borrow_mut().push(Finding {
            file: self.file.clone(),
            line: node.line.max(1),
            column: node.column.max(1),
            path: path.to_owned(),
            message: message.to_string(),
            hint: hint.to_string(),
        });
    }

    /// The paths that have findings so far.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.findings
            .borrow()
            .iter()
            .map(|f| f.path.clone())
            .collect()
    }

    /// Adds the findings of another document that this one depends on.
    pub fn adopt(&self, findings: Findings) {
        self.findings.borrow_mut().extend(findings.0);
    }

    /// Returns what was read if there are no findings, else the findings by line. A reader that returns
    /// `None` has reported why.
    pub fn close<T>(self, read: Option<T>) -> Result<T, Findings> {
        let mut findings = self.findings.into_inner();
        match read {
            Some(read) if findings.is_empty() => Ok(read),
            _ => {
                findings.sort_by_key(|f| (f.file != self.file, f.line, f.column));
                Err(Findings(findings))
            }
        }
    }
}

/// A node that is being read as a typed value. Readers report mistakes and return `None`, so that a
/// caller can read all fields before it gives up.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    node: &'a Node,
    path: String,
    log: &'a Log,
}

impl<'a> Cursor<'a> {
    /// At the root of a document.
    #[must_use]
    pub fn root(node: &'a Node, log: &'a Log) -> Self {
        Self {
            node,
            path: String::new(),
            log,
        }
    }

    fn child(&self, node: &'a Node, key: &str) -> Self {
        let path = if self.path.is_empty() || key.starts_with('[') {
            format!("{}{key}", self.path)
        } else {
            format!("{}.{key}", self.path)
        };
        Self {
            node,
            path,
            log: self.log,
        }
    }

    /// The node itself.
    #[must_use]
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Notes a mistake here.
    pub fn report(&self, message: impl Display, hint: impl Display) {
        self.log.report(self.node, &self.path, message, hint);
    }

    /// Like [`Cursor::report`], with a reader's return value.
    #[must_use]
    pub fn refuse<T>(&self, refusal: &Refusal) -> Option<T> {
        self.report(&refusal.message, &refusal.hint);
        None
    }

    fn expected<T>(&self, wanted: &str, hint: impl Display) -> Option<T> {
        self.report(format!("is {}, expected {wanted}", self.node.kind()), hint);
        None
    }

    /// A mapping with only these keys.
    #[must_use]
    pub fn fields(&self, known: &'static [&'static str]) -> Option<Fields<'a>> {
        let Value::Map(entries) = &self.node.value else {
            return self.expected("a mapping", format!("its keys: {}", known.join(", ")));
        };
        let mut misspelt = Vec::new();
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !known.contains(&name) {
                let near = nearest(name, known);
                misspelt.extend(near);
                let hint = near.map_or_else(
                    || format!("expected one of {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("unknown key `{name}`");
                self.log.report(key, &self.path, message, hint);
            }
        }
        Some(Fields {
            at: self.clone(),
            misspelt,
        })
    }

    /// The keys and values of a mapping whose keys are the user's own.
    #[must_use]
    pub fn entries(&self) -> Vec<(Self, Self)> {
        let Value::Map(entries) = &self.node.value else {
            self.expected::<()>("a mapping", "");
            return Vec::new();
        };
        let place = |key: &'a Node, node| self.child(node, key.text().unwrap_or_default());
        let pair = |(key, value): &'a (Node, Node)| (place(key, key), place(key, value));
        entries.iter().map(pair).collect()
    }

    /// The items of a list.
    #[must_use]
    pub fn items(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            self.expected::<()>("a list", "");
            return Vec::new();
        };
        let at = |(i, node)| self.child(node, &format!("[{i}]"));
        items.iter().enumerate().map(at).collect()
    }

    /// Text that is not empty.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match &self.node.value {
            Value::Text(text) if text.is_empty() => {
                self.report("is empty", "");
                None
            }
            Value::Text(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => self.expected("text", "put it in quotes"),
            _ => self.expected("text", ""),
        }
    }

    /// Text, which may be empty, or a bare whole number. YAML would change other bare values before
    /// anyone sees them: `1.10` to `1.1`, `on` to `true`.
    #[must_use]
    pub fn scalar(&self) -> Option<String> {
        match &self.node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(n) if !n.is_f64() => Some(n.to_string()),
            Value::Bool(_) | Value::Number(_) => self.expected("text", "put it in quotes"),
            _ => self.expected("text", ""),
        }
    }

    /// Text that a newtype accepts.
    #[must_use]
    pub fn parse<T: FromStr<Err = Refusal>>(&self) -> Option<T> {
        if let Value::Number(number) = &self.node.value
            && let Err(refusal) = number.to_string().parse::<T>()
        {
            return self.refuse(&refusal);
        }
        match self.text()?.parse() {
            Ok(value) => Some(value),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// A whole number within bounds; `what` completes "0 is not ...".
    #[must_use]
    pub fn number<T>(&self, bounds: RangeInclusive<u64>, what: &str) -> Option<T>
    where
        T: TryFrom<u64>,
    {
        let (low, high) = (bounds.start(), bounds.end());
        let Value::Number(number) = &self.node.value else {
            return self.expected(
                "a whole number",
                format!("from {low} to {high}, without a unit"),
            );
        };
        let within = number.as_u64().filter(|n| bounds.contains(n));
        let value = within.and_then(|n| T::try_from(n).ok());
        if value.is_none() {
            self.report(
                format!("{number} is not {what}"),
                format!("a whole number from {low} to {high}"),
            );
        }
        value
    }

    /// `true` or `false`.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        match self.node.value {
            Value::Bool(flag) => Some(flag),
            _ => self.expected("true or false", ""),
        }
    }
}

/// The fields of a mapping whose keys are known.
#[derive(Debug)]
pub struct Fields<'a> {
    at: Cursor<'a>,
    /// Keys that were misspelt, and reported as such.
    misspelt: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// A field that may be left out.
    #[must_use]
    pub fn optional(&self, key: &str) -> Option<Cursor<'a>> {
        let node = self.at.node.get(key)?;
        let absent = matches!(node.value, Value::Null);
        (!absent).then(|| self.at.child(node, key))
    }

    /// A field that must be there.
    #[must_use]
    pub fn required(&self, key: &str, hint: &str) -> Option<Cursor<'a>> {
        let found = self.optional(key);
        if found.is_none() && !self.misspelt.contains(&key) {
            self.at.report(format!("`{key}` is missing"), hint);
        }
        found
    }

    /// A field with a default. `None` if its value was refused.
    pub fn or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(Cursor<'a>) -> Option<T>,
    ) -> Option<T> {
        self.optional(key).map_or(Some(default), read)
    }

    /// A list that may be left out. Items that are refused are reported and dropped.
    pub fn list<T>(&self, key: &str, read: impl FnMut(Cursor<'a>) -> Option<T>) -> Vec<T> {
        let items = self.optional(key).map(|list| list.items());
        items
            .unwrap_or_default()
            .into_iter()
            .filter_map(read)
            .collect()
    }
}

/// The key that was probably meant.
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |key: &&&str| strsim::damerau_levenshtein(name, key);
    let near = known.iter().min_by_key(distance)?;
    (distance(&near) <= 1 + near.len() / 4).then_some(*near)
}

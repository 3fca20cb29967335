//! A lock as a list of facts: what its text says line by line, and what differs between two (pure).

use serde_json::Value;

use super::Lock;

const HEADER: &str = "\
# What this deployment runs. clawbake writes it, at every bake and change of release: to change what runs,
# change clawbake.yaml or the recipe. Keep it in version control: an update is its difference.
";

impl Lock {
    /// Every fact by its place in the file, in the file's order.
    fn facts(&self) -> Vec<(&'static str, Option<Value>)> {
        let text = |value: &dyn ToString| Some(Value::String(value.to_string()));
        let Self {
            gateway,
            node,
            npm,
            base,
            debian,
            image,
            template,
        } = self;
        vec![
            ("gateway.npm", text(&gateway.npm)),
            ("gateway.version", text(&gateway.version)),
            ("gateway.integrity", text(&gateway.integrity)),
            (
                "gateway.schema.state",
                gateway.schema.map(|it| it.state.into()),
            ),
            (
                "gateway.schema.agent",
                gateway.schema.map(|it| it.agent.into()),
            ),
            (
                "gateway.engines",
                gateway.engines.clone().map(Value::String),
            ),
            ("node.version", text(&node.version)),
            ("node.integrity", text(&node.integrity)),
            ("npm.version", text(&npm.version)),
            ("npm.integrity", text(&npm.integrity)),
            ("base", text(base)),
            ("debian.suite", text(&debian.suite)),
            ("debian.security", text(&debian.security)),
            ("image", image.as_ref().and_then(|it| text(it))),
            ("template", template.as_ref().and_then(|it| text(it))),
        ]
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{HEADER}lock: {}\n", super::read::SCHEMA);
        let mut open: Vec<&str> = Vec::new();
        for (place, value) in self.facts() {
            let Some(value) = value else { continue };
            let mut sections: Vec<&str> = place.split('.').collect();
            let key = sections.pop().unwrap_or_default();
            let same = open.iter().zip(&sections).take_while(|(a, b)| a == b);
            for (depth, section) in sections.iter().enumerate().skip(same.count()) {
                text += &line(depth, section, "");
            }
            text += &line(sections.len(), key, &scalar(&value));
            open = sections;
        }
        text
    }
    /// What a newer lock says otherwise, for people: one line for each fact, such as
    /// `gateway.version: 2026.9.4 -> 2026.9.6`. A shortened digest of the same bytes is no difference.
    #[must_use]
    pub fn diff(&self, new: &Self) -> Vec<String> {
        let same_bytes = |place: &str| match place {
            "gateway.integrity" => self.gateway.integrity.agrees(&new.gateway.integrity),
            "node.integrity" => self.node.integrity.agrees(&new.node.integrity),
            "npm.integrity" => self.npm.integrity.agrees(&new.npm.integrity),
            _ => false,
        };
        let told = |value: Option<Value>| match value {
            Some(Value::String(text)) => text,
            Some(value) => value.to_string(),
            None => "none".to_owned(),
        };
        let facts = self.facts().into_iter().zip(new.facts());
        facts
            .filter(|((place, old), (_, new))| old != new && !same_bytes(place))
            .map(|((place, old), (_, new))| format!("{place}: {} -> {}", told(old), told(new)))
            .collect()
    }
}

/// A line of the file: a fact, or the section that facts are in.
fn line(depth: usize, key: &str, value: &str) -> String {
    let space = if value.is_empty() { "" } else { " " };
    format!("{}{key}:{space}{value}\n", "  ".repeat(depth))
}

/// A value as YAML reads it back: text without quotes where nothing else could be meant.
fn scalar(value: &Value) -> String {
    match value.as_str() {
        Some(text) if is_plain(text) => text.to_owned(),
        _ => value.to_string(),
    }
}

/// Names, digests and versions are; a bare number, `0x10` or `true` would be read as something else.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+/=-".contains(c);
    let version =
        || text.starts_with(|c: char| c.is_ascii_digit()) && text.matches('.').count() > 1;
    let name = || text.starts_with(|c: char| c.is_ascii_alphabetic());
    text.chars().all(plain) && (version() || name()) && !["true", "false", "null"].contains(&text)
}

#[cfg(test)]
mod tests {
    use crate::lock::read::tests::lock;

    #[test]
    fn the_text_has_one_fact_a_line() {
        insta::assert_snapshot!(lock().text());
    }

    #[test]
    fn a_difference_is_a_few_lines() {
        let (old, mut new) = (lock(), lock());
        assert_eq!(old.diff(&new), Vec::<String>::new());
        new.gateway.version = "2026.9.5".parse().unwrap();
        new.gateway.schema = None;
        new.template = None;
        assert_eq!(
            old.diff(&new),
            [
                "gateway.version: 2026.9.6 -> 2026.9.5",
                "gateway.schema.state: 18 -> none",
                "gateway.schema.agent: 23 -> none",
                "template: openclaw-0123456789 -> none",
            ]
        );
    }
}

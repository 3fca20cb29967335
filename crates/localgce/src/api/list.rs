//! What all lists have in common: filter, order, pages.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::Error;

const PAGE: usize = 500;

/// A list's query parameters; the ones of no effect here are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListQuery {
    filter: Option<String>,
    // The APIs with gRPC's status say pageSize.
    #[serde(alias = "pageSize")]
    max_results: Option<usize>,
    order_by: Option<String>,
    page_token: Option<String>,
}

/// A boolean of a query, which Google's own programs write `true`, `True` or `1`.
pub fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.eq_ignore_ascii_case("true") || text == "1")
}

/// A page of a list.
pub struct Page {
    /// What is on it.
    pub items: Vec<Value>,
    /// How to ask for the next one.
    pub next: Option<String>,
}

impl ListQuery {
    /// The same with another filter, for APIs that call it otherwise.
    pub fn filtered_by(self, filter: &str) -> Self {
        Self {
            filter: Some(filter.into()),
            ..self
        }
    }

    /// The page of `items` that the client asked for.
    pub fn page(&self, mut items: Vec<Value>) -> Result<Page, Error> {
        if let Some(filter) = self
            .filter
            .as_deref()
            .filter(|filter| !filter.trim().is_empty())
        {
            let terms = parse(filter)?;
            items.retain(|item| terms.iter().all(|term| term.holds(item)));
        }
        match self.order_by.as_deref() {
            None | Some("" | "name") => {}
            Some("creationTimestamp desc") => {
                items.sort_by(|a, b| {
                    text(b, "creationTimestamp").cmp(&text(a, "creationTimestamp"))
                });
            }
            Some(order) => {
                return Err(Error::field(
                    "orderBy",
                    order,
                    "Use name or creationTimestamp desc.",
                ));
            }
        }
        let start = self.start()?.min(items.len());
        let end = start.saturating_add(self.max_results.unwrap_or(PAGE).clamp(1, PAGE));
        let next = (end < items.len()).then(|| BASE64_URL_SAFE_NO_PAD.encode(end.to_string()));
        items.truncate(end);
        Ok(Page {
            items: items.split_off(start),
            next,
        })
    }

    fn start(&self) -> Result<usize, Error> {
        let Some(token) = self.page_token.as_deref().filter(|token| !token.is_empty()) else {
            return Ok(0);
        };
        BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|start| String::from_utf8(start).ok()?.parse().ok())
            .ok_or_else(|| Error::field("pageToken", token, "It is not one that a list has given."))
    }
}

struct Term {
    field: String,
    wanted: String,
    equal: bool,
    /// `:`: a part of it suffices.
    part: bool,
}

impl Term {
    fn holds(&self, item: &Value) -> bool {
        let matches = match text(item, &self.field) {
            Some(value) if self.part => value.contains(&self.wanted) || self.wanted == "*",
            Some(value) => value == self.wanted || self.wanted == "*",
            None => false,
        };
        matches == self.equal
    }
}

/// A field by its path, as text.
fn text(item: &Value, path: &str) -> Option<String> {
    let value = path
        .split('.')
        .try_fold(item, |value, name| value.get(name))?;
    Some(
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    )
}

/// `a = b`, `a eq b`, `a != b`, `a ne b`, and several of them by AND or in parentheses.
fn parse(filter: &str) -> Result<Vec<Term>, Error> {
    filter
        .replace(")(", ") AND (")
        .replace(") (", ") AND (")
        .split(" AND ")
        .map(|term| {
            let term = term.trim().trim_start_matches('(').trim_end_matches(')');
            let operators = [
                ("!=", false),
                (" ne ", false),
                (" eq ", true),
                ("=", true),
                (":", true),
            ];
            let (field, wanted, equal, part) = operators
                .iter()
                .find_map(|(operator, equal)| {
                    term.split_once(operator)
                        .map(|(field, wanted)| (field, wanted, *equal, *operator == ":"))
                })
                .ok_or_else(|| Error::invalid("Invalid list filter expression."))?;
            let wanted = wanted.trim().trim_matches(['"', '\'']).to_owned();
            Ok(Term {
                field: field.trim().to_owned(),
                wanted,
                equal,
                part,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::ListQuery;
    use serde_json::json;

    fn names(query: &ListQuery) -> (Vec<String>, Option<String>) {
        let items = (1..=4).map(|n| {
            json!({"name": format!("i{n}"), "status": if n % 2 == 0 { "READY" } else { "FAILED" },
                "labels": {"app": format!("a{}", n / 3)}, "creationTimestamp": format!("0{n}")})
        });
        let page = query.page(items.collect()).unwrap();
        (
            page.items
                .iter()
                .map(|i| i["name"].as_str().unwrap().into())
                .collect(),
            page.next,
        )
    }

    fn filtered(filter: &str) -> Vec<String> {
        names(&ListQuery {
            filter: Some(filter.into()),
            ..ListQuery::default()
        })
        .0
    }

    #[test]
    fn filters_in_every_notation() {
        assert_eq!(filtered("name=i2"), ["i2"]);
        assert_eq!(filtered("(name eq \"i2\")"), ["i2"]);
        assert_eq!(filtered("status = READY AND labels.app=a1"), ["i4"]);
        assert_eq!(filtered("(status=READY)(labels.app != a1)"), ["i2"]);
        assert_eq!(filtered("labels.none:*"), [""; 0]);
        assert_eq!(filtered("status:READ"), ["i2", "i4"]);
        assert!(super::parse("nonsense").is_err());
    }

    #[test]
    fn pages_join_to_the_whole() {
        let first = ListQuery {
            max_results: Some(3),
            ..ListQuery::default()
        };
        let (mut all, next) = names(&first);
        let (rest, end) = names(&ListQuery {
            page_token: next,
            ..first
        });
        all.extend(rest);
        assert_eq!(
            (all, end),
            (
                vec!["i1".into(), "i2".into(), "i3".into(), "i4".into()],
                None
            )
        );
        let newest = Some("creationTimestamp desc".into());
        assert_eq!(
            names(&ListQuery {
                order_by: newest,
                ..ListQuery::default()
            })
            .0[0],
            "i4"
        );
    }
}

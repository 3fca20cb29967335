//! What all lists have in common: filter, order, pages.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::filter::{Filter, compare, texts};
use crate::error::Error;

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

impl Page {
    /// Most APIs' answer: the items under their name, and how to ask for the next ones.
    pub fn body(self, items: &str) -> Value {
        let mut body = json!({items: self.items});
        if let Some(next) = self.next {
            body["nextPageToken"] = next.into();
        }
        body
    }
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
        let given = |text: &&str| !text.trim().is_empty();
        if let Some(filter) = self.filter.as_deref().filter(given) {
            let filter = Filter::parse(filter)?;
            items.retain(|item| filter.holds(item));
        }
        // Collections come by name.
        if let Some(order) = self.order_by.as_deref().filter(given) {
            let mut words = order.split_whitespace();
            let (field, direction) = (words.next().unwrap_or_default(), words.next());
            if !matches!(direction, None | Some("asc" | "desc")) || words.next().is_some() {
                let why = "Use a field, and asc or desc behind it.";
                return Err(Error::field("orderBy", order, why));
            }
            let value = |item: &Value| texts(item, field).pop().unwrap_or_default();
            items.sort_by(|a, b| {
                let ascending = compare(&value(a), &value(b));
                match direction {
                    Some("desc") => ascending.reverse(),
                    _ => ascending,
                }
            });
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

#[cfg(test)]
mod tests {
    use super::{ListQuery, json};

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
        let failed = ListQuery {
            filter: Some("status=FAILED".into()),
            ..ListQuery::default()
        };
        assert_eq!(names(&failed).0, ["i1", "i3"]);
    }
}

//! A bucket's objects as a listing shows them: those with a prefix, folded at a delimiter, in pages.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::list::truth;
use crate::error::Error;

/// Google's limit of a page.
const PAGE: usize = 1000;

/// A listing's query parameters; this engine keeps no old generations and no deleted objects.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectListQuery {
    prefix: String,
    delimiter: String,
    start_offset: Option<String>,
    end_offset: Option<String>,
    #[serde(deserialize_with = "truth")]
    include_trailing_delimiter: bool,
    #[serde(deserialize_with = "truth")]
    soft_deleted: bool,
    max_results: Option<usize>,
    page_token: Option<String>,
}

/// What a listing shows in one line.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Object(usize),
    Prefix(String),
}

/// The answer, of a bucket's objects by name.
pub fn answer(mut objects: Vec<Value>, query: &ObjectListQuery) -> Result<Value, Error> {
    if query.soft_deleted {
        objects.clear();
    }
    let names: Vec<_> = objects
        .iter()
        .map(|object| object["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    let size = query.max_results.unwrap_or(PAGE).clamp(1, PAGE);
    let (entries, next) = page(&names, query, size)?;
    let mut list = json!({"kind": "storage#objects"});
    let (mut items, mut prefixes) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Object(index) => items.push(objects[index].take()),
            Entry::Prefix(prefix) => prefixes.push(prefix),
        }
    }
    if !items.is_empty() {
        list["items"] = items.into();
    }
    if !prefixes.is_empty() {
        list["prefixes"] = prefixes.into();
    }
    if let Some(next) = next {
        list["nextPageToken"] = next.into();
    }
    Ok(list)
}

/// A page of entries, and the token of the next page: the last name or prefix of this one.
fn page(
    names: &[String],
    query: &ObjectListQuery,
    size: usize,
) -> Result<(Vec<Entry>, Option<String>), Error> {
    let after = query
        .page_token
        .as_deref()
        .filter(|token| !token.is_empty());
    let after = after.map(decode).transpose()?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut last = String::new();
    for (index, name) in names.iter().enumerate() {
        let before_start = query
            .start_offset
            .as_ref()
            .is_some_and(|start| name < start);
        let behind_end = query.end_offset.as_ref().is_some_and(|end| name >= end);
        if !name.starts_with(&query.prefix) || before_start || behind_end {
            continue;
        }
        let fold = fold(name, query);
        let shown = fold.unwrap_or(name);
        let seen = fold.is_some() && entries.last() == Some(&Entry::Prefix(shown.to_owned()));
        if after.as_deref().is_some_and(|after| shown <= after) || seen {
            continue;
        }
        if entries.len() == size {
            return Ok((entries, Some(BASE64_URL_SAFE_NO_PAD.encode(last))));
        }
        shown.clone_into(&mut last);
        if fold.is_some() {
            entries.push(Entry::Prefix(shown.to_owned()));
            if query.include_trailing_delimiter && shown == name {
                entries.push(Entry::Object(index));
            }
        } else {
            entries.push(Entry::Object(index));
        }
    }
    Ok((entries, None))
}

/// The part of a name up to the first delimiter behind the prefix.
fn fold<'a>(name: &'a str, query: &ObjectListQuery) -> Option<&'a str> {
    let delimiter = Some(query.delimiter.as_str()).filter(|delimiter| !delimiter.is_empty())?;
    let rest = name.strip_prefix(query.prefix.as_str())?;
    let end = query.prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(&name[..end])
}

fn decode(token: &str) -> Result<String, Error> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Error::field("pageToken", token, "It is not one that a list has given."))
}

#[cfg(test)]
mod tests {
    use super::{ObjectListQuery, answer};
    use serde_json::{Value, json};

    const NAMES: [&str; 6] = ["a", "d/", "d/x", "d/y/z", "e/x", "f"];

    fn listed(query: &ObjectListQuery) -> (Vec<String>, Vec<String>, Option<String>) {
        let objects = NAMES.iter().map(|name| json!({"name": name})).collect();
        let list = answer(objects, query).unwrap();
        let strings = |list: &Value, name: &dyn Fn(&Value) -> String| {
            list.as_array()
                .into_iter()
                .flatten()
                .map(name)
                .collect::<Vec<_>>()
        };
        (
            strings(&list["items"], &|item| {
                item["name"].as_str().unwrap().into()
            }),
            strings(&list["prefixes"], &|prefix| prefix.as_str().unwrap().into()),
            list["nextPageToken"].as_str().map(str::to_owned),
        )
    }

    #[test]
    fn prefixes_fold_at_the_delimiter() {
        let all = listed(&ObjectListQuery::default());
        assert_eq!((all.0.len(), all.1.len()), (6, 0));
        let (items, prefixes, _) = listed(&ObjectListQuery {
            delimiter: "/".into(),
            ..ObjectListQuery::default()
        });
        assert_eq!(items, ["a", "f"]);
        assert_eq!(prefixes, ["d/", "e/"]);
        let (items, prefixes, _) = listed(&ObjectListQuery {
            prefix: "d/".into(),
            delimiter: "/".into(),
            ..ObjectListQuery::default()
        });
        assert_eq!(
            (items, prefixes),
            (vec!["d/".into(), "d/x".into()], vec!["d/y/".into()])
        );
        let (items, ..) = listed(&ObjectListQuery {
            start_offset: Some("d/x".into()),
            end_offset: Some("f".into()),
            ..ObjectListQuery::default()
        });
        assert_eq!(items, ["d/x", "d/y/z", "e/x"]);
    }

    #[test]
    fn pages_join_to_the_whole() {
        let mut query = ObjectListQuery {
            delimiter: "/".into(),
            max_results: Some(1),
            ..ObjectListQuery::default()
        };
        let mut seen = Vec::new();
        loop {
            let (items, prefixes, next) = listed(&query);
            seen.extend(items.into_iter().chain(prefixes));
            query.page_token = next;
            if query.page_token.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "d/", "e/", "f"]);
    }
}

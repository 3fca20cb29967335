//! Paged lists.

use std::collections::BTreeMap;

use reqwest::{Method, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Client, Error, Kind, Result, transport::Call};

impl Client {
    /// Reads all pages of a list.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        url: Url,
        filter: Option<&str>,
        what: String,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut token = String::new();
        loop {
            let mut call = Call::new(Method::GET, url.clone(), &what);
            if let Some(filter) = filter {
                call = call.query("filter", filter);
            }
            if !token.is_empty() {
                call = call.query("pageToken", &token);
            }
            let page: Page<T> = self.send(call, &what).await?;
            items.extend(page.items);
            if page.next_page_token.is_empty() {
                return Ok(items);
            }
            if page.next_page_token == token {
                return Err(Error::new(Kind::Corrupt, what, "the same page comes again"));
            }
            token = page.next_page_token;
        }
    }

    /// Reads all pages of a list across zones. `collection` is the key of each zone's items.
    pub(crate) async fn list_aggregated<T: DeserializeOwned>(
        &self,
        collection: &str,
        what: String,
    ) -> Result<Vec<T>> {
        let url = self.compute_url(&["aggregated", collection])?;
        let (mut items, mut token) = (Vec::new(), String::new());
        loop {
            let mut call = Call::new(Method::GET, url.clone(), &what);
            if !token.is_empty() {
                call = call.query("pageToken", &token);
            }
            let page: AggregatedPage = self.send(call, &what).await?;
            for mut scope in page.items.into_values() {
                let found = scope
                    .remove(collection)
                    .unwrap_or_else(|| Value::Array(Vec::new()));
                let found: Vec<T> = serde_json::from_value(found)
                    .map_err(|e| Error::new(Kind::Corrupt, &what, e.to_string()))?;
                items.extend(found);
            }
            if page.next_page_token.is_empty() {
                return Ok(items);
            }
            if page.next_page_token == token {
                return Err(Error::new(Kind::Corrupt, what, "the same page comes again"));
            }
            token = page.next_page_token;
        }
    }
}

/// One page of any list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    #[serde(default = "Vec::new", alias = "secrets", alias = "versions")]
    items: Vec<T>,
    #[serde(default)]
    next_page_token: String,
}

/// One page of a list of all zones: scope, then collection and warnings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AggregatedPage {
    #[serde(default)]
    items: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    next_page_token: String,
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn lists_follow_pages_with_the_filter() {
        let script = Script::play([
            Answer::json(200, r#"{"items":[{"name":"a"}],"nextPageToken":"p/2"}"#),
            Answer::json(200, r#"{"nextPageToken":"p/3"}"#),
            Answer::json(200, r#"{"items":[{"name":"b"}]}"#),
        ])
        .await;
        let listed = script
            .client()
            .images()
            .list(Some("family = f"))
            .await
            .unwrap();
        let names: Vec<_> = listed.into_iter().filter_map(|image| image.name).collect();
        assert_eq!(names, ["a", "b"]);
        let requests = script.requests();
        assert!(
            requests
                .iter()
                .all(|r| r.query("filter").as_deref() == Some("family = f"))
        );
        assert_eq!(requests[2].query("pageToken").as_deref(), Some("p/3"));
    }

    #[tokio::test]
    async fn lists_of_all_zones_follow_pages_and_pass_over_empty_zones() {
        let script = Script::play([
            Answer::json(
                200,
                r#"{"items":{"zones/a":{"disks":[{"name":"x"}]},"zones/b":{"warning":{"code":"NO_RESULTS_ON_PAGE"}}},"nextPageToken":"2"}"#,
            ),
            Answer::json(200, r#"{"items":{"zones/b":{"disks":[{"name":"y"}]}}}"#),
        ])
        .await;
        let disks = script.client().all_disks().await.unwrap();
        let names: Vec<_> = disks.into_iter().filter_map(|disk| disk.name).collect();
        assert_eq!(names, ["x", "y"]);
        let requests = script.requests();
        assert_eq!(
            requests[0].path(),
            "/compute/v1/projects/p/aggregated/disks"
        );
        assert_eq!(requests[1].query("pageToken").as_deref(), Some("2"));
    }
}

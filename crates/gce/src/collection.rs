//! What collections of Compute Engine have in common: each resource is found, made and deleted by its
//! name.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use reqwest::Url;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{Client, Pending, Result, client::found};

/// A resource in a [`Collection`].
pub trait Named: Serialize + DeserializeOwned + Send + Sync {
    /// The collection's name in URLs, such as `disks`.
    const COLLECTION: &'static str;
    /// What one is called in messages, such as `disk`.
    const NOUN: &'static str;

    /// Its name.
    fn name(&self) -> Option<&str>;
}

/// Declares resources that are [`Named`], with their collection and what one is called.
macro_rules! named {
    ($name:ident: $collection:literal, $noun:literal) => {
        impl crate::Named for $name {
            const COLLECTION: &'static str = $collection;
            const NOUN: &'static str = $noun;

            fn name(&self) -> Option<&str> {
                self.name.as_deref()
            }
        }
    };
}
pub(crate) use named;

/// Resources of one kind: those of a zone or of a region, or the project's global ones.
#[derive(Debug)]
pub struct Collection<T> {
    pub(crate) client: Client,
    place: Vec<String>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Named> Collection<T> {
    /// The project's global ones.
    pub(crate) fn global(client: Client) -> Self {
        Self::new(client, &["global"])
    }

    /// Those of a region.
    pub(crate) fn of_region(client: Client, region: &str) -> Self {
        Self::new(client, &["regions", region])
    }

    /// Those of a zone.
    pub(crate) fn of_zone(client: Client, zone: &str) -> Self {
        Self::new(client, &["zones", zone])
    }

    fn new(client: Client, place: &[&str]) -> Self {
        Self {
            client,
            place: place.iter().map(|&part| part.to_owned()).collect(),
            kind: PhantomData,
        }
    }

    /// The collection's URL, or one below it.
    pub(crate) fn url(&self, path: &[&str]) -> Result<Url> {
        let place: Vec<_> = self.place.iter().map(String::as_str).collect();
        let parts = [&place, &[T::COLLECTION][..], path].concat();
        self.client.compute_url(&parts)
    }

    /// `get`.
    pub async fn get(&self, name: &str) -> Result<T> {
        let what = format!("getting {} {name}", T::NOUN);
        self.client.get(self.url(&[name])?, what).await
    }

    /// `get`, with `None` where there is no such resource.
    pub async fn find(&self, name: &str) -> Result<Option<T>> {
        found(self.get(name).await)
    }

    /// `list`, all pages.
    pub async fn list(&self, filter: Option<&str>) -> Result<Vec<T>> {
        let what = format!("listing {} of {}", T::COLLECTION, self.client.project);
        self.client.list(self.url(&[])?, filter, what).await
    }

    /// `insert`.
    pub async fn insert(&self, resource: &T) -> Result<Pending> {
        let name = resource.name().unwrap_or_default();
        let what = format!("inserting {} {name}", T::NOUN);
        self.client.post(self.url(&[])?, Some(resource), what).await
    }

    /// `setLabels`, which replaces all labels. A stale fingerprint is
    /// [`Kind::PreconditionFailed`](crate::Kind::PreconditionFailed).
    pub async fn set_labels(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        fingerprint: &str,
    ) -> Result<Pending> {
        let what = format!("setting labels of {} {name}", T::NOUN);
        let url = self.url(&[name, "setLabels"])?;
        let body = json!({"labels": labels, "labelFingerprint": fingerprint});
        if self.place == ["global"] {
            // It takes no `requestId` there: the fingerprint stops a duplicate.
            return self.client.post_unnumbered(url, &body, what).await;
        }
        self.client.post(url, Some(&body), what).await
    }

    /// `delete`.
    pub async fn delete(&self, name: &str) -> Result<Pending> {
        let what = format!("deleting {} {name}", T::NOUN);
        self.client.delete(self.url(&[name])?, what).await
    }
}

//! A call of a method, by somebody who may.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, Uri};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::body;
use crate::engine::{Caller, Engine};
use crate::error::Error;

/// What a method is asked.
pub struct Call {
    /// The engine that is asked.
    pub engine: Arc<Engine>,
    /// Who asks.
    pub caller: Caller,
    /// The method's own permission; none if everybody may call it.
    pub permission: &'static str,
    /// The method's path with its variables' names.
    pub path: &'static str,
    /// The address, with the query.
    pub uri: Uri,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The path's variables in their order, by the names that the method's path gives them.
    pub variables: Vec<(&'static str, String)>,
    /// The body of a method that takes JSON.
    pub bytes: Bytes,
}

/// A query or a body in which nothing is looked for.
pub struct Nothing {}

impl<'de> Deserialize<'de> for Nothing {
    /// Whatever it is: some clients send `null` where a method takes no body.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self {})
    }
}

impl Call {
    /// The value of a variable of the path; empty if the path does not have it.
    pub fn variable(&self, name: &str) -> &str {
        let found = self.variables.iter().find(|(other, _)| *other == name);
        found.map_or("", |(_, value)| value)
    }

    /// The value of the path's last variable, which names the resource.
    pub fn name(&self) -> &str {
        self.variables.last().map_or("", |(_, value)| value)
    }

    /// The project in the path, by id or number.
    pub fn project(&self) -> &str {
        let project = |name: &str| ["project", "projectsId"].contains(&name);
        let found = self.variables.iter().find(|(name, _)| project(name));
        found.map_or("", |(_, value)| value)
    }

    /// The query.
    pub fn query<Q: DeserializeOwned>(&self) -> Result<Q, Error> {
        Query::try_from_uri(&self.uri)
            .map(|Query(query)| query)
            .map_err(|error| Error::malformed(error.body_text()))
    }

    /// The call with its body.
    pub async fn receive(self, request: Request) -> Result<Self, Error> {
        let bytes = to_bytes(request.into_body(), body::LIMIT)
            .await
            .map_err(|error| Error::malformed(format!("reading the request: {error}")))?;
        Ok(Self { bytes, ..self })
    }

    /// The body; an empty one counts as `{}`.
    pub fn body<B: DeserializeOwned>(&self) -> Result<B, Error> {
        body::parse(if self.bytes.is_empty() {
            b"{}"
        } else {
            &self.bytes
        })
    }

    /// The body before it is checked, to see what it refers to. What is no JSON refers to nothing, and is
    /// refused later.
    pub fn unchecked_body(&self) -> Value {
        let measured = body::measure(&self.bytes).ok();
        measured
            .and_then(|()| serde_json::from_slice(&self.bytes).ok())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Nothing;

    #[test]
    fn a_method_without_a_body_takes_whatever_json_comes() {
        for text in ["null", "{}", "{\"a\": [1]}", "[]"] {
            assert!(serde_json::from_str::<Nothing>(text).is_ok(), "{text}");
        }
        assert!(serde_json::from_str::<Nothing>("{").is_err());
    }
}

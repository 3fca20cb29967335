//! Labels of all resources that have any.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::{MethodRouter, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::{Body, StringMap};
use super::{Error, Place, RequestId, fingerprint, get};
use crate::engine::{Engine, nothing};
use crate::key::Kind;
use crate::store::resources;

pub type Labels = StringMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetLabelsRequest {
    #[serde(default)]
    labels: Labels,
    label_fingerprint: Option<String>,
}

/// Google's limit: <https://cloud.google.com/compute/docs/labeling-resources>.
const MOST: usize = 64;

/// Refuses labels that Google would.
pub fn check(labels: Option<&Labels>) -> Result<(), Error> {
    let count = labels.map_or(0, Labels::len);
    if count > MOST {
        return Err(Error::field(
            "resource.labels",
            &count.to_string(),
            "A resource has up to 64 labels.",
        ));
    }
    let part = |c: char| c.is_lowercase() || c.is_numeric() || c == '_' || c == '-';
    for (key, value) in labels.into_iter().flatten() {
        let good = key.starts_with(char::is_lowercase)
            && [key, value]
                .iter()
                .all(|text| text.chars().count() <= 63 && text.chars().all(part));
        if !good {
            return Err(Error::field(
                "resource.labels",
                &format!("{key}: {value}"),
                "Label keys and values have up to 63 lower-case letters, digits, underscores and \
                 dashes; keys begin with a letter.",
            ));
        }
    }
    Ok(())
}

/// Gives a body its labels and their fingerprint.
pub fn set(body: &mut Value, labels: &Labels) {
    let labels = json!(labels);
    body["labelFingerprint"] = fingerprint(&labels).into();
    body["labels"] = labels;
}

/// `setLabels` of a kind of resource.
pub fn setter(kind: Kind) -> MethodRouter<Arc<Engine>> {
    post(
        move |State(engine): State<Arc<Engine>>,
              Path(place): Path<Place>,
              Query(request_id): Query<RequestId>,
              Body(request): Body<SetLabelsRequest>| async move {
            let key = place.key(kind)?;
            check(Some(&request.labels))?;
            engine
                .mutate(&request_id.mutation("setLabels", &key), |tx| {
                    let body = get(tx, &key)?;
                    if body["labelFingerprint"].as_str() != request.label_fingerprint.as_deref() {
                        return Err(Error::fingerprint("labels"));
                    }
                    resources::update(tx, &key, |body| set(body, &request.labels))?;
                    nothing()
                })
                .map(Json)
        },
    )
}

//! `setLabels` of all resources that have labels.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::{MethodRouter, post};
use serde::Deserialize;

use super::place::{Place, RequestId};
use crate::api::body::Body;
use crate::engine::labels::{self, Labels};
use crate::engine::records::get;
use crate::engine::{Engine, nothing};
use crate::error::Error;
use crate::key::Kind;
use crate::store::resources;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetLabelsRequest {
    #[serde(default)]
    labels: Labels,
    label_fingerprint: Option<String>,
}

/// `setLabels` of a kind of resource.
pub fn set_labels_of(kind: Kind) -> MethodRouter<Arc<Engine>> {
    post(
        move |State(engine): State<Arc<Engine>>,
              Path(place): Path<Place>,
              Query(request_id): Query<RequestId>,
              Body(request): Body<SetLabelsRequest>| async move {
            let key = place.key(kind)?;
            labels::check(Some(&request.labels))?;
            engine
                .mutate(&request_id.mutation("setLabels", &key), |tx| {
                    let body = get(tx, &key)?;
                    if body["labelFingerprint"].as_str() != request.label_fingerprint.as_deref() {
                        return Err(Error::fingerprint("labels"));
                    }
                    resources::update(tx, &key, |body| labels::set(body, &request.labels))?;
                    nothing()
                })
                .map(Json)
        },
    )
}

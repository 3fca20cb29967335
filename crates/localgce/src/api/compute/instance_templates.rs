//! Templates of instances, global and regional.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::collections::{aggregated_list_of, list_of};
use super::one::{delete_of, get_of};
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::engine::records::{check_new, new_body};
use crate::engine::templates::{check, refuse_while_used, written};
use crate::engine::{Engine, nothing};
use crate::key::Kind;
use crate::store::resources;

pub fn router() -> Router<Arc<Engine>> {
    ["/global", "/regions/{region}"]
        .into_iter()
        .fold(Router::new(), |router, scope| {
            let path = format!("{scope}/instanceTemplates");
            let all = list_of(Kind::InstanceTemplate).merge(post(insert));
            let delete = delete_of(Kind::InstanceTemplate, refuse_while_used);
            let one = get_of(Kind::InstanceTemplate).merge(delete);
            router
                .route(&path, all)
                .route(&format!("{path}/{{name}}"), one)
        })
        .route(
            "/aggregated/instanceTemplates",
            aggregated_list_of(Kind::InstanceTemplate),
        )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceTemplate {
    #[serde(default)]
    name: String,
    description: Option<String>,
    #[serde(rename = "region")]
    _region: Option<String>,
    properties: Map<String, Value>,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(template): Body<InstanceTemplate>,
) -> Answer {
    let key = place.new_key(Kind::InstanceTemplate, &template.name)?;
    check(&template.properties)?;
    let body = new_body(
        &key,
        json!({
            "description": template.description,
            "properties": written(template.properties),
        }),
    );
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            check_new(tx, &key)?;
            resources::insert(tx, &key, &body)?;
            nothing()
        })
        .map(Json)
}

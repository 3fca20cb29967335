//! Serial output of instances.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::place::{Answer, Place};
use crate::engine::records;
use crate::engine::{Engine, Serial};
use crate::error::Error;
use crate::key::Kind;

pub fn router() -> Router<Arc<Engine>> {
    Router::new().route("/zones/{zone}/instances/{name}/serialPort", get(get_output))
}

#[derive(Deserialize)]
struct SerialQuery {
    port: Option<u8>,
    #[serde(default)]
    start: i64,
}

async fn get_output(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<SerialQuery>,
) -> Answer {
    let key = place.key(Kind::Instance)?;
    let instance = engine.store.transaction(|tx| records::get(tx, &key))?;
    let id = instance["id"].as_str().unwrap_or_default();
    let serial = match query.port.unwrap_or(1) {
        1 => engine.serial(id, query.start)?,
        // The machines have one port; on Google the others say nothing either, unless written to.
        2..=4 => Serial {
            contents: String::new(),
            start: 0,
            next: 0,
        },
        port => {
            return Err(Error::field(
                "port",
                &port.to_string(),
                "Must be 1, 2, 3 or 4.",
            ));
        }
    };
    Ok(Json(json!({
        "kind": "compute#serialPortOutput",
        "selfLink": format!("{}/serialPort", key.link()),
        "contents": serial.contents,
        "start": serial.start.to_string(),
        "next": serial.next.to_string(),
    })))
}

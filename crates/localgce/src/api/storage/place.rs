use axum::Json;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;

/// What handlers answer.
pub type Answer = Result<Json<Value>, Error>;

/// The variable parts of a URL. An object's name is one segment, its slashes escaped.
#[derive(Deserialize)]
pub struct Place {
    pub bucket: String,
    #[serde(default)]
    pub object: String,
}

//! Secret Manager, version 1.

mod iam;
mod secrets;
mod versions;

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::list::Page;
use super::policy;
use crate::catalog;
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::{Error, Status};
use crate::store::{projects, secrets as store};

/// What handlers answer.
type Answer = Result<Json<Value>, Status>;

/// What is below `projects/{project}`. Custom methods such as `:access` are part of a path's last
/// segment, and told apart by the handlers.
pub fn router() -> Router<Arc<Engine>> {
    let secret = get(secrets::get)
        .post(secrets::post)
        .patch(secrets::patch)
        .delete(secrets::delete);
    let version = get(versions::get).post(versions::post);
    Router::new()
        .route("/secrets", get(secrets::list).post(secrets::create))
        .route("/secrets/{secret}", secret)
        .route("/secrets/{secret}/versions", get(versions::list))
        .route("/secrets/{secret}/versions/{version}", version)
}

/// The variable parts of a URL.
#[derive(Deserialize)]
struct Place {
    project: String,
    secret: Option<String>,
    version: Option<String>,
}

impl Place {
    /// `projects/N`, by the project's number as Google answers.
    fn project(&self) -> Result<String, Error> {
        if self.project.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(format!("projects/{}", self.project));
        }
        match catalog::project(&self.project) {
            Some(project) => Ok(format!("projects/{}", project.number)),
            None => Err(denied(
                "resourcemanager.projects.get",
                &format!("projects/{}", self.project),
            )),
        }
    }

    /// The secret's name, and the custom method.
    fn secret(&self) -> Result<(String, &str), Error> {
        let secret = self.secret.as_deref().unwrap_or_default();
        let (id, method) = secret.split_once(':').unwrap_or((secret, ""));
        Ok((format!("{}/secrets/{id}", self.project()?), method))
    }

    /// The version's number or alias, and the custom method.
    fn version(&self) -> (&str, &str) {
        let version = self.version.as_deref().unwrap_or_default();
        version.split_once(':').unwrap_or((version, ""))
    }
}

/// Refuses whom neither the secret's IAM policy nor its project's gives this permission. What does
/// not exist is nobody's but the owner's to know.
fn allow(
    tx: &Connection,
    caller: &Caller,
    permission: &str,
    secret: &str,
    resource: &str,
) -> Result<(), Error> {
    if iam::permitted(tx, caller, permission, secret, resource)? {
        Ok(())
    } else {
        Err(denied(permission, resource))
    }
}

/// The policy of the project in a name that begins with `projects/N`.
fn project_policy(tx: &Connection, name: &str) -> Result<Value, Error> {
    let number = name.split('/').nth(1).unwrap_or_default();
    match projects::get(tx, number)? {
        Some(project) => policy::of_project(tx, &project.id),
        None => Ok(json!({})),
    }
}

fn denied(permission: &str, resource: &str) -> Error {
    Error::forbidden(format!(
        "Permission '{permission}' denied for resource '{resource}' (or it may not exist)."
    ))
}

/// Refuses a change of what the client has not seen.
fn seen(body: &Value, etag: Option<&str>) -> Result<(), Error> {
    match etag.filter(|etag| !etag.is_empty()) {
        Some(etag) if body["etag"] != etag => Err(Error::precondition(
            "The etag provided in the request does not match the resource's current etag.",
        )),
        _ => Ok(()),
    }
}

/// The secret, for one who may know.
fn find(tx: &Connection, name: &str) -> Result<store::Secret, Error> {
    store::get(tx, name)?.ok_or_else(|| Error::missing(format!("Secret [{name}] not found.")))
}

fn no_such_method(method: &str) -> Status {
    policy::no_such_method(method).into()
}

fn listing(name: &str, total: usize, page: Page) -> Json<Value> {
    let mut list = page.body(name);
    list["totalSize"] = total.into();
    Json(list)
}

/// Changes with everything that it is made from.
fn etag(value: &Value) -> String {
    format!("\"{:08x}\"", crc32c::crc32c(value.to_string().as_bytes()))
}

//! Resource Manager, version 3, and of version 1 what gcloud still asks for.

mod projects;
mod v1;

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::routing::get;
use axum::{Extension, Json, Router};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Body;
use super::policy::Resource;
use crate::engine::Caller;
use crate::engine::Engine;
use crate::error::{Error, Status};
use crate::store::projects as store;

/// What handlers answer.
type Answer = Result<Json<Value>, Status>;

/// Both versions.
pub fn router() -> Router<Arc<Engine>> {
    let project = get(projects::get)
        .patch(projects::patch)
        .delete(projects::delete)
        .post(custom);
    let old_project = get(v1::get).put(v1::update).delete(v1::delete).post(custom);
    Router::new()
        .route("/v3/projects", get(projects::list).post(projects::create))
        .route("/v3/projects:search", get(projects::search))
        .route("/v3/projects/{project}", project)
        .route("/v1/projects", get(v1::list).post(v1::create))
        .route("/v1/projects/{project}", old_project)
}

/// The variable part of a URL: a project's id or number, and the custom method.
#[derive(Deserialize)]
struct Place {
    project: String,
}

impl Place {
    /// The project, also a deleted one, if the caller has the permission `projects.{verb}`.
    fn project(
        &self,
        tx: &Connection,
        caller: &Caller,
        verb: &str,
    ) -> Result<store::Project, Error> {
        let reference = self.reference();
        let project = store::get(tx, reference)?.ok_or_else(|| {
            Error::forbidden(format!(
                "Permission 'resourcemanager.projects.{verb}' denied on resource \
                 '//cloudresourcemanager.googleapis.com/projects/{reference}' (or it may not exist)."
            ))
            .because(
                "IAM_PERMISSION_DENIED",
                "cloudresourcemanager.googleapis.com",
                &json!({
                    "permission": format!("resourcemanager.projects.{verb}"),
                    "resource": format!("projects/{reference}"),
                }),
            )
        })?;
        let resource = format!("projects/{}", project.id);
        resource_of(&resource, &project.id).require(tx, caller, verb)?;
        Ok(project)
    }

    fn reference(&self) -> &str {
        self.project
            .split_once(':')
            .map_or(&self.project, |(project, _)| project)
    }
}

fn resource_of<'a>(name: &'a str, project: &'a str) -> Resource<'a> {
    Resource {
        name,
        project,
        kind: "resourcemanager.projects",
    }
}

/// The custom methods, which are the same in both versions but for what undeleting answers.
async fn custom(
    State(engine): State<Arc<Engine>>,
    Extension(caller): Extension<Caller>,
    Path(place): Path<Place>,
    OriginalUri(uri): OriginalUri,
    Body(body): Body<Value>,
) -> Answer {
    let (_, method) = place.project.split_once(':').unwrap_or_default();
    let answer = engine.store.transaction(|tx| {
        if method == "undelete" {
            let project = place.project(tx, &caller, "undelete")?;
            let operation = projects::undelete(tx, project)?;
            let old = uri.path().starts_with("/v1/");
            return Ok(if old { json!({}) } else { operation });
        }
        if method == "getAncestry" {
            let project = place.project(tx, &caller, "get")?;
            let id = json!({"type": "project", "id": project.id});
            return Ok(json!({"ancestor": [{"resourceId": id}]}));
        }
        let reference = place.reference();
        let id = match store::get(tx, reference)? {
            Some(project) => project.id,
            None => return Err(Error::forbidden("The caller does not have permission")),
        };
        let name = format!("projects/{id}");
        resource_of(&name, &id).call(tx, &caller, method, body)
    })?;
    Ok(Json(answer))
}

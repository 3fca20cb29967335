//! Who may call a method. Paths name no project: a bucket's is written in the bucket, and a new bucket's is
//! in the query.

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use super::iam;
use crate::api::call::Call;
use crate::api::grants::permits;
use crate::api::method::Need;
use crate::engine::Caller;
use crate::error::Error;
use crate::store::objects as store;

#[derive(Deserialize)]
struct ProjectQuery {
    project: Option<String>,
}

/// The bucket that a call is about: the first that its path names.
pub fn bucket(call: &Call) -> Option<&str> {
    call.variables.first().map(|(_, bucket)| bucket.as_str())
}

/// The project that must have Cloud Storage enabled.
pub fn project(tx: &Connection, call: &Call) -> Result<Option<String>, Error> {
    let ProjectQuery { project } = call.query()?;
    let (None, Some(bucket)) = (&project, bucket(call)) else {
        return Ok(project);
    };
    let bucket = store::bucket(tx, bucket)?;
    Ok(bucket.and_then(|bucket| bucket["projectNumber"].as_str().map(str::to_owned)))
}

/// The bucket that a method is about, or the project.
pub fn resource(_: &Connection, call: &Call) -> Result<String, Error> {
    let ProjectQuery { project } = call.query()?;
    Ok(match bucket(call) {
        Some(bucket) => iam::name(bucket),
        None => format!("projects/{}", project.unwrap_or_default()),
    })
}

/// Google's refusal, if the caller has not the permission. If there is no such bucket, the method itself
/// refuses: names of buckets are everybody's to know.
pub fn permit(tx: &Connection, caller: &Caller, need: &Need) -> Result<(), Error> {
    let Caller::ServiceAccount(email) = caller else {
        return Ok(());
    };
    let permission = &need.permission;
    let bucket = need.resource.strip_prefix(iam::BUCKETS);
    let [own, above] = match bucket {
        Some(bucket) if store::bucket(tx, bucket)?.is_none() => return Ok(()),
        Some(bucket) => iam::policies_of(tx, bucket)?,
        None => {
            let project = need.resource.strip_prefix("projects/").unwrap_or_default();
            [Value::Null, iam::project_policy(tx, project)?]
        }
    };
    let name = iam::name(bucket.unwrap_or_default());
    if permits(tx, caller, permission, &name, &[&own, &above])? {
        return Ok(());
    }
    let what = match bucket {
        None => "Google Cloud project",
        Some(_) if permission.starts_with("storage.buckets.") => "Google Cloud Storage bucket",
        Some(_) => "Google Cloud Storage object",
    };
    Err(Error::forbidden(format!(
        "{email} does not have {permission} access to the {what}. Permission '{permission}' denied \
         on resource (or it may not exist)."
    )))
}

//! The table of methods, and what happens to each call: the caller is known, the API is enabled in the
//! project, the caller has the permissions, the request can be read, the method does its work. A call is
//! refused for the first of these that fails, as on Google.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::on;
use axum::{Extension, Router};
use rusqlite::Connection;

use super::call::Call;
use super::gate;
use super::grants::reaches;
use super::handler::{Handler, answer};
use super::method::{Method, Need};
use super::policy::no_such_method;
use crate::engine::{Bound, Caller, Engine};
use crate::error::Error;

/// One of Google's APIs: what all its methods have in common.
pub struct Api {
    /// The service that a project must have enabled; none if projects need not.
    pub service: Option<&'static str>,
    /// The project that must have it enabled, if the call is about one.
    pub project: fn(&Connection, &Call) -> Result<Option<String>, Error>,
    /// The resource that a method's own permission is needed on.
    pub resource: fn(&Connection, &Call) -> Result<String, Error>,
    /// Refuses a caller who has not what is needed.
    pub permit: fn(&Connection, &Caller, &Need) -> Result<(), Error>,
    /// How it says that it refuses.
    pub refuse: fn(Error) -> Response,
}

/// The methods of an API.
pub struct Table {
    /// What they have in common.
    pub api: &'static Api,
    /// One row for each.
    pub methods: Vec<Method>,
}

/// The project in the path; `-` stands for whichever has the resource.
// As other APIs find theirs.
#[allow(clippy::unnecessary_wraps)]
pub fn project_in_path(_: &Connection, call: &Call) -> Result<Option<String>, Error> {
    let project = Some(call.project()).filter(|project| !["", "-"].contains(project));
    Ok(project.map(str::to_owned))
}

/// A method with its API.
struct Row {
    api: &'static Api,
    method: Method,
}

/// The addresses of all methods.
pub fn router(tables: impl IntoIterator<Item = Table>) -> Router<Arc<Engine>> {
    let mut addresses: BTreeMap<(String, &str), Vec<Row>> = BTreeMap::new();
    for Table { api, methods } in tables {
        for method in methods {
            let rows = addresses.entry((method.route(), method.verb)).or_default();
            let other = rows
                .iter()
                .find(|row| row.method.custom() == method.custom());
            if let Some(Row { method: other, .. }) = other {
                unreachable!("{} and {} have one address", other.id, method.id);
            }
            rows.push(Row { api, method });
        }
    }
    let mut router = Router::new();
    for ((route, _), rows) in addresses {
        let filter = rows[0].method.filter();
        let refuse = rows[0].api.refuse;
        let rows = Arc::new(rows);
        let serve = move |State(engine): State<Arc<Engine>>,
                          Extension(caller): Extension<Caller>,
                          path: Result<Path<Vec<(String, String)>>, PathRejection>,
                          request: Request| {
            let rows = Arc::clone(&rows);
            async move {
                match path {
                    Ok(Path(path)) => serve(&rows, engine, caller, path, request).await,
                    // What is no UTF-8. Its words would tell the router's names of the variables.
                    Err(_) => refuse(Error::malformed("Invalid request.")),
                }
            }
        };
        router = router.route(&route, on(filter, serve));
    }
    router
}

/// Answers a call of one of the methods at an address.
async fn serve(
    rows: &[Row],
    engine: Arc<Engine>,
    caller: Caller,
    path: Vec<(String, String)>,
    request: Request,
) -> Response {
    let mut values: Vec<_> = path.into_iter().map(|(_, value)| value).collect();
    let refuse = rows[0].api.refuse;
    let bound = request.extensions().get::<Bound>().cloned();
    let Row { api, method } = match select(rows, &mut values) {
        Ok(row) => row,
        Err(error) => return refuse(error),
    };
    let call = Call {
        engine,
        caller,
        permission: method.permission,
        path: method.path,
        uri: request.uri().clone(),
        headers: request.headers().clone(),
        variables: method.variables().zip(values).collect(),
        bytes: axum::body::Bytes::new(),
    };
    let served = match &method.handler {
        Handler::Json(work) => with_body(call, method, request).await.and_then(|call| {
            admit(api, method, &call, bound.as_ref())?;
            work(&call).map(answer)
        }),
        Handler::Raw(work) => match admit(api, method, &call, bound.as_ref()) {
            Ok(()) => work(call, request).await,
            Err(error) => Err(error),
        },
    };
    served.unwrap_or_else(api.refuse)
}

/// The method that is called; a custom one by the word behind the last variable, which is taken off.
fn select<'a>(rows: &'a [Row], values: &mut [String]) -> Result<&'a Row, Error> {
    let mut called = None;
    if let Some(last) = values.last_mut()
        && rows.iter().any(|row| row.method.custom().is_some())
        && let Some((name, word)) = last.split_once(':')
    {
        called = Some(word.to_owned());
        *last = name.to_owned();
    }
    let found = rows
        .iter()
        .find(|row| row.method.custom() == called.as_deref());
    found.ok_or_else(|| no_such_method(called.as_deref().unwrap_or_default()))
}

/// The call with its body, where the method has one.
async fn with_body(call: Call, method: &Method, request: Request) -> Result<Call, Error> {
    if ["GET", "DELETE"].contains(&method.verb) {
        return Ok(call);
    }
    call.receive(request).await
}

/// Refuses a call in a project that has not enabled the API, a caller who may not, and a token that does
/// not go as far.
fn admit(api: &Api, method: &Method, call: &Call, bound: Option<&Bound>) -> Result<(), Error> {
    call.engine.store.transaction(|tx| {
        if let Some(bound) = bound {
            within(tx, method, call, bound)?;
        }
        if let Some(service) = api.service
            && let Some(project) = (api.project)(tx, call)?
        {
            gate::check(tx, &project, service)?;
        }
        // The owner may do everything.
        if call.caller == Caller::Owner || method.permission.is_empty() {
            return Ok(());
        }
        let resource = (api.resource)(tx, call)?;
        let others = match method.refers {
            Some(refers) => refers(tx, call, &resource, &call.unchecked_body()),
            None => Vec::new(),
        };
        let own = Need {
            permission: method.permission.into(),
            resource,
        };
        (api.permit)(tx, &call.caller, &own)?;
        let permit = |need| (api.permit)(tx, &call.caller, need);
        others.iter().try_for_each(permit)
    })
}

/// Refuses what is beyond a token's access boundary. A method that works on more than one resource is.
fn within(tx: &Connection, method: &Method, call: &Call, bound: &Bound) -> Result<(), Error> {
    let bucket = call.variables.first().map(|(_, bucket)| bucket.as_str());
    let bucket = bucket.unwrap_or_default();
    let object = call.variables.get(1).map(|(_, object)| object.as_str());
    let resource = match object {
        Some(object) => format!("projects/_/buckets/{bucket}/objects/{object}"),
        None => format!("projects/_/buckets/{bucket}"),
    };
    if method.refers.is_none() && reaches(tx, bound, method.permission, bucket, &resource)? {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "The access boundary of the credential does not allow {} on {resource}.",
        method.permission
    )))
}

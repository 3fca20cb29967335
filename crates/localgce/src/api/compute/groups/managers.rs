//! Managed groups: as many instances of a template as are asked for.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::{delete as http_delete, get as http_get, post};
use axum::{Json, Router};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::instance_templates;
use super::{NamedPort, group_of, instances, members};
use crate::api::body::{Body, typed};
use crate::api::compute::collections::{aggregated_list_of, list_of, listing};
use crate::api::compute::one::get_of;
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::api::list::ListQuery;
use crate::engine::records::{check_name, check_new, fingerprint, get, new_body};
use crate::engine::{Engine, Mutation, Stop, work};
use crate::error::Error;
use crate::key::{Key, Kind};
use crate::store::{new_id, resources};

pub fn router() -> Router<Arc<Engine>> {
    let path = |verb: &str| format!("/zones/{{zone}}/instanceGroupManagers/{{name}}{verb}");
    Router::new()
        .route(
            "/aggregated/instanceGroupManagers",
            aggregated_list_of(Kind::InstanceGroupManager),
        )
        .route(
            "/zones/{zone}/instanceGroupManagers",
            list_of(Kind::InstanceGroupManager).merge(post(insert)),
        )
        .route(
            &path(""),
            get_of(Kind::InstanceGroupManager).merge(http_delete(delete)),
        )
        .route(&path("/resize"), post(resize))
        .route(&path("/listManagedInstances"), post(list_managed))
        .route(&path("/recreateInstances"), post(recreate))
        .route(&path("/deleteInstances"), post(delete_instances))
        // gcloud asks whether a group has an autoscaler; none has one here.
        .route("/zones/{zone}/autoscalers", http_get(no_autoscalers))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InstanceGroupManager {
    #[serde(default)]
    name: String,
    description: Option<String>,
    base_instance_name: Option<String>,
    instance_template: Option<String>,
    target_size: u32,
    named_ports: Option<Vec<NamedPort>>,
    update_policy: Option<UpdatePolicy>,
    #[serde(default)]
    list_managed_instances_results: Option<String>,
    #[serde(rename = "zone")]
    _zone: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdatePolicy {
    #[serde(rename = "type")]
    update_type: Option<String>,
    minimal_action: Option<String>,
    replacement_method: Option<String>,
    max_surge: Option<FixedOrPercent>,
    max_unavailable: Option<FixedOrPercent>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FixedOrPercent {
    fixed: Option<u32>,
    percent: Option<u32>,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<InstanceGroupManager>,
) -> Answer {
    let key = place.new_key(Kind::InstanceGroupManager, &request.name)?;
    let base = request.base_instance_name.as_deref().unwrap_or(&key.name);
    check_name("resource.baseInstanceName", base)?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            let group = group_of(&key);
            check_new(tx, &key)?;
            check_new(tx, &group)?;
            let reference = request.instance_template.as_deref();
            let reference =
                reference.ok_or_else(|| Error::required("resource.instanceTemplate"))?;
            let (template, _) = instance_templates::find(tx, &key, reference)?;
            let ports = request.named_ports.as_deref();
            let mut body = new_body(
                &key,
                json!({
                    "description": request.description,
                    "baseInstanceName": base,
                    "instanceTemplate": template.link(),
                    "instanceGroup": group.link(),
                    "namedPorts": ports,
                    "updatePolicy": request.update_policy,
                    "listManagedInstancesResults":
                        request.list_managed_instances_results.as_deref().unwrap_or("PAGELESS"),
                }),
            );
            set_size(&mut body, request.target_size);
            body["fingerprint"] = fingerprint(&body).into();
            resources::insert(tx, &key, &body)?;
            let body = super::body(&group, request.description.as_deref(), ports);
            resources::insert(tx, &group, &body)?;
            reconcile_later(&engine, &key)
        })
        .map(Json)
}

/// Says how many instances there are to be.
fn set_size(manager: &mut Value, size: u32) {
    manager["targetSize"] = size.into();
    manager["versions"] = json!([{
        "instanceTemplate": manager["instanceTemplate"],
        "targetSize": {"calculated": size},
    }]);
    set_actions(manager, "creating", size);
}

/// Says what is being done to how many instances.
fn set_actions(manager: &mut Value, action: &str, count: u32) {
    let actions = [
        "none",
        "creating",
        "creatingWithoutRetries",
        "recreating",
        "deleting",
        "abandoning",
        "refreshing",
        "restarting",
        "verifying",
    ];
    let actions = actions.map(|name| {
        (
            name.to_owned(),
            if name == action { count } else { 0 }.into(),
        )
    });
    manager["currentActions"] = Value::Object(actions.into_iter().collect());
    manager["status"] = json!({
        "isStable": action == "none",
        "stateful": {"hasStatefulConfig": false},
        "versionTarget": {"isReached": action == "none"},
    });
}

async fn delete(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    engine
        .mutate(&request_id.mutation("delete", &key), |tx| {
            get(tx, &key)?;
            resources::update(tx, &key, |manager| set_size(manager, 0))?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move {
                reconcile(&engine, &key).await?;
                engine.store.transaction(|tx| {
                    resources::remove(tx, &group_of(&key))?;
                    resources::remove(tx, &key)
                })?;
                Ok(())
            })
        })
        .map(Json)
}

#[derive(Deserialize)]
struct ResizeQuery {
    size: u32,
}

async fn resize(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(ResizeQuery { size }): Query<ResizeQuery>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    engine
        .mutate(&request_id.mutation("resize", &key), |tx| {
            get(tx, &key)?;
            resources::update(tx, &key, |manager| set_size(manager, size))?;
            reconcile_later(&engine, &key)
        })
        .map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Instances {
    #[serde(default)]
    instances: Vec<String>,
    #[serde(default)]
    skip_instances_on_validation_error: bool,
}

/// Deletes instances; the group makes new ones of the same names.
async fn recreate(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Instances>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    let mutation = request_id.mutation("recreateInstances", &key);
    replace(&engine, &mutation, &key, &request, true)
}

/// Deletes instances, by which the group gets smaller.
async fn delete_instances(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Instances>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    let mutation = request_id.mutation("deleteInstances", &key);
    replace(&engine, &mutation, &key, &request, false)
}

fn replace(
    engine: &Arc<Engine>,
    mutation: &Mutation,
    key: &Key,
    request: &Instances,
    again: bool,
) -> Answer {
    engine
        .mutate(mutation, |tx| {
            let manager = get(tx, key)?;
            let own = members::keys(tx, &group_of(key))?;
            let mut doomed = Vec::new();
            for reference in &request.instances {
                match members::named(tx, key, reference) {
                    Ok(instance) if own.contains(&instance) => doomed.push(instance),
                    _ if request.skip_instances_on_validation_error => {}
                    _ => {
                        let why = "It is no instance of this group.";
                        return Err(Error::field("instances[]", reference, why));
                    }
                }
            }
            if !again {
                let size = manager["targetSize"].as_u64().unwrap_or_default();
                let left = size.saturating_sub(doomed.len() as u64);
                let left = u32::try_from(left).unwrap_or_default();
                resources::update(tx, key, |manager| set_size(manager, left))?;
            }
            let (engine, key) = (Arc::clone(engine), key.clone());
            work(async move {
                for instance in &doomed {
                    engine.delete_instance(instance, Stop::Gracefully).await?;
                    if again {
                        create(&engine, &key, &instance.name).await?;
                    }
                }
                reconcile(&engine, &key).await
            })
        })
        .map(Json)
}

async fn list_managed(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(query): Query<ListQuery>,
) -> Answer {
    let key = place.key(Kind::InstanceGroupManager)?;
    let (manager, members) = engine.store.transaction(|tx| {
        let manager = get(tx, &key)?;
        Ok::<_, Error>((manager, members::bodies(tx, &group_of(&key))?))
    })?;
    let items = members.iter().map(|member| {
        let action = match member["status"].as_str() {
            Some("PROVISIONING" | "STAGING") => "CREATING",
            Some("STOPPING") => "DELETING",
            _ => "NONE",
        };
        json!({
            "instance": member["selfLink"],
            "id": member["id"],
            "name": member["name"],
            "instanceStatus": member["status"],
            "currentAction": action,
            "version": {"instanceTemplate": manager["instanceTemplate"]},
        })
    });
    let page = query.page(items.collect())?;
    Ok(Json(page.body("managedInstances")))
}

async fn no_autoscalers(Path(place): Path<Place>, Query(query): Query<ListQuery>) -> Answer {
    let scope = place.scope()?.path();
    let path = format!("projects/{}/{scope}/autoscalers", place.project()?.id);
    Ok(listing(
        "compute#autoscalerList",
        &path,
        query.page(Vec::new())?,
    ))
}

fn reconcile_later(engine: &Arc<Engine>, key: &Key) -> Result<crate::engine::Work, Error> {
    let (engine, key) = (Arc::clone(engine), key.clone());
    work(async move { reconcile(&engine, &key).await })
}

/// Makes or deletes instances until there are as many as there are to be.
async fn reconcile(engine: &Arc<Engine>, key: &Key) -> anyhow::Result<()> {
    loop {
        let (wanted, mut own) = engine
            .store
            .transaction(|tx| size(tx, key))
            .map_err(|error| anyhow::anyhow!(error.message))?;
        if own.len() < wanted {
            let base = engine
                .store
                .transaction(|tx| resources::get(tx, key))?
                .map(|manager| manager["baseInstanceName"].clone());
            let base = base.as_ref().and_then(Value::as_str).unwrap_or(&key.name);
            // Four letters or digits, as Google's.
            let suffix = format!("{:04x}", new_id() & 0xffff);
            create(engine, key, &format!("{base}-{suffix}")).await?;
        } else if own.len() > wanted
            && let Some(last) = own.pop()
        {
            engine.delete_instance(&last, Stop::Gracefully).await?;
        } else {
            return Ok(engine.store.transaction(|tx| {
                let count = u32::try_from(wanted).unwrap_or(u32::MAX);
                resources::update(tx, key, |manager| set_actions(manager, "none", count))?;
                let size = own.len();
                resources::update(tx, &group_of(key), |group| group["size"] = size.into())
            })?);
        }
    }
}

/// How many instances there are to be, and those that there are.
fn size(tx: &Connection, key: &Key) -> Result<(usize, Vec<Key>), Error> {
    let manager = get(tx, key)?;
    let wanted = manager["targetSize"].as_u64().unwrap_or_default();
    let own = members::keys(tx, &group_of(key))?;
    Ok((usize::try_from(wanted).unwrap_or(usize::MAX), own))
}

/// Makes one instance of the group's template.
async fn create(engine: &Arc<Engine>, manager: &Key, name: &str) -> anyhow::Result<()> {
    let key = manager.sibling(Kind::Instance, name);
    let written = engine.store.transaction(|tx| {
        let body = get(tx, manager)?;
        let reference = body["instanceTemplate"].as_str().unwrap_or_default();
        let (template, properties) = instance_templates::find(tx, manager, reference)?;
        let request = named(name, &properties, manager, &template);
        let request = instance_templates::merge(&properties, request);
        let made = instances::write_down(tx, &key, typed(request)?)?;
        members::join(tx, &group_of(manager), &key)?;
        Ok::<_, Error>(made)
    });
    let made = written.map_err(|error| anyhow::anyhow!(error.message))?;
    instances::build(engine, &key, &made).await
}

/// A name, and the metadata by which Google tells an instance whose it is.
fn named(name: &str, template: &Value, manager: &Key, template_key: &Key) -> Map<String, Value> {
    let items = template["properties"]["metadata"]["items"].as_array();
    let mut items = items.cloned().unwrap_or_default();
    items.push(json!({"key": "instance-template", "value": template_key.path()}));
    items.push(json!({"key": "created-by", "value": manager.path()}));
    let mut request = Map::new();
    request.insert("name".into(), name.into());
    request.insert("metadata".into(), json!({"items": items}));
    request
}

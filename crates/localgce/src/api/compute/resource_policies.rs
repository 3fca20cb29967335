//! Resource policies: schedules of snapshots. They are kept and attached; the engine takes no
//! snapshots by them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::collections::{aggregated_list_of, list_of};
use super::one::{delete_of, get_of};
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::catalog::REGION;
use crate::engine::addresses::strings;
use crate::engine::labels::Labels;
use crate::engine::records::{check_new, get, new_body};
use crate::engine::{Engine, nothing};
use crate::error::Error;
use crate::key::{Key, Kind, Scope, relative};
use crate::store::resources;

pub fn router() -> Router<Arc<Engine>> {
    let policy = get_of(Kind::ResourcePolicy).merge(delete_of(Kind::ResourcePolicy, in_use));
    Router::new()
        .route(
            "/aggregated/resourcePolicies",
            aggregated_list_of(Kind::ResourcePolicy),
        )
        .route(
            "/regions/{region}/resourcePolicies",
            list_of(Kind::ResourcePolicy).merge(post(insert)),
        )
        .route("/regions/{region}/resourcePolicies/{name}", policy)
        .route(
            "/zones/{zone}/disks/{name}/addResourcePolicies",
            post(add_to_disk),
        )
        .route(
            "/zones/{zone}/disks/{name}/removeResourcePolicies",
            post(remove_from_disk),
        )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourcePolicy {
    #[serde(default)]
    name: String,
    description: Option<String>,
    #[serde(rename = "region")]
    _region: Option<String>,
    snapshot_schedule_policy: Option<SnapshotSchedulePolicy>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SnapshotSchedulePolicy {
    schedule: Schedule,
    retention_policy: Option<RetentionPolicy>,
    snapshot_properties: Option<SnapshotProperties>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Schedule {
    hourly_schedule: Option<HourlySchedule>,
    daily_schedule: Option<DailySchedule>,
    weekly_schedule: Option<WeeklySchedule>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HourlySchedule {
    hours_in_cycle: u32,
    start_time: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DailySchedule {
    days_in_cycle: u32,
    start_time: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WeeklySchedule {
    day_of_weeks: Vec<DayOfWeek>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DayOfWeek {
    day: String,
    start_time: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RetentionPolicy {
    max_retention_days: u32,
    on_source_disk_delete: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SnapshotProperties {
    labels: Option<Labels>,
    storage_locations: Option<Vec<String>>,
    guest_flush: Option<bool>,
    chain_name: Option<String>,
}

async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(policy): Body<ResourcePolicy>,
) -> Answer {
    let key = place.new_key(Kind::ResourcePolicy, &policy.name)?;
    let Some(schedule) = policy.snapshot_schedule_policy else {
        return Err(Error::required("resource.snapshotSchedulePolicy"));
    };
    let kinds = &schedule.schedule;
    let given = [
        kinds.hourly_schedule.is_some(),
        kinds.daily_schedule.is_some(),
        kinds.weekly_schedule.is_some(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(Error::invalid(
            "Exactly one of fields hourlySchedule, dailySchedule and weeklySchedule must be \
             specified.",
        ));
    }
    let body = new_body(
        &key,
        json!({
            "description": policy.description,
            "snapshotSchedulePolicy": schedule,
            "status": "READY",
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

/// Refuses to delete a policy that a disk has.
fn in_use(tx: &Connection, key: &Key, policy: &Value) -> Result<(), Error> {
    let link = policy["selfLink"].as_str().unwrap_or_default();
    for (disk, body) in resources::all(tx, Kind::Disk)? {
        if strings(&body["resourcePolicies"]).any(|attached| attached == link) {
            return Err(Error::in_use(&key.path(), &disk.path()));
        }
    }
    Ok(())
}

/// The links of the policies that a disk asks for by name or link. A disk has one schedule.
pub fn find(
    tx: &Connection,
    disk: &Key,
    references: Option<&[String]>,
) -> Result<Option<Vec<String>>, Error> {
    let Some(references) = references.filter(|references| !references.is_empty()) else {
        return Ok(None);
    };
    let links = references
        .iter()
        .map(|reference| {
            let key = named(disk, reference)?;
            get(tx, &key)?;
            Ok(key.link())
        })
        .collect::<Result<Vec<_>, Error>>()?;
    if links.len() > 1 {
        return Err(Error::invalid(
            "A disk can have one snapshot schedule at most.",
        ));
    }
    Ok(Some(links))
}

fn named(disk: &Key, reference: &str) -> Result<Key, Error> {
    disk.cousin(Scope::Region(REGION.into()), Kind::ResourcePolicy, "")
        .resolve(Kind::ResourcePolicy, reference)
        .ok_or_else(|| Error::field("resourcePolicies[]", reference, "The URL is malformed."))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policies {
    #[serde(default)]
    resource_policies: Vec<String>,
}

async fn add_to_disk(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Policies>,
) -> Answer {
    let key = place.key(Kind::Disk)?;
    engine
        .mutate(&request_id.mutation("addResourcePolicies", &key), |tx| {
            let disk = get(tx, &key)?;
            let own = strings(&disk["resourcePolicies"]).map(str::to_owned);
            let mut all: Vec<_> = own.collect();
            for reference in &request.resource_policies {
                let link = named(&key, reference)?.link();
                if !all.contains(&link) {
                    all.push(link);
                }
            }
            let all = find(tx, &key, Some(&all))?;
            resources::update(tx, &key, |disk| disk["resourcePolicies"] = json!(all))?;
            nothing()
        })
        .map(Json)
}

async fn remove_from_disk(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Body(request): Body<Policies>,
) -> Answer {
    let key = place.key(Kind::Disk)?;
    engine
        .mutate(&request_id.mutation("removeResourcePolicies", &key), |tx| {
            let disk = get(tx, &key)?;
            let gone = request.resource_policies.iter();
            let gone = gone.map(|reference| Ok(named(&key, reference)?.path()));
            let gone = gone.collect::<Result<Vec<_>, Error>>()?;
            let left: Vec<_> = strings(&disk["resourcePolicies"])
                .filter(|link| !gone.iter().any(|path| path == relative(link)))
                .collect();
            resources::update(tx, &key, |disk| {
                disk["resourcePolicies"] = json!(left);
                if left.is_empty()
                    && let Some(fields) = disk.as_object_mut()
                {
                    fields.shift_remove("resourcePolicies");
                }
            })?;
            nothing()
        })
        .map(Json)
}

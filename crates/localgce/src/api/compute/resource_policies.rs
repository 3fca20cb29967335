//! Resource policies: schedules of snapshots. They are kept and attached; the engine takes no
//! snapshots by them.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::collections::{aggregated_list_of, list_of};
use super::one::{delete_of, get_of};
use super::place::{Answer, Place, RequestId};
use crate::api::body::Body;
use crate::engine::labels::Labels;
use crate::engine::records::{check_new, new_body};
use crate::engine::resource_policies::{self, check_unused};
use crate::engine::{Engine, nothing};
use crate::error::Error;
use crate::key::Kind;
use crate::store::resources;

pub fn router() -> Router<Arc<Engine>> {
    let policy = get_of(Kind::ResourcePolicy).merge(delete_of(Kind::ResourcePolicy, check_unused));
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
            resource_policies::add(tx, &key, &request.resource_policies)
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
            resource_policies::remove(tx, &key, &request.resource_policies)
        })
        .map(Json)
}

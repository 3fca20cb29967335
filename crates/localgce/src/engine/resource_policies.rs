//! Resource policies: snapshot schedules. They are stored and attached to disks, but the engine takes no
//! snapshots by them.

// The fields have Google's names.
#![allow(clippy::struct_field_names)]

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::addresses::strings;
use super::labels::Labels;
use super::records::{check_new, get, new_body};
use super::{Work, nothing};
use crate::catalog::REGION;
use crate::error::Error;
use crate::key::{Key, Kind, Scope, relative};
use crate::store::resources;

/// A request for a new policy.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourcePolicy {
    // Already read, as part of the key.
    #[serde(default, rename = "name")]
    pub _name: String,
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

/// Records a policy.
pub fn insert(tx: &Connection, key: &Key, policy: ResourcePolicy) -> Result<Work, Error> {
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
        key,
        json!({
            "description": policy.description,
            "snapshotSchedulePolicy": schedule,
            "status": "READY",
        }),
    );
    check_new(tx, key)?;
    resources::insert(tx, key, &body)?;
    nothing()
}

/// The links of policies given by name or link. A disk has at most one schedule.
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

/// Attaches policies to a disk.
pub fn add(tx: &Connection, key: &Key, references: &[String]) -> Result<Work, Error> {
    let disk = get(tx, key)?;
    let own = strings(&disk["resourcePolicies"]).map(str::to_owned);
    let mut all: Vec<_> = own.collect();
    for reference in references {
        let link = named(key, reference)?.link();
        if !all.contains(&link) {
            all.push(link);
        }
    }
    let all = find(tx, key, Some(&all))?;
    resources::update(tx, key, |disk| disk["resourcePolicies"] = json!(all))?;
    nothing()
}

/// Detaches policies from a disk.
pub fn remove(tx: &Connection, key: &Key, references: &[String]) -> Result<Work, Error> {
    let disk = get(tx, key)?;
    let gone = references.iter();
    let gone = gone.map(|reference| Ok(named(key, reference)?.path()));
    let gone = gone.collect::<Result<Vec<_>, Error>>()?;
    let left: Vec<_> = strings(&disk["resourcePolicies"])
        .filter(|link| !gone.iter().any(|path| path == relative(link)))
        .collect();
    resources::update(tx, key, |disk| {
        disk["resourcePolicies"] = json!(left);
        if left.is_empty()
            && let Some(fields) = disk.as_object_mut()
        {
            fields.shift_remove("resourcePolicies");
        }
    })?;
    nothing()
}

/// Refuses to delete a policy that is attached to a disk.
pub fn check_unused(tx: &Connection, key: &Key, policy: &Value) -> Result<(), Error> {
    let link = policy["selfLink"].as_str().unwrap_or_default();
    for (disk, body) in resources::all(tx, Kind::Disk)? {
        if strings(&body["resourcePolicies"]).any(|attached| attached == link) {
            return Err(Error::in_use(&key.path(), &disk.path()));
        }
    }
    Ok(())
}

//! The snapshot schedule of a state disk: a resource policy.

use anyhow::{Result, ensure};
use gce::{
    DailySchedule, Disk, Kind, ResourcePolicy, RetentionPolicy, SnapshotSchedule,
    SnapshotSchedulePolicy,
};

use crate::cloud::Cloud;
use crate::deployment::Snapshots;
use crate::vm::last;

/// Prefix of the names of these policies.
const PREFIX: &str = "clawbake-daily-";

/// The policy. Its name says what it does, so that deployments in a region can share it; another
/// schedule is another policy.
fn policy(snapshots: &Snapshots) -> ResourcePolicy {
    let Snapshots { daily, keep } = snapshots;
    let hour = daily.trim_end_matches(":00");
    ResourcePolicy {
        name: Some(format!("{PREFIX}{hour}h-keep-{keep}d")),
        description: Some("snapshots of gateways' state disks".into()),
        snapshot_schedule_policy: Some(SnapshotSchedulePolicy {
            schedule: Some(SnapshotSchedule {
                daily_schedule: Some(DailySchedule {
                    days_in_cycle: Some(1),
                    start_time: Some(daily.clone()),
                }),
            }),
            retention_policy: Some(RetentionPolicy {
                max_retention_days: Some(*keep),
                // Also for a deleted disk, which can then still be restored.
                on_source_disk_delete: Some("APPLY_RETENTION_POLICY".into()),
            }),
        }),
        ..ResourcePolicy::default()
    }
}

/// Creates the policy if one is wanted and there is none, and returns its URL. It costs nothing and
/// belongs to the project, so it is in no journal.
///
/// # Errors
/// If the policy of that name says something else: Google allows editing policies.
pub(super) async fn ensure(cloud: &Cloud, snapshots: Option<&Snapshots>) -> Result<Option<String>> {
    let Some(snapshots) = snapshots else {
        return Ok(None);
    };
    let policies = cloud.client.resource_policies(cloud.region());
    let wanted = policy(snapshots);
    let name = wanted.name.as_deref().unwrap_or_default();
    if let Some(found) = policies.find(name).await? {
        ensure!(
            found.snapshot_schedule_policy == wanted.snapshot_schedule_policy,
            "the resource policy {name} does not say what its name says any more: delete it, and it \
             is made again"
        );
        return Ok(found.self_link);
    }
    match policies.insert(&wanted).await {
        Ok(pending) => drop(pending.wait().await?),
        Err(error) if error.kind == Kind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    Ok(policies.get(name).await?.self_link)
}

/// Gives an existing disk the policy `wanted`, or removes ours.
pub(super) async fn follow(cloud: &Cloud, disk: &Disk, wanted: Option<&str>) -> Result<()> {
    let name = disk.name.as_deref().unwrap_or_default();
    let disks = cloud.client.disks(&cloud.zone);
    let (stale, missing) = changes(&disk.resource_policies, wanted);
    for policy in stale {
        let removed = disks.remove_resource_policy(name, policy).await?;
        removed.wait().await?;
    }
    if let Some(policy) = missing {
        let added = disks.add_resource_policy(name, policy).await?;
        added.wait().await?;
    }
    Ok(())
}

/// The policies to remove from a disk, and the one to add. A disk has at most one snapshot schedule, and
/// somebody else's stays.
fn changes<'a>(current: &'a [String], wanted: Option<&'a str>) -> (Vec<&'a str>, Option<&'a str>) {
    let current = current.iter().map(String::as_str);
    let (ours, others): (Vec<_>, Vec<_>) = current.partition(|url| last(url).starts_with(PREFIX));
    let same = |url: &str| wanted.is_some_and(|wanted| last(url) == last(wanted));
    let kept = ours.iter().any(|url| same(url));
    let stale = ours.into_iter().filter(|url| !same(url)).collect();
    (stale, wanted.filter(|_| !kept && others.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAILY: &str = "https://x/regions/r/resourcePolicies/clawbake-daily-04h-keep-14d";
    const OTHER_HOUR: &str = "https://x/regions/r/resourcePolicies/clawbake-daily-05h-keep-14d";
    const FOREIGN: &str = "https://x/regions/r/resourcePolicies/hourly";

    #[test]
    fn a_policy_says_what_the_deployment_says() {
        let daily = "04:00".to_owned();
        let policy = policy(&Snapshots { daily, keep: 14 });
        assert!(DAILY.ends_with(policy.name.as_deref().unwrap()));
        let policy = policy.snapshot_schedule_policy.unwrap();
        let schedule = policy.schedule.unwrap().daily_schedule.unwrap();
        assert_eq!(schedule.start_time.as_deref(), Some("04:00"));
        let retention = policy.retention_policy.unwrap();
        assert_eq!(retention.max_retention_days, Some(14));
    }

    #[test]
    fn a_disk_follows_the_deployments_schedule_or_somebody_elses() {
        let changes = |current: &[&str], wanted| {
            let current: Vec<_> = current.iter().map(|url| (*url).to_owned()).collect();
            let (stale, missing) = super::changes(&current, wanted);
            let stale: Vec<_> = stale.into_iter().map(str::to_owned).collect();
            (stale, missing.map(str::to_owned))
        };
        let none = Vec::<String>::new();
        let daily = Some(DAILY.to_owned());
        assert_eq!(changes(&[], Some(DAILY)), (none.clone(), daily.clone()));
        assert_eq!(changes(&[DAILY], Some(DAILY)), (none.clone(), None));
        let other = vec![OTHER_HOUR.to_owned()];
        assert_eq!(changes(&[OTHER_HOUR], Some(DAILY)), (other.clone(), daily));
        assert_eq!(changes(&[OTHER_HOUR], None), (other, None));
        assert_eq!(changes(&[FOREIGN], Some(DAILY)), (none, None));
    }
}

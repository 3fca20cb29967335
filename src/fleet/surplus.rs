//! Templates that nobody needs any more.

use std::collections::BTreeSet;

use anyhow::Result;
use gce::InstanceTemplate;

use super::disk::state_disk_name;
use super::owner::Labels;
use super::{find, template};
use crate::labels::{RESTORING, ROLLOUT_FROM, ROLLOUT_TO, TEMPLATE};
use crate::run::Run;
use crate::vm::last;

/// The deployment's templates that may go, newest first: all but those in use and, of the others, the
/// `keep` newest, which a VM can be put back to.
pub async fn surplus_templates(run: &Run, keep: usize) -> Result<Vec<InstanceTemplate>> {
    let all = template::templates(run).await?;
    Ok(surplus(all, keep, &used(run).await?))
}

/// Deletes a template.
pub async fn delete_template(run: &Run, surplus: &InstanceTemplate) -> Result<()> {
    let resource = template::resource(surplus)?;
    resource.delete(&run.cloud.client).await?;
    Ok(())
}

/// Names of templates in use: by the VM, by a rollout of it that is under way, and by groups.
async fn used(run: &Run) -> Result<BTreeSet<String>> {
    let (client, state) = (&run.cloud.client, state_disk_name(&run.deployment));
    let vm = find(run).await?.map(|vm| vm.labels);
    let disk = client.disks(&run.cloud.zone).find(&state).await?;
    // While the disk is made again from a snapshot, a rollout of it is written on the snapshot.
    let snapshots = client.snapshots().list(None).await?.into_iter();
    let restoring = snapshots
        .map(|snapshot| snapshot.labels)
        .filter(|labels| labels.get(RESTORING) == Some(&state));
    let labels = restoring.chain(vm).chain(disk.map(|disk| disk.labels));
    let groups = client.all_instance_group_managers().await?.into_iter();
    let of_groups = groups.flat_map(|group| {
        let versions = group.versions.into_iter();
        let versions = versions.filter_map(|version| version.instance_template);
        group.instance_template.into_iter().chain(versions)
    });
    let of_groups = of_groups.map(|url| last(&url).to_owned());
    Ok(labels.flat_map(named).chain(of_groups).collect())
}

/// The templates that labels name.
fn named(mut labels: Labels) -> impl Iterator<Item = String> {
    let keys = [TEMPLATE, ROLLOUT_TO, ROLLOUT_FROM];
    keys.into_iter().filter_map(move |key| labels.remove(key))
}

fn surplus(
    templates: Vec<InstanceTemplate>,
    keep: usize,
    used: &BTreeSet<String>,
) -> Vec<InstanceTemplate> {
    let others = templates.into_iter();
    let others = others.filter(|it| it.name.as_ref().is_some_and(|name| !used.contains(name)));
    others.skip(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_of_the_others_the_newest() {
        let templates = ["e", "d", "c", "b", "a"].map(|name| InstanceTemplate {
            name: Some(name.into()),
            ..InstanceTemplate::default()
        });
        let surplus = |keep, used: &[&str]| {
            let used = used.iter().map(|name| (*name).to_owned()).collect();
            let surplus = surplus(templates.to_vec(), keep, &used);
            let names = surplus.into_iter().filter_map(|it| it.name);
            names.collect::<String>()
        };
        assert_eq!(surplus(0, &[]), "edcba");
        assert_eq!(surplus(2, &["d", "a"]), "b");
        assert_eq!(surplus(3, &["d", "a"]), "");
    }

    #[test]
    fn labels_name_the_templates_of_a_vm_and_of_a_rollout() {
        let labels = [
            (TEMPLATE, "t1"),
            (ROLLOUT_TO, "t2"),
            (ROLLOUT_FROM, "t3"),
            ("a", "b"),
        ];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let names: Vec<_> = named(labels.map(owned).into()).collect();
        assert_eq!(names, ["t1", "t2", "t3"]);
    }
}

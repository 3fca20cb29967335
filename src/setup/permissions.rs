//! The permissions that each verb needs. The deployer's role holds all of them, but none to read a
//! secret's value. For the secrets of boot tests there is a conditional grant.

/// Permissions by verb, with the names of Google's IAM permissions reference.
pub const VERBS: [(&str, &[&str]); 8] = [
    (
        "bake",
        &[
            "compute.disks.list",
            "compute.disks.useReadOnly",
            "compute.globalOperations.get",
            "compute.globalOperations.list",
            "compute.images.create",
            "compute.images.delete",
            "compute.images.deprecate",
            "compute.images.get",
            "compute.images.getFromFamily",
            "compute.images.list",
            "compute.images.setLabels",
            "compute.images.update",
            "compute.instanceTemplates.list",
            "secretmanager.secrets.create",
            "storage.buckets.get",
        ],
    ),
    (
        "launch",
        &[
            "compute.disks.addResourcePolicies",
            "compute.disks.create",
            "compute.disks.get",
            "compute.disks.removeResourcePolicies",
            "compute.disks.setLabels",
            "compute.disks.use",
            "compute.firewalls.get",
            "compute.images.useReadOnly",
            "compute.instanceTemplates.create",
            "compute.instanceTemplates.delete",
            "compute.instanceTemplates.get",
            "compute.instanceTemplates.useReadOnly",
            "compute.instances.create",
            "compute.instances.get",
            "compute.instances.setLabels",
            "compute.instances.setMetadata",
            "compute.instances.setServiceAccount",
            "compute.instances.setTags",
            "compute.instances.start",
            "compute.instances.stop",
            "compute.regionOperations.get",
            // For templates of a region.
            "compute.regionOperations.list",
            "compute.resourcePolicies.create",
            "compute.resourcePolicies.get",
            "compute.resourcePolicies.use",
            "compute.snapshots.list",
            "compute.subnetworks.use",
            "compute.subnetworks.useExternalIp",
            "compute.zoneOperations.get",
            "compute.zoneOperations.list",
            "secretmanager.secrets.get",
        ],
    ),
    (
        "status and logs",
        &[
            "compute.instances.getGuestAttributes",
            "compute.instances.getSerialPortOutput",
        ],
    ),
    (
        "state, recreate, rebuild and rollback",
        &[
            "compute.disks.createSnapshot",
            "compute.disks.resize",
            "compute.snapshots.create",
            "compute.snapshots.delete",
            "compute.snapshots.get",
            "compute.snapshots.list",
            "compute.snapshots.setLabels",
            "compute.snapshots.useReadOnly",
        ],
    ),
    ("resize", &["compute.instances.setMachineType"]),
    (
        "delete",
        &["compute.disks.delete", "compute.instances.delete"],
    ),
    ("template", &["compute.instanceGroupManagers.list"]),
    (
        "doctor",
        &[
            "compute.machineTypes.get",
            "compute.regions.get",
            "compute.routers.list",
            "iam.roles.get",
            "iam.serviceAccounts.get",
            "iam.serviceAccounts.getIamPolicy",
            "resourcemanager.projects.get",
            "resourcemanager.projects.getIamPolicy",
            "secretmanager.secrets.getIamPolicy",
            "secretmanager.versions.list",
            "serviceusage.services.get",
            "storage.buckets.getIamPolicy",
        ],
    ),
];

/// The permissions of all verbs, sorted.
#[must_use]
pub fn all() -> Vec<&'static str> {
    let mut all: Vec<_> = VERBS
        .iter()
        .flat_map(|(_, needed)| *needed)
        .copied()
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_permission_reads_a_secret_or_grants_anything() {
        let all = all();
        assert!(!all.is_empty());
        for permission in all {
            let last = permission.rsplit('.').next().unwrap();
            assert!(
                !matches!(last, "access" | "setIamPolicy" | "actAs"),
                "{permission}"
            );
        }
    }
}

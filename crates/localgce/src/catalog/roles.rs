//! Predefined roles, and the permissions that this engine knows of them.

/// A predefined role.
pub struct Role {
    /// `roles/R`.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Permissions; one with a `*` stands for all that begin and end so.
    pub permissions: &'static [&'static str],
}

impl Role {
    /// Whether who has the role has the permission.
    pub fn includes(&self, permission: &str) -> bool {
        self.permissions.iter().any(|pattern| {
            pattern.split_once('*').map_or_else(
                || *pattern == permission,
                |(start, end)| permission.starts_with(start) && permission.ends_with(end),
            )
        })
    }
}

/// The role of this name.
pub fn role(name: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.name == name)
}

const fn new(
    name: &'static str,
    title: &'static str,
    permissions: &'static [&'static str],
) -> Role {
    Role {
        name,
        title,
        permissions,
    }
}

/// From <https://cloud.google.com/iam/docs/roles-permissions>, by name: what concerns projects,
/// accounts, VMs, secrets and buckets.
pub const ROLES: [Role; 19] = [
    new(
        "roles/compute.admin",
        "Compute Admin",
        &["compute.*", "resourcemanager.projects.get"],
    ),
    new(
        "roles/compute.instanceAdmin.v1",
        "Compute Instance Admin (v1)",
        &[
            "compute.instances.*",
            "compute.disks.*",
            "compute.images.*",
            "compute.snapshots.*",
            "compute.instanceGroups.*",
            "compute.instanceGroupManagers.*",
            "compute.instanceTemplates.*",
            "compute.resourcePolicies.*",
            "compute.subnetworks.use",
            "compute.subnetworks.useExternalIp",
            "compute.*.get",
            "compute.*.list",
            "resourcemanager.projects.get",
        ],
    ),
    new(
        "roles/compute.viewer",
        "Compute Viewer",
        &[
            "compute.*.get",
            "compute.*.list",
            "compute.images.getFromFamily",
            "compute.instances.getGuestAttributes",
            "compute.instances.getSerialPortOutput",
            "resourcemanager.projects.get",
        ],
    ),
    new(
        "roles/editor",
        "Editor",
        &[
            "compute.*",
            "iam.serviceAccounts.actAs",
            "iam.serviceAccounts.get",
            "iam.serviceAccounts.list",
            "resourcemanager.projects.get",
            "storage.buckets.create",
            "storage.buckets.delete",
            "storage.buckets.list",
        ],
    ),
    new(
        "roles/iam.serviceAccountAdmin",
        "Service Account Admin",
        &[
            "iam.serviceAccounts.create",
            "iam.serviceAccounts.delete",
            "iam.serviceAccounts.get",
            "iam.serviceAccounts.list",
            "iam.serviceAccounts.update",
            "iam.serviceAccounts.getIamPolicy",
            "iam.serviceAccounts.setIamPolicy",
        ],
    ),
    new(
        "roles/iam.serviceAccountTokenCreator",
        "Service Account Token Creator",
        &[
            "iam.serviceAccounts.get",
            "iam.serviceAccounts.getAccessToken",
            "iam.serviceAccounts.list",
        ],
    ),
    new(
        "roles/iam.serviceAccountUser",
        "Service Account User",
        &[
            "iam.serviceAccounts.actAs",
            "iam.serviceAccounts.get",
            "iam.serviceAccounts.list",
        ],
    ),
    new(
        "roles/logging.logWriter",
        "Logs Writer",
        &["logging.logEntries.create"],
    ),
    new(
        "roles/monitoring.metricWriter",
        "Monitoring Metric Writer",
        &["monitoring.timeSeries.create"],
    ),
    new(
        "roles/owner",
        "Owner",
        &[
            "compute.*",
            "iam.*",
            "resourcemanager.*",
            "secretmanager.*",
            "serviceusage.*",
            "storage.*",
        ],
    ),
    new(
        "roles/resourcemanager.projectIamAdmin",
        "Project IAM Admin",
        &[
            "resourcemanager.projects.get",
            "resourcemanager.projects.getIamPolicy",
            "resourcemanager.projects.setIamPolicy",
        ],
    ),
    new(
        "roles/secretmanager.admin",
        "Secret Manager Admin",
        &["secretmanager.*"],
    ),
    new(
        "roles/secretmanager.secretAccessor",
        "Secret Manager Secret Accessor",
        &["secretmanager.versions.access"],
    ),
    new(
        "roles/secretmanager.viewer",
        "Secret Manager Viewer",
        &[
            "secretmanager.secrets.get",
            "secretmanager.secrets.list",
            "secretmanager.secrets.getIamPolicy",
            "secretmanager.versions.get",
            "secretmanager.versions.list",
        ],
    ),
    new(
        "roles/serviceusage.serviceUsageAdmin",
        "Service Usage Admin",
        &["serviceusage.services.*"],
    ),
    new("roles/storage.admin", "Storage Admin", &["storage.*"]),
    new(
        "roles/storage.objectUser",
        "Storage Object User",
        &[
            "storage.objects.create",
            "storage.objects.delete",
            "storage.objects.get",
            "storage.objects.list",
            "storage.objects.update",
            "storage.managedFolders.list",
        ],
    ),
    new(
        "roles/storage.objectViewer",
        "Storage Object Viewer",
        &[
            "storage.managedFolders.list",
            "storage.objects.get",
            "storage.objects.list",
        ],
    ),
    new(
        "roles/viewer",
        "Viewer",
        &[
            "compute.*.get",
            "compute.*.list",
            "iam.serviceAccounts.get",
            "iam.serviceAccounts.list",
            "resourcemanager.projects.get",
            "storage.buckets.list",
        ],
    ),
];

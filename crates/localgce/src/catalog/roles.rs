//! Predefined roles, and the permissions that this engine knows of them.

/// A predefined role.
pub struct Role {
    /// `roles/R`.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Permissions; one that ends in `*` stands for all that begin so.
    pub permissions: &'static [&'static str],
}

impl Role {
    /// Whether who has the role has the permission.
    pub fn includes(&self, permission: &str) -> bool {
        self.permissions.iter().any(|pattern| {
            pattern.strip_suffix('*').map_or_else(
                || *pattern == permission,
                |start| permission.starts_with(start),
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
            "resourcemanager.projects.get",
        ],
    ),
    new(
        "roles/compute.viewer",
        "Compute Viewer",
        &[
            "compute.instances.get",
            "compute.instances.list",
            "compute.disks.get",
            "compute.disks.list",
            "compute.images.get",
            "compute.images.list",
            "compute.projects.get",
            "resourcemanager.projects.get",
        ],
    ),
    new(
        "roles/editor",
        "Editor",
        &["compute.*", "storage.buckets.*"],
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
        ],
    ),
    new(
        "roles/storage.objectViewer",
        "Storage Object Viewer",
        &["storage.objects.get", "storage.objects.list"],
    ),
    new(
        "roles/viewer",
        "Viewer",
        &["compute.projects.get", "resourcemanager.projects.get"],
    ),
];

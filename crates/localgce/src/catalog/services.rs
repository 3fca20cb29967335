//! Google's services, of which a project enables those that it uses.

/// A service.
pub struct Service {
    /// Its host, by which Service Usage calls it.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Whether only a project with a billing account may enable it.
    pub billed: bool,
    /// Whether a new project has it.
    pub initial: bool,
}

/// Compute Engine's name.
pub const COMPUTE: &str = "compute.googleapis.com";
/// Secret Manager's name.
pub const SECRET_MANAGER: &str = "secretmanager.googleapis.com";
/// Cloud Storage's name.
pub const STORAGE: &str = "storage.googleapis.com";
/// IAM's name.
pub const IAM: &str = "iam.googleapis.com";
/// The name of what gives tokens of service accounts.
pub const IAM_CREDENTIALS: &str = "iamcredentials.googleapis.com";

/// The service of this name.
pub fn service(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

const fn new(name: &'static str, title: &'static str, billed: bool, initial: bool) -> Service {
    Service {
        name,
        title,
        billed,
        initial,
    }
}

/// Those of this engine, those that setting up a VM may ask for besides, and those that a new
/// project has (<https://cloud.google.com/service-usage/docs/enabled-service>). By name.
pub const SERVICES: [Service; 18] = [
    new("cloudapis.googleapis.com", "Google Cloud APIs", false, true),
    new(
        "cloudbilling.googleapis.com",
        "Cloud Billing API",
        false,
        false,
    ),
    new(
        "cloudresourcemanager.googleapis.com",
        "Cloud Resource Manager API",
        false,
        false,
    ),
    new(COMPUTE, "Compute Engine API", true, false),
    new(
        IAM,
        "Identity and Access Management (IAM) API",
        false,
        false,
    ),
    new(
        IAM_CREDENTIALS,
        "IAM Service Account Credentials API",
        false,
        false,
    ),
    new(
        "iap.googleapis.com",
        "Cloud Identity-Aware Proxy API",
        false,
        false,
    ),
    new("logging.googleapis.com", "Cloud Logging API", false, true),
    new(
        "monitoring.googleapis.com",
        "Cloud Monitoring API",
        false,
        true,
    ),
    new(
        "networkmanagement.googleapis.com",
        "Network Management API",
        false,
        false,
    ),
    new("oslogin.googleapis.com", "Cloud OS Login API", false, false),
    new(SECRET_MANAGER, "Secret Manager API", true, false),
    new(
        "servicemanagement.googleapis.com",
        "Service Management API",
        false,
        true,
    ),
    new(
        "serviceusage.googleapis.com",
        "Service Usage API",
        false,
        true,
    ),
    new(
        "storage-api.googleapis.com",
        "Google Cloud Storage JSON API",
        false,
        true,
    ),
    new(
        "storage-component.googleapis.com",
        "Cloud Storage",
        false,
        true,
    ),
    new(STORAGE, "Cloud Storage API", false, true),
    new(
        "sts.googleapis.com",
        "Security Token Service API",
        false,
        false,
    ),
];

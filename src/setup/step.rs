use std::fmt;

use gce::{Bucket, Firewall, LifecycleRule};
use serde_json::{Value, json};

use super::ROLE;
use crate::fleet::TRIAL_PREFIX;

/// One change to a project. Repeating it does no harm.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Create the project.
    CreateProject,
    /// Link it to a billing account.
    LinkBilling(String),
    /// Enable APIs.
    Enable(Vec<String>),
    /// Create a service account in the project.
    CreateAccount {
        /// The id, which is the part before the `@`.
        id: String,
        /// What it is for.
        purpose: &'static str,
    },
    /// Create the deployer's role with these permissions.
    CreateRole(Vec<String>),
    /// Set the permissions of the deployer's role to these.
    SetPermissions(Vec<String>),
    /// Grant a role to a member.
    Grant {
        /// On what.
        on: Resource,
        /// Such as `roles/iam.serviceAccountUser`.
        role: String,
        /// Such as `serviceAccount:clawbake-vm@...`.
        member: String,
    },
    /// Create the firewall rule.
    CreateFirewall(Box<Firewall>),
    /// Correct the ranges and ports of the existing firewall rule.
    ChangeFirewall(Box<Firewall>),
    /// Create the bucket.
    CreateBucket(Box<Bucket>),
    /// Close the bucket to the public, and have its objects expire.
    ChangeBucket {
        /// Its name.
        name: String,
        /// All of its lifecycle rules.
        rules: Vec<LifecycleRule>,
    },
}

/// A resource that roles are granted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The project.
    Project,
    /// A service account, by its email address.
    Account(String),
    /// A secret.
    Secret(String),
    /// The secrets of boot tests, which come and go: the whole project, limited to their names by a
    /// condition.
    TestSecrets,
    /// A bucket.
    Bucket(String),
}

impl Resource {
    /// The condition of a grant on it. Secret Manager names a secret by the project's number, which is not
    /// known before the project exists
    /// (<https://cloud.google.com/iam/docs/conditions-attribute-reference#extract>).
    #[must_use]
    pub fn condition(&self) -> Option<Value> {
        let expression =
            format!("resource.name.extract(\"secrets/{{name}}\").startsWith(\"{TRIAL_PREFIX}\")");
        (*self == Self::TestSecrets)
            .then(|| json!({"title": "clawbake boot tests", "expression": expression}))
    }
}

impl Step {
    /// The API that must be enabled first.
    #[must_use]
    pub fn service(&self) -> Option<&'static str> {
        match self {
            Self::CreateProject | Self::LinkBilling(_) | Self::Enable(_) => None,
            Self::CreateAccount { .. }
            | Self::CreateRole(_)
            | Self::SetPermissions(_)
            | Self::Grant {
                on: Resource::Account(_),
                ..
            } => Some("iam.googleapis.com"),
            Self::Grant {
                on: Resource::Project | Resource::TestSecrets,
                ..
            } => Some("cloudresourcemanager.googleapis.com"),
            Self::Grant {
                on: Resource::Secret(_),
                ..
            } => Some("secretmanager.googleapis.com"),
            Self::CreateFirewall(_) | Self::ChangeFirewall(_) => Some("compute.googleapis.com"),
            Self::Grant {
                on: Resource::Bucket(_),
                ..
            }
            | Self::CreateBucket(_)
            | Self::ChangeBucket { .. } => Some("storage.googleapis.com"),
        }
    }

    /// The equivalent gcloud command in `project`. It never prompts, so that a script of such commands can
    /// be piped to a shell.
    #[must_use]
    pub fn gcloud(&self, project: &str) -> String {
        let scope = format!("--project={project} --quiet");
        match self {
            Self::CreateProject => {
                format!("gcloud projects create {project} --no-enable-cloud-apis --quiet")
            }
            Self::LinkBilling(account) => format!(
                "gcloud billing projects link {project} --billing-account={account} --quiet"
            ),
            Self::Enable(services) => {
                format!("gcloud services enable {} {scope}", services.join(" "))
            }
            Self::CreateAccount { id, purpose } => format!(
                "gcloud iam service-accounts create {id} --display-name={} {scope}",
                quoted(purpose)
            ),
            Self::CreateRole(permissions) => format!(
                "gcloud iam roles create {ROLE} --title={} --stage=GA --permissions={} {scope}",
                quoted(TITLE),
                permissions.join(",")
            ),
            Self::SetPermissions(permissions) => format!(
                "gcloud iam roles update {ROLE} --permissions={} {scope}",
                permissions.join(",")
            ),
            Self::Grant { on, role, member } => {
                let binding = format!("--member={member} --role={role}");
                let on = match on {
                    Resource::Project | Resource::TestSecrets => {
                        let condition = on.condition().map_or("None".into(), |it| {
                            let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                            quoted(&format!(
                                "title={},expression={}",
                                text("title"),
                                text("expression")
                            ))
                        });
                        return format!(
                            "gcloud projects add-iam-policy-binding {project} {binding} --condition={condition} --quiet"
                        );
                    }
                    Resource::Account(email) => {
                        format!("iam service-accounts add-iam-policy-binding {email}")
                    }
                    Resource::Secret(name) => format!("secrets add-iam-policy-binding {name}"),
                    Resource::Bucket(name) => {
                        format!("storage buckets add-iam-policy-binding gs://{name}")
                    }
                };
                format!("gcloud {on} {binding} {scope}")
            }
            Self::CreateFirewall(firewall) => format!(
                "gcloud compute firewall-rules create {} --network={} --direction=INGRESS {} --description={} {scope}",
                firewall.name.as_deref().unwrap_or_default(),
                last(firewall.network.as_deref().unwrap_or_default()),
                openings(firewall),
                quoted(firewall.description.as_deref().unwrap_or_default()),
            ),
            Self::ChangeFirewall(firewall) => format!(
                "gcloud compute firewall-rules update {} {} --no-disabled {scope}",
                firewall.name.as_deref().unwrap_or_default(),
                openings(firewall),
            ),
            Self::CreateBucket(bucket) => {
                let key = bucket.encryption.as_ref();
                let key = key.and_then(|it| it.default_kms_key_name.as_ref());
                let key = key.map(|key| format!(" --default-encryption-key={key}"));
                closing(
                    &format!(
                        "create gs://{} --location={}{} {scope}",
                        bucket.name.as_deref().unwrap_or_default(),
                        location(bucket),
                        key.unwrap_or_default()
                    ),
                    bucket.lifecycle.as_ref().map_or(&[], |it| &it.rule),
                )
            }
            Self::ChangeBucket { name, rules } => {
                closing(&format!("update gs://{name} {scope}"), rules)
            }
        }
    }
}

/// The role's title.
pub(super) const TITLE: &str = "clawbake deployer";

fn openings(firewall: &Firewall) -> String {
    let allowed = firewall.allowed.iter().flat_map(|rule| {
        let protocol = rule.ip_protocol.clone().unwrap_or_default();
        rule.ports
            .iter()
            .map(move |port| format!("{protocol}:{port}"))
    });
    format!(
        "--allow={} --source-ranges={} --target-tags={}",
        allowed.collect::<Vec<_>>().join(","),
        firewall.source_ranges.join(","),
        firewall.target_tags.join(",")
    )
}

/// Quotes any text as one word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The lifecycle rules, as a file that gcloud can open.
fn closing(what: &str, rules: &[LifecycleRule]) -> String {
    let lifecycle = quoted(&json!({ "rule": rules }).to_string());
    format!(
        "rules=$(mktemp) && echo {lifecycle} >\"$rules\" && gcloud storage buckets {what} --uniform-bucket-level-access --public-access-prevention --lifecycle-file=\"$rules\" && rm \"$rules\""
    )
}

fn location(bucket: &Bucket) -> String {
    bucket
        .location
        .as_deref()
        .unwrap_or_default()
        .to_lowercase()
}

fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// What it changes, in a few words.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |firewall: &Firewall| firewall.name.clone().unwrap_or_default();
        match self {
            Self::CreateProject => f.write_str("create the project"),
            Self::LinkBilling(account) => write!(f, "link it to billing account {account}"),
            Self::Enable(services) => {
                let short: Vec<_> = services
                    .iter()
                    .map(|service| service.trim_end_matches(".googleapis.com"))
                    .collect();
                write!(f, "enable {}", short.join(", "))
            }
            Self::CreateAccount { id, purpose } => write!(f, "create account {id}: {purpose}"),
            Self::CreateRole(list) => write!(f, "create role {ROLE} of {} permissions", list.len()),
            Self::SetPermissions(list) => {
                write!(f, "give role {ROLE} its {} permissions", list.len())
            }
            Self::Grant { on, role, member } => {
                let who = member.split(['@', ':']).nth(1).unwrap_or(member);
                write!(f, "give {who} {} on ", last(role))?;
                match on {
                    Resource::Project => f.write_str("the project"),
                    Resource::TestSecrets => write!(f, "secrets {TRIAL_PREFIX}*"),
                    Resource::Account(email) => write!(f, "account {email}"),
                    Resource::Secret(name) => write!(f, "secret {name}"),
                    Resource::Bucket(name) => write!(f, "bucket {name}"),
                }
            }
            Self::CreateFirewall(it) => {
                write!(
                    f,
                    "create firewall {}, for Identity-Aware Proxy alone",
                    name(it)
                )
            }
            Self::ChangeFirewall(it) => {
                write!(
                    f,
                    "close firewall {} to all but Identity-Aware Proxy",
                    name(it)
                )
            }
            Self::CreateBucket(it) => {
                let name = it.name.as_deref().unwrap_or_default();
                write!(f, "create bucket {name} in {}", location(it))
            }
            Self::ChangeBucket { name, .. } => {
                write!(
                    f,
                    "close bucket {name} to the public, and have its archives expire"
                )
            }
        }
    }
}

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use gce::{Bucket, Client, Firewall, Kind, Policy, Role};

use super::{Desired, ROLE, SERVICES};

/// What a project has. What only a disabled API could tell counts as absent.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Whether the project exists and the caller has access to it.
    pub project: bool,
    /// The billing account that it is linked to, if that is open.
    pub billing: Option<String>,
    /// APIs that are enabled.
    pub services: BTreeSet<String>,
    /// Which of the desired service accounts exist, and whether each is disabled.
    pub accounts: BTreeMap<String, bool>,
    /// The deployer's custom role.
    pub role: Option<Role>,
    /// Who may do what in the project.
    pub project_policy: Policy,
    /// Who may use the VM's account.
    pub vm_policy: Policy,
    /// Which of the desired secrets exist, and who may read each.
    pub secrets: BTreeMap<String, Policy>,
    /// The firewall of that name.
    pub firewall: Option<Firewall>,
    /// The bucket of that name, and who may use it.
    pub bucket: Option<(Bucket, Policy)>,
}

/// Observes a project. Only enabled APIs are called.
pub async fn observe(client: &Client, desired: &Desired) -> Result<Observed> {
    let mut seen = Observed {
        project: project(client).await?,
        ..Observed::default()
    };
    if !seen.project {
        return Ok(seen);
    }
    let states = client.services().get(&SERVICES).await?;
    seen.services = states
        .into_iter()
        .filter(|service| service.state.as_deref() == Some("ENABLED"))
        .filter_map(|service| Some(service.name?.rsplit('/').next()?.to_owned()))
        .collect();
    let services = seen.services.clone();
    let on = |api: &str| services.contains(&format!("{api}.googleapis.com"));
    if on("cloudbilling") {
        let info = client.billing().get().await?;
        let name = info.billing_account_name.filter(|name| !name.is_empty());
        seen.billing = name
            .filter(|_| info.billing_enabled == Some(true))
            .map(|name| name.trim_start_matches("billingAccounts/").to_owned());
    }
    let billed = seen.billing.is_some();
    // Without billing these APIs refuse every call.
    let paid = |api: &str| on(api) && (billed || !on("cloudbilling"));
    if on("cloudresourcemanager") {
        seen.project_policy = client.resource_manager().iam_policy().await?;
    }
    if on("iam") {
        let accounts = client.service_accounts();
        for email in [&desired.deployer, &desired.vm] {
            if let Some(account) = accounts.find(email).await? {
                let disabled = account.disabled.unwrap_or_default();
                seen.accounts.insert(email.clone(), disabled);
            }
        }
        if seen.accounts.contains_key(&desired.vm) {
            seen.vm_policy = accounts.iam_policy(&desired.vm).await?;
        }
        let role = client.roles().find(ROLE).await?;
        seen.role = role.filter(|role| role.deleted != Some(true));
    }
    if paid("secretmanager") {
        let secrets = client.secrets();
        for name in &desired.secrets {
            if secrets.find(name).await?.is_some() {
                seen.secrets
                    .insert(name.clone(), secrets.iam_policy(name).await?);
            }
        }
    }
    if paid("compute") {
        let name = desired.firewall.name.as_deref().unwrap_or_default();
        seen.firewall = client.firewalls().find(name).await?;
    }
    let name = desired.bucket.name.as_deref().unwrap_or_default();
    if paid("storage")
        && let Some(bucket) = client.buckets().find(name).await?
    {
        let policy = client.buckets().iam_policy(name).await?;
        seen.bucket = Some((bucket, policy));
    }
    Ok(seen)
}

/// Google answers 403 both for a project that does not exist and for one that the caller has no access
/// to. A disabled API is a 403 too, but proves that the project exists.
async fn project(client: &Client) -> Result<bool> {
    match client.resource_manager().find().await {
        Ok(found) => Ok(found.is_some_and(|it| it.state.as_deref() == Some("ACTIVE"))),
        Err(error) if error.reason.as_deref() == Some("SERVICE_DISABLED") => Ok(true),
        Err(error) if error.kind == Kind::PermissionDenied => Ok(false),
        Err(error) => Err(error.into()),
    }
}

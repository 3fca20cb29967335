use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gce::{Client, CloudProject, IamServiceAccount, Kind, Policy, Role};

use super::step::{Resource, TITLE};
use super::{Desired, Observed, Plan, ROLE, Step, observe, plan};
use crate::bucket::closed;
use crate::progress::{Outcome, Progress};

/// How long an enabled API or a new service account takes, at most, to reach all of Google's servers.
const SETTLING: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_secs(5);

/// Observes the project and plans the steps. Changes nothing.
pub async fn prepare(client: &Client, desired: &Desired) -> Result<(Observed, Plan)> {
    let observed = observe(client, desired).await?;
    ensure!(
        observed.project || desired.create,
        "project {} does not exist, or is not yours: `clawbake setup --project-create \
         --billing-account ACCOUNT` makes it",
        desired.project
    );
    let unpaid =
        observed.billing.is_none() && observed.services.contains("cloudbilling.googleapis.com");
    ensure!(
        !unpaid || desired.billing_account.is_some(),
        "no open billing account pays for project {}: `clawbake setup --billing-account ACCOUNT` \
         links one of `gcloud billing accounts list`",
        desired.project
    );
    let plan = plan(desired, &observed);
    Ok((observed, plan))
}

/// Takes the steps. Once a disabled API is enabled, what it has to tell is observed again. Returns what is
/// left to the caller, and how many steps were taken.
pub async fn run(client: &Client, desired: &Desired, progress: &Progress) -> Result<(Plan, usize)> {
    let (_, first) = prepare(client, desired).await?;
    let mut taken = 0;
    for step in first.steps.iter().filter(|step| step.service().is_none()) {
        take(client, step, progress).await?;
        taken += 1;
    }
    let second = if taken == 0 {
        first
    } else {
        patiently(|| async { Ok(prepare(client, desired).await?.1) }).await?
    };
    for step in &second.steps {
        take(client, step, progress).await?;
        taken += 1;
    }
    let (_, left) = prepare(client, desired).await?;
    Ok((left, taken))
}

async fn take(client: &Client, step: &Step, progress: &Progress) -> Result<()> {
    let stage = progress.stage("setup");
    stage.note(step.to_string());
    patiently(|| async { Ok(change(client, step).await?) }).await?;
    stage.finish(Outcome::Done, step.to_string());
    Ok(())
}

/// Retries what fails only because a recent change has not reached all servers yet, or because somebody
/// else changed the same policy at the same time.
async fn patiently<T, F>(mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let started = Instant::now();
    loop {
        match attempt().await {
            Err(error) if started.elapsed() < SETTLING && is_settling(&error) => {
                tokio::time::sleep(POLL).await;
            }
            result => return result,
        }
    }
}

fn is_settling(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<gce::Error>() else {
        return false;
    };
    let word = error.reason.as_deref().unwrap_or_default();
    let unknown = matches!(error.kind, Kind::Invalid | Kind::NotFound)
        && error.message.contains("does not exist");
    matches!(word, "SERVICE_DISABLED" | "accessNotConfigured")
        || error.kind == Kind::PreconditionFailed
        || unknown
}

async fn change(client: &Client, step: &Step) -> gce::Result<()> {
    match step {
        Step::CreateProject => {
            let project = CloudProject {
                project_id: Some(client.project_id().to_owned()),
                ..CloudProject::default()
            };
            client.resource_manager().create(&project).await
        }
        Step::LinkBilling(account) => client.billing().link(account).await.map(drop),
        Step::Enable(services) => {
            let names: Vec<_> = services.iter().map(String::as_str).collect();
            client.services().enable(&names).await
        }
        Step::CreateAccount { id, purpose } => {
            let account = IamServiceAccount {
                display_name: Some((*purpose).to_owned()),
                ..IamServiceAccount::default()
            };
            made(client.service_accounts().create(id, &account).await)
        }
        Step::CreateRole(permissions) => {
            let role = Role {
                title: Some(TITLE.into()),
                stage: Some("GA".into()),
                included_permissions: permissions.clone(),
                ..Role::default()
            };
            made(client.roles().create(ROLE, &role).await)
        }
        Step::SetPermissions(permissions) => {
            let roles = client.roles();
            roles.set_permissions(ROLE, permissions).await.map(drop)
        }
        Step::Grant { on, role, member } => grant(client, on, role, member).await,
        Step::CreateFirewall(firewall) => match client.firewalls().insert(firewall).await {
            Ok(pending) => pending.wait().await.map(drop),
            error => made(error),
        },
        Step::ChangeFirewall(firewall) => {
            let open = gce::Firewall {
                source_ranges: firewall.source_ranges.clone(),
                target_tags: firewall.target_tags.clone(),
                allowed: firewall.allowed.clone(),
                disabled: Some(false),
                ..gce::Firewall::default()
            };
            let name = firewall.name.as_deref().unwrap_or_default();
            let pending = client.firewalls().patch(name, &open).await?;
            pending.wait().await.map(drop)
        }
        Step::CreateBucket(bucket) => client.buckets().insert(bucket).await.map(drop),
        Step::ChangeBucket { name, rules } => {
            client.buckets().patch(name, &closed(rules)).await.map(drop)
        }
    }
}

/// Accepts that it exists: after a lost answer it is the caller's own, and otherwise it does no harm.
fn made<T>(result: gce::Result<T>) -> gce::Result<()> {
    match result {
        Err(error) if error.kind != Kind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Reads the policy, adds the binding, and writes it back with the same etag.
async fn grant(client: &Client, on: &Resource, role: &str, member: &str) -> gce::Result<()> {
    let granted = |mut policy: Policy| {
        policy.grant(role, member, on.condition().as_ref());
        policy
    };
    match on {
        Resource::Project | Resource::TestSecrets => {
            let manager = client.resource_manager();
            let policy = granted(manager.iam_policy().await?);
            manager.set_iam_policy(&policy).await
        }
        Resource::Account(email) => {
            let accounts = client.service_accounts();
            let policy = granted(accounts.iam_policy(email).await?);
            accounts.set_iam_policy(email, &policy).await
        }
        Resource::Secret(name) => {
            let secrets = client.secrets();
            let policy = granted(secrets.iam_policy(name).await?);
            secrets.set_iam_policy(name, &policy).await
        }
        Resource::Bucket(name) => {
            let buckets = client.buckets();
            let policy = granted(buckets.iam_policy(name).await?);
            buckets.set_iam_policy(name, &policy).await
        }
    }
    .map(drop)
}

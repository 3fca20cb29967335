//! `clawbake setup`

use anyhow::{Result, ensure};

use super::deployment_file::DeploymentFile;
use super::output::{errln, outln};
use super::terminal;
use crate::cloud::Cloud;
use crate::deployment::{Identity, Target};
use crate::setup::{self, Desired, Plan};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Print gcloud commands instead of changing anything
    #[arg(long)]
    dry_run: bool,
    /// Create the project if it does not exist
    #[arg(long, requires = "billing_account")]
    project_create: bool,
    /// Link the project to a billing account such as 012345-567890-ABCDEF
    #[arg(long, value_name = "ACCOUNT", value_parser = billing_account)]
    billing_account: Option<String>,
}

fn billing_account(text: &str) -> Result<String, String> {
    let id = text.trim_start_matches("billingAccounts/");
    let part = |part: &str| part.len() == 6 && part.chars().all(|c| c.is_ascii_hexdigit());
    if id.split('-').count() == 3 && id.split('-').all(part) {
        return Ok(id.to_uppercase());
    }
    Err("an id as `gcloud billing accounts list` shows it: 012345-567890-ABCDEF".into())
}

pub(super) async fn run(args: Args) -> Result<()> {
    let deployment = args.deployment.load()?;
    let progress = terminal::progress();
    let cloud = Cloud::connect(&deployment.target, &progress).await?;
    ensure!(
        cloud.engine.is_none(),
        "the target is this machine, where nothing has to be set up: `clawbake up` does it all"
    );
    let desired = Desired {
        create: args.project_create,
        billing_account: args.billing_account,
        ..Desired::of(&deployment, &cloud)
    };
    if args.dry_run {
        let (_, plan) = setup::prepare(&cloud.client, &desired).await?;
        for step in &plan.steps {
            outln!("# {step}\n{}", step.gcloud(&desired.project))?;
        }
        if plan.steps.is_empty() {
            errln!("nothing to do in {}", desired.project);
        }
        report(&plan);
        return Ok(());
    }
    let (left, taken) = setup::run(&cloud.client, &desired, &progress).await?;
    ensure!(
        left.steps.is_empty(),
        "not all of it took effect: run `clawbake setup` again; left: {}",
        left.steps
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    );
    if taken == 0 {
        errln!("nothing to do: {} has all of it", desired.project);
    }
    report(&left);
    if !cloud.external_ip {
        errln!(
            "the VM has no address of its own: its way out is Cloud NAT in {}, which `clawbake doctor` looks for",
            desired.region
        );
    }
    if may_impersonate(&deployment.target) {
        errln!(
            "to act as the deployer: credentials: {{impersonate: {}}}",
            desired.deployer
        );
    }
    Ok(())
}

/// Whether the target's credentials are a person's, who can impersonate a service account.
fn may_impersonate(target: &Target) -> bool {
    let Target::Gce(gce) = target else {
        return false;
    };
    let is_token = matches!(
        gce.credentials.identity,
        Identity::TokenFile(_) | Identity::TokenEnv(_)
    );
    gce.credentials.impersonate.is_none() && !is_token
}

/// Prints what only the owner of the secrets can do.
fn report(plan: &Plan) {
    for name in &plan.missing_secrets {
        errln!(
            "secret {name} is missing: `clawbake secrets generate {name}`, or `clawbake secrets set {name} <file`"
        );
    }
}

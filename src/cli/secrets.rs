//! `clawbake secrets set|generate|list|show`. Values pass through stdin and stdout, never through
//! arguments.

use std::io::{IsTerminal as _, Read as _, stdout};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;

use super::deployment_file::DeploymentFile;
use super::output::{self, errln, outln};
use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::document::Refusal;
use crate::fleet::{self, Form};
use crate::names::SecretName;
use crate::progress::Progress;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Store a secret's new value from stdin
    Set {
        #[command(flatten)]
        named: Named,
        /// Accept a value of several lines
        #[arg(long)]
        allow_multiline: bool,
    },
    /// Store a random value as a secret's new value
    Generate(Named),
    /// List the deployment's secrets and whether they exist
    List {
        #[command(flatten)]
        deployment: DeploymentFile,
    },
    /// Print a secret's newest value
    Show(Named),
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// Name in Secret Manager
    #[arg(value_parser = name)]
    name: SecretName,
    #[command(flatten)]
    deployment: DeploymentFile,
}

fn name(text: &str) -> Result<SecretName, String> {
    text.parse()
        .map_err(|Refusal { message, hint }| format!("{message}; {hint}"))
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Set {
            named,
            allow_multiline,
        } => {
            let mut value = Vec::new();
            let mut stdin = std::io::stdin().lock();
            ensure!(
                !stdin.is_terminal(),
                "the value is read from stdin, which is a terminal: `clawbake secrets set {} <file`",
                named.name
            );
            stdin
                .read_to_end(&mut value)
                .context("reading the value from stdin")?;
            drop(stdin);
            if value.last() == Some(&b'\n') {
                value.pop();
            }
            let deployment = named.deployment.load()?;
            let form = form(&deployment, &named.name, allow_multiline);
            fleet::check(&named.name, &value, form)?;
            let cloud = Cloud::connect(&deployment.target, &Progress::silent()).await?;
            let version = fleet::store(&cloud, &named.name, value.into()).await?;
            stored(&cloud, &named.name, &version)?;
        }
        Command::Generate(named) => {
            let cloud = connect(&named.deployment).await?;
            let version = fleet::generate(&cloud, &named.name).await?;
            stored(&cloud, &named.name, &version)?;
        }
        Command::List { deployment } => {
            let deployment = deployment.load()?;
            let cloud = Cloud::connect(&deployment.target, &Progress::silent()).await?;
            let missing = fleet::missing(&deployment, &cloud).await?;
            for (variable, secret) in &deployment.secrets {
                let state = if missing.contains(&secret.name.to_string()) {
                    "missing"
                } else {
                    "exists"
                };
                outln!(
                    "{variable:<32} {:<32} {:<8} {state}",
                    secret.name,
                    secret.version
                )?;
            }
        }
        Command::Show(named) => {
            let cloud = connect(&named.deployment).await?;
            let value = cloud.client.secrets().access(&named.name, "latest").await?;
            output::document(value.expose())?;
            if stdout().is_terminal() {
                outln!("")?;
            }
        }
    }
    Ok(())
}

fn form(deployment: &Deployment, name: &SecretName, allow_multiline: bool) -> Form {
    let token = &deployment.secrets[&deployment.recipe.gateway.token_env];
    if token.name == *name {
        Form::Token
    } else if allow_multiline {
        Form::Text
    } else {
        Form::Line
    }
}

async fn connect(deployment: &DeploymentFile) -> Result<Cloud> {
    Cloud::connect(&deployment.load()?.target, &Progress::silent()).await
}

fn stored(cloud: &Cloud, name: &SecretName, version: &str) -> Result<()> {
    outln!("{name} version {version}")?;
    errln!(
        "{} may read it; a VM takes it at its next start",
        cloud.service_account
    );
    Ok(())
}

//! `clawbake user-data render|validate`

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use super::deployment_file::DeploymentFile;
use super::output::{self, outln};
use crate::cloud::Cloud;
use crate::document::Findings;
use crate::progress::Progress;
use crate::recipe::Base;
use crate::userdata::{self, Values};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the cloud-config of the deployment's VM
    Render {
        #[command(flatten)]
        deployment: DeploymentFile,
    },
    /// Check a cloud-config file
    Validate {
        /// Cloud-config file
        file: PathBuf,
        /// Check against this base's cloud-init
        #[arg(long, default_value = "debian-13", value_parser = base)]
        base: Base,
    },
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Render { deployment } => {
            let deployment = deployment.load()?;
            let cloud = Cloud::connect(&deployment.target, &Progress::silent()).await?;
            let values = Values::new(
                &deployment,
                cloud.client.project_id(),
                &cloud.secret_manager_in_guest,
            );
            let document = userdata::render(&values)?;
            output::document(format!("{}\n", document.trim_end()).as_bytes())?;
        }
        Command::Validate { file, base } => {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(&file).with_context(|| format!("reading {name}"))?;
            let findings = userdata::validate(&name, &text, base);
            if !findings.is_empty() {
                bail!(Findings(findings));
            }
            outln!("{name}: valid")?;
        }
    }
    Ok(())
}

fn base(text: &str) -> Result<Base, String> {
    [Base::Debian13, Base::Debian12]
        .into_iter()
        .find(|base| base.to_string() == text)
        .ok_or_else(|| "debian-13 and debian-12 are known".into())
}

use std::path::PathBuf;

use anyhow::Result;

use crate::deployment::{self, Deployment};

/// The deployment's file, for every verb that needs one.
#[derive(Debug, clap::Args)]
pub(super) struct DeploymentFile {
    /// Read the deployment from FILE
    #[arg(short, long, value_name = "FILE", default_value = deployment::FILE_NAME, env = "CLAWBAKE_FILE")]
    file: PathBuf,
}

impl DeploymentFile {
    pub(super) fn load(&self) -> Result<Deployment> {
        Ok(Deployment::load(&self.file)?)
    }
}

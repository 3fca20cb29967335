//! The command line: arguments -> call -> print. One file per verb.

mod bake;
mod clean;
mod delete;
mod deployment_file;
mod doctor;
mod engine;
mod images;
mod init;
mod launch;
mod logs;
mod output;
mod ready;
mod recipe;
mod secrets;
mod setup;
mod signal;
mod status;
mod terminal;
mod up;
mod user_data;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::bake::BootTestFailed;
use crate::document::Findings;
use crate::fleet::NotReady;
use output::errln;
use signal::{Interrupted, interruptible};

/// Bakes gateway releases into golden Compute Engine images, and keeps VMs made from them running.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something failed; stderr says what, and what to do about it
  2  the command line is wrong
  3  a recipe, a deployment or user-data is wrong; each mistake has its file and line
  4  the cloud refused or could not be reached
  5  the gateway did not become ready, of a VM or in an image's boot test
  130  interrupted by Ctrl-C or SIGTERM; what the run had created is removed, or stderr says what is left

Environment:
  CLAWBAKE_REQUEST_TIMEOUT  seconds until a request without an answer is given up (120); calls are
                            tried again for two and a half times as long";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a clawbake.yaml to begin with
    Init(init::Args),
    /// Prepare a project of Google's: APIs, accounts, bucket, firewall
    Setup(setup::Args),
    /// Whether everything is there that the verbs need, and what to do where it is not
    Doctor(doctor::Args),
    /// Do whatever is missing until the gateway answers: engine, secret, image, VM
    Up(up::Args),
    /// Build an image from the recipe, boot it for a test and promote it into its family
    Bake(bake::Args),
    /// Images of the recipe's family: list, promote, roll back, prune
    #[command(subcommand)]
    Images(images::Command),
    /// Make a VM from the family's newest image and wait until its gateway is ready
    Launch(launch::Args),
    /// What the VM is and how far its gateway got
    Status(status::Args),
    /// The VM's serial output
    Logs(logs::Args),
    /// The deployment's secrets in Secret Manager
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Delete the VM; the state disk stays unless it is named
    Delete(delete::Args),
    /// Remove what runs left over that were killed, and nothing else
    Clean(clean::Args),
    /// Recipes
    #[command(subcommand)]
    Recipe(recipe::Command),
    /// cloud-init user-data
    #[command(subcommand)]
    UserData(user_data::Command),
    /// The local engine: Google's APIs on this machine
    #[command(subcommand)]
    Engine(engine::Command),
}

/// Runs one verb.
pub async fn run(cli: Cli) -> Result<()> {
    if cli.command.uses_the_cloud() {
        clean::remind();
    }
    match cli.command {
        Command::Init(args) => init::run(&args),
        Command::Setup(args) => setup::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Up(args) => interruptible(up::run(args)).await,
        Command::Bake(args) => interruptible(bake::run(args)).await,
        Command::Images(command) => interruptible(images::run(command)).await,
        Command::Launch(args) => interruptible(launch::run(args)).await,
        Command::Status(args) => status::run(args).await,
        Command::Logs(args) => logs::run(args).await,
        Command::Secrets(command) => secrets::run(command).await,
        Command::Delete(args) => interruptible(delete::run(args)).await,
        Command::Clean(args) => interruptible(clean::run(args)).await,
        Command::Recipe(command) => recipe::run(command),
        Command::UserData(command) => user_data::run(command).await,
        Command::Engine(command) => engine::run(command).await,
    }
}

impl Command {
    /// Whether it is a verb to whose user the left-overs of an earlier one matter.
    fn uses_the_cloud(&self) -> bool {
        matches!(
            self,
            Self::Up(_)
                | Self::Bake(_)
                | Self::Images(_)
                | Self::Launch(_)
                | Self::Status(_)
                | Self::Delete(_)
        )
    }
}

/// Prints an error and gives its exit code. The only place that does either.
#[must_use]
pub fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(findings) = error.downcast_ref::<Findings>() {
        errln!("{findings}");
        return ExitCode::from(3);
    }
    errln!("error: {error:#}");
    let refused = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<gce::Error>());
    if let Some(hint) = refused.and_then(gce::Error::hint) {
        errln!("  hint: {hint}");
    }
    let not_ready = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<NotReady>() || cause.is::<BootTestFailed>()
    };
    ExitCode::from(if error.is::<Interrupted>() {
        130
    } else if error.chain().any(not_ready) {
        5
    } else if refused.is_some() {
        4
    } else {
        1
    })
}

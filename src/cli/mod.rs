//! The command line: arguments -> call -> print. One file per verb.

mod ago;
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
mod migrate;
mod output;
mod ready;
mod rebuild;
mod recipe;
mod recreate;
mod resize;
mod restart;
mod rollback;
mod said;
mod secrets;
mod setup;
mod signal;
mod start;
mod state;
mod status;
mod stop;
mod template;
mod terminal;
mod up;
mod user_data;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::bake::BootTestFailed;
use crate::document::Findings;
use crate::fleet::NotReady;
use crate::rollout::{PutBack, Refused};
use output::errln;
use said::Said;
use signal::{Interrupted, interruptible};

/// Bake gateway releases into golden Compute Engine images and run VMs from them
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
  2  invalid command line
  3  invalid recipe, deployment or user-data; stderr names file and line of each mistake
  4  the cloud refused or could not be reached
  5  the gateway did not become ready, in a VM or in an image's boot test
  6  refused at a gate, and nothing was changed; stderr names the gate
  7  changed, and put back; stderr names the gate
  10  `rebuild --check` found something new
  130  interrupted by Ctrl-C or SIGTERM; the run's resources are removed, or listed on stderr

Environment:
  CLAWBAKE_REQUEST_TIMEOUT  seconds to wait for an answer (120); failed calls are retried for
                            two and a half times as long";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a clawbake.yaml to start from
    Init(init::Args),
    /// Set up a Google Cloud project
    Setup(setup::Args),
    /// Check prerequisites and say how to fix what is missing
    Doctor(doctor::Args),
    /// Create whatever is missing until the gateway answers
    Up(up::Args),
    /// Build an image, boot-test it and promote it into its family
    Bake(bake::Args),
    /// Manage the images of the recipe's family
    #[command(subcommand)]
    Images(images::Command),
    /// Manage the instance templates of the deployment's VM
    #[command(subcommand)]
    Template(template::Command),
    /// Create a VM from the newest image and wait for its gateway
    Launch(launch::Args),
    /// Replace the VM and keep its state, or go on with a replacement
    Recreate(recreate::Args),
    /// Go back to an older release
    Rollback(rollback::Args),
    /// Bring the VM to a newer release, gate by gate
    Rebuild(rebuild::Args),
    /// Move a deployment's state to another gateway
    Migrate(migrate::Args),
    /// Show the state of the VM and its gateway
    Status(status::Args),
    /// Print the VM's serial output
    Logs(logs::Args),
    /// Manage the deployment's secrets in Secret Manager
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Start the stopped VM and wait for its gateway
    Start(start::Args),
    /// Stop the gateway and its VM
    Stop(stop::Args),
    /// Stop the VM, start it again and wait for its gateway
    Restart(restart::Args),
    /// Give the VM another machine type
    Resize(resize::Args),
    /// Manage the deployment's state
    #[command(subcommand)]
    State(state::Command),
    /// Delete the VM and keep its state disk
    Delete(delete::Args),
    /// Remove resources left by killed runs
    Clean(clean::Args),
    /// Inspect recipes
    #[command(subcommand)]
    Recipe(recipe::Command),
    /// Render and check cloud-init user-data
    #[command(subcommand)]
    UserData(user_data::Command),
    /// Manage the local engine
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
        Command::Template(command) => interruptible(template::run(command)).await,
        Command::Launch(args) => interruptible(launch::run(args)).await,
        Command::Recreate(args) => Box::pin(recreate::resumable(recreate::run(args))).await,
        Command::Rollback(args) => Box::pin(recreate::resumable(rollback::run(args))).await,
        Command::Rebuild(args) => Box::pin(recreate::resumable(rebuild::run(args))).await,
        Command::Migrate(args) => Box::pin(migrate::resumable(migrate::run(args))).await,
        Command::Status(args) => status::run(args).await,
        Command::Logs(args) => logs::run(args).await,
        Command::Secrets(command) => secrets::run(command).await,
        Command::Start(args) => interruptible(start::run(args)).await,
        Command::Stop(args) => interruptible(stop::run(args)).await,
        Command::Restart(args) => interruptible(restart::run(args)).await,
        Command::Resize(args) => interruptible(resize::run(args)).await,
        Command::State(command) => interruptible(state::run(command)).await,
        Command::Delete(args) => interruptible(delete::run(args)).await,
        Command::Clean(args) => interruptible(clean::run(args)).await,
        Command::Recipe(command) => recipe::run(command),
        Command::UserData(command) => user_data::run(command).await,
        Command::Engine(command) => engine::run(command).await,
    }
}

impl Command {
    /// Whether the user of this verb should know what an earlier run left behind.
    fn uses_the_cloud(&self) -> bool {
        matches!(
            self,
            Self::Up(_)
                | Self::Bake(_)
                | Self::Images(_)
                | Self::Template(_)
                | Self::Launch(_)
                | Self::Recreate(_)
                | Self::Rollback(_)
                | Self::Rebuild(_)
                | Self::Migrate(_)
                | Self::Status(_)
                | Self::Start(_)
                | Self::Stop(_)
                | Self::Restart(_)
                | Self::Resize(_)
                | Self::State(_)
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
    if let Some(Said(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
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
    } else if error.is::<Refused>() {
        6
    } else if error.is::<PutBack>() {
        7
    } else if error.chain().any(not_ready) {
        5
    } else if refused.is_some() {
        4
    } else {
        1
    })
}

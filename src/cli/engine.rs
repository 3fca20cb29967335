//! `clawbake engine start|stop|status|reset|env`

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use localgce::{Accel, Endpoint};

use super::output::outln;
use crate::{engine, paths};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the engine, and its VMs that ran when it stopped
    Start {
        /// How guests are run
        #[arg(long, env = "CLAWBAKE_ACCEL", value_enum)]
        accel: Option<Accel>,
    },
    /// Power its VMs off and stop it; everything is kept
    Stop,
    /// Where it listens, and how it runs guests
    Status,
    /// Stop it and delete all that it holds: VMs, disks, images, secrets
    Reset {
        /// Really
        #[arg(long)]
        yes: bool,
    },
    /// Shell variables with which gcloud speaks to the engine: `eval "$(clawbake engine env)"`
    Env,
    /// Serve in the foreground
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        dir: PathBuf,
        /// How long a guest gets to power itself off before its plug is pulled [default: 90, or 300
        /// where guests are emulated]
        #[arg(long, value_name = "SECONDS", env = "CLAWBAKE_POWER_OFF")]
        power_off: Option<u64>,
        /// How guests are run
        #[arg(long, env = "CLAWBAKE_ACCEL", value_enum, default_value_t)]
        accel: Accel,
    },
    /// Join stdin and stdout to a unix socket, for QEMU
    #[command(hide = true)]
    Connect { socket: PathBuf },
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Start { accel } => {
            let (endpoint, _) = engine::start(&paths::engine()?, accel).await?;
            outln!("{}", endpoint.url);
        }
        Command::Stop => {
            if !engine::stop(&paths::engine()?).await? {
                eprintln!("no engine runs");
            }
        }
        Command::Status => match Endpoint::read(&paths::engine()?)? {
            Some(endpoint) => outln!("{}", engine::describe(&endpoint)),
            None => outln!("no engine runs"),
        },
        Command::Reset { yes } => {
            let dir = paths::engine()?;
            ensure!(
                yes,
                "this deletes every VM, disk, image and secret in {}: say --yes",
                dir.display()
            );
            engine::stop(&dir).await?;
            if dir.exists() {
                std::fs::remove_dir_all(&dir)
                    .with_context(|| format!("deleting {}", dir.display()))?;
            }
        }
        Command::Env => {
            let (endpoint, _) = engine::ensure(&paths::engine()?).await?;
            let environment = environment(&endpoint, &endpoint.token_file(&paths::engine()?));
            outln!("{}", environment.trim_end());
        }
        Command::Serve {
            dir,
            power_off,
            accel,
        } => {
            let program = std::env::current_exe()?.display().to_string();
            let connect_command = [program, "engine".into(), "connect".into()].to_vec();
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            localgce::serve(localgce::Config {
                dir,
                cache: paths::cache()?.shared("debian-cloud")?,
                listen,
                connect_command,
                power_off: power_off.map(Duration::from_secs),
                accel,
            })
            .await?;
        }
        Command::Connect { socket } => {
            tokio::task::spawn_blocking(move || localgce::connect(&socket)).await??;
        }
    }
    Ok(())
}

/// gcloud's own variables: other endpoints, and a token from a file instead of an account.
fn environment(endpoint: &Endpoint, token: &std::path::Path) -> String {
    let Endpoint {
        url, project, zone, ..
    } = endpoint;
    [
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE",
            format!("{url}/compute/v1/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBILLING",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER",
            format!("{url}/"),
        ),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", format!("{url}/")),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE",
            format!("{url}/storage/v1/"),
        ),
        (
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
            token.display().to_string(),
        ),
        ("CLOUDSDK_CORE_PROJECT", project.clone()),
        ("CLOUDSDK_COMPUTE_ZONE", zone.clone()),
        ("CLOUDSDK_CORE_DISABLE_PROMPTS", "1".into()),
    ]
    .iter()
    .map(|(name, value)| format!("export {name}='{value}'\n"))
    .collect()
}

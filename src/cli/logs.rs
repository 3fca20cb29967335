//! `clawbake logs`

use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;

use super::DeploymentFile;
use crate::cloud::Cloud;
use crate::progress::Progress;

/// Between two looks while following.
const POLL: Duration = Duration::from_secs(2);
/// What systemd puts before lines of the gateway's unit, whose output reaches the console.
const GATEWAY: &str = "docker[";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Go on as the VM prints
    #[arg(long)]
    follow: bool,
    /// Lines of the gateway only
    #[arg(long)]
    gateway: bool,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let deployment = args.deployment.load()?;
    let cloud = Cloud::connect(&deployment.target, &Progress::silent()).await?;
    let instances = cloud.client.instances(&cloud.zone);
    let (mut start, mut rest) = (0, String::new());
    loop {
        let output = instances
            .serial_port_output(&deployment.name, start)
            .await?;
        rest.push_str(&output.contents.unwrap_or_default());
        start = output.next.unwrap_or(start);
        let complete = if args.follow {
            rest.rfind('\n').map_or(0, |end| end + 1)
        } else {
            rest.len()
        };
        let mut stdout = std::io::stdout().lock();
        for line in rest[..complete]
            .lines()
            .filter(|line| !args.gateway || line.contains(GATEWAY))
        {
            writeln!(stdout, "{line}")?;
        }
        stdout.flush()?;
        drop(stdout);
        rest.drain(..complete);
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

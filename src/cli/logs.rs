//! `clawbake logs`

use std::time::Duration;

use anyhow::Result;

use super::deployment_file::DeploymentFile;
use super::output;
use crate::cloud::Cloud;
use crate::progress::Progress;

/// Time between two polls with `--follow`.
const POLL: Duration = Duration::from_secs(2);
/// systemd's prefix of the gateway's lines on the console.
const GATEWAY: &str = "docker[";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Keep printing new output
    #[arg(long)]
    follow: bool,
    /// Print only the gateway's lines
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
        let is_read = output::follow(&shown(&rest[..complete], args.gateway))?;
        rest.drain(..complete);
        if !args.follow || !is_read {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A VM's lines, safe for a terminal.
fn shown(text: &str, gateway: bool) -> String {
    text.lines()
        .filter(|line| !gateway || line.contains(GATEWAY))
        .map(output::line)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vm_cannot_command_the_terminal_through_its_serial_port() {
        let all: Vec<u8> = (0..=255).collect();
        let text = String::from_utf8_lossy(&all).into_owned()
            + "\r\n\x1b]0;docker[1]\x07\u{9b}2J\r\n\x1b[0;32mdocker[1]: up\x1b[0m\r\n";
        let shown = shown(&text, false);
        let obeyed = |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\t');
        assert_eq!(shown.bytes().position(obeyed), None);
        assert_eq!(shown.find('\u{9b}'), None);
        assert!(
            shown.ends_with("\\u001b]0;docker[1]\\u0007\\u009b2J\ndocker[1]: up\n"),
            "{shown}"
        );
    }
}

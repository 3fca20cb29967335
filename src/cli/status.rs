//! `clawbake status`

use anyhow::Result;
use serde_json::json;

use super::deployment_file::DeploymentFile;
use super::output::outln;
use crate::cloud::{Cloud, Reach};
use crate::fleet::{self, Report};
use crate::progress::Progress;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    deployment: DeploymentFile,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let deployment = args.deployment.load()?;
    let cloud = Cloud::connect(&deployment.target, &Progress::silent()).await?;
    let name = &deployment.name;
    let Some(instance) = cloud.client.instances(&cloud.zone).find(name).await? else {
        if args.json {
            outln!("{}", json!({"name": name, "status": null}))?;
        } else {
            outln!("{name}: no VM (`clawbake up` makes one)")?;
        }
        return Ok(());
    };
    let report = fleet::report(&cloud, &instance).await?;
    let status = instance.status.as_deref().unwrap_or("UNKNOWN");
    let (url, tunnel) = match cloud.reach(&instance, deployment.recipe.gateway.ports.front) {
        Reach::Url(url) => (Some(url), None),
        Reach::Tunnel(command) => (None, Some(command)),
    };
    if args.json {
        let document =
            json!({"name": name, "status": status, "report": report, "url": url, "tunnel": tunnel});
        outln!("{}", serde_json::to_string_pretty(&document)?)?;
        return Ok(());
    }
    outln!("VM       {name} {status}")?;
    for (label, text) in rows(report.as_ref()) {
        outln!("{label:<9}{text}")?;
    }
    if let Some(way) = url.or(tunnel) {
        outln!("address  {way}")?;
    }
    Ok(())
}

/// The VM's report as rows. A line break in its text must not look like another row.
fn rows(report: Option<&Report>) -> Vec<(&'static str, String)> {
    let Some(report) = report else {
        return vec![("phase", "no report of this start yet".into())];
    };
    let mut rows = vec![("phase", format!("{} at {}", report.phase, report.at))];
    rows.extend(report.reason.clone().map(|reason| ("reason", reason)));
    rows.push(("gateway", report.gateway.clone()));
    rows.push(("image", report.image.clone()));
    for (_, text) in &mut rows {
        *text = text.replace('\n', "\n         ");
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output;
    use crate::fleet::Phase;

    #[test]
    fn a_vm_cannot_command_the_terminal_or_forge_a_row() {
        let awkward: String = ('\0'..='\u{2fff}').collect::<String>() + "\naddress  http://evil/";
        let report = Report {
            nonce: awkward.clone(),
            boot_id: awkward.clone(),
            image: awkward.clone(),
            gateway: awkward.clone(),
            phase: Phase::Ready,
            at: awkward.clone(),
            reason: Some(awkward),
        };
        let rows = rows(Some(&report)).into_iter();
        let shown: String = rows
            .map(|(label, text)| output::line(&format!("{label:<9}{text}")))
            .collect();
        let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || c == '\u{202e}';
        assert_eq!(shown.find(bad), None);
        assert!(shown.contains("\\u001b") && shown.contains("\\u009b"));
        assert!(!shown.contains("\naddress"), "{shown}");
    }

    #[test]
    fn a_vm_that_has_not_reported_since_its_start_says_nothing() {
        assert_eq!(
            rows(None),
            [("phase", "no report of this start yet".to_owned())]
        );
    }
}

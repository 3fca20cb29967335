//! Runs the programs that make an image. Their output goes to a log, their headlines to the stage, and
//! their last lines into the error.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command;

use crate::progress::Stage;

/// Scripts mark their headlines with this.
const HEADLINE: &str = "clawbake: ";
/// Lines of a failed program that its error repeats.
const TAIL: usize = 12;

/// A shell script with mounts and processes of its own, which end with it.
#[must_use]
pub fn script(path: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["--mount-proc", "sh"]).arg(path);
    command
}

/// Runs a program to its end; `what` is what it is doing, for the error. Output is appended to `log`.
pub async fn run(what: &str, command: &mut Command, log: &Path, stage: &Stage) -> Result<()> {
    output(what, command, log, stage).await.map(drop)
}

/// Like [`run`], and returns the lines that the program printed.
pub async fn output(
    what: &str,
    command: &mut Command,
    log: &Path,
    stage: &Stage,
) -> Result<Vec<String>> {
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening the log {}", log.display()))?;
    writeln!(file, "# {what}")?;
    let (reader, writer) = std::io::pipe().context("making a pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!("{what}: starting {program} (is it installed? see `make deps`)")
        })?;
    // The command still holds the writing end of the pipe: without this, reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut lines = BufReader::new(Receiver::from_owned_fd(reader.into())?).split(b'\n');
    let mut printed = Vec::new();
    while let Some(line) = lines
        .next_segment()
        .await
        .with_context(|| format!("{what}: reading"))?
    {
        let line = String::from_utf8_lossy(&line).into_owned();
        writeln!(file, "{line}")?;
        if let Some(headline) = line.strip_prefix(HEADLINE) {
            stage.note(headline);
        }
        printed.push(line);
    }
    let status = child
        .wait()
        .await
        .with_context(|| format!("{what}: waiting for {program}"))?;
    if !status.success() {
        let tail = printed[printed.len().saturating_sub(TAIL)..].join("\n");
        bail!(
            "{what}: {program} ended with {status}\n{tail}\nthe whole log: {}",
            log.display()
        );
    }
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Progress;

    #[tokio::test]
    async fn a_failure_carries_the_last_lines_and_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let stage = Progress::silent().stage("test");
        let mut command = Command::new("sh");
        command.args(["-c", "seq 20; echo broken >&2; exit 3"]);
        let error = run("counting", &mut command, &log, &stage)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("counting: sh ended with exit status: 3\n10\n"),
            "{error}"
        );
        assert!(error.contains("\n20\nbroken\nthe whole log: "), "{error}");
        assert!(
            std::fs::read_to_string(log)
                .unwrap()
                .starts_with("# counting\n1\n2\n")
        );
    }

    #[tokio::test]
    async fn a_missing_program_says_how_to_get_it() {
        let dir = tempfile::tempdir().unwrap();
        let stage = Progress::silent().stage("test");
        let mut command = Command::new("no-such-program");
        let error = run("looking", &mut command, &dir.path().join("log"), &stage)
            .await
            .unwrap_err();
        assert!(
            format!("{error:#}")
                .contains("starting no-such-program (is it installed? see `make deps`)")
        );
    }
}

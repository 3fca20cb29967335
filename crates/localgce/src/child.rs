//! Programs that the engine runs. None outlives it, however it ends.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Error, Result, anyhow, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

/// `program`, which the kernel kills when the thread that starts it ends, for [`start`] and [`output`].
/// It speaks English: its words are read.
pub fn mortal(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Starts a program on a thread that does nothing but wait for it, so that the thread lives exactly
/// as long as the program or the engine does. `ended` is told how it ended. Returns a pidfd, by which
/// to signal it.
///
/// # Errors
/// When it cannot be started: util-linux is not installed, or Linux is older than 5.3.
pub async fn start(
    mut command: Command,
    ended: impl FnOnce(io::Result<Output>) + Send + 'static,
) -> Result<OwnedFd> {
    let (started, pidfd) = oneshot::channel();
    let mut spawn = move || -> Result<_> {
        let child = command
            .spawn()
            .context("running setpriv (install util-linux)")?;
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .context("watching a program by a pidfd (needs Linux 5.3 or later)")?;
        Ok((child, pidfd))
    };
    std::thread::Builder::new()
        .name("child".into())
        .spawn(move || match spawn() {
            Ok((mut child, pidfd)) => {
                // Nobody waits for it any more.
                if started.send(Ok(pidfd)).is_err() {
                    child.kill().ok();
                }
                ended(child.wait_with_output());
            }
            Err(error) => {
                started.send(Err(error)).ok();
            }
        })
        .context("starting a thread for a program")?;
    pidfd.await.context("the thread of a program ended")?
}

/// Runs a [`mortal`] program to its end. It is killed if the future is dropped.
///
/// # Errors
/// When it cannot be run. The output says how it ended.
pub async fn output(mut command: Command) -> Result<Output> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let (sender, ended) = oneshot::channel();
    let told = move |output| {
        sender.send(output).ok();
    };
    let _running = Running(start(command, told).await?);
    let output = ended.await.context("the program was lost")??;
    // setpriv's own word, as a shell's.
    let missing = output.status.code() == Some(127) && output.stderr.starts_with(b"setpriv:");
    ensure!(!missing, words(&output));
    Ok(output)
}

struct Running(OwnedFd);

impl Drop for Running {
    fn drop(&mut self) {
        pidfd_send_signal(&self.0, Signal::KILL).ok();
    }
}

/// Why a program failed, in its own words. A full device is an error of that kind.
pub fn failure(output: &Output) -> Error {
    let words = words(output);
    if words.contains("No space left on device") {
        return Error::from(io::Error::from(ErrorKind::StorageFull)).context(words);
    }
    anyhow!(words)
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn a_program_ends_when_nobody_waits_for_it() {
        let mut sleep = mortal("sleep");
        sleep.arg("1000");
        let (sender, ended) = oneshot::channel();
        let mut command = mortal("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let output = output(command).await.expect("a shell");
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(
            (output.stdout, output.stderr),
            (b"out\n".to_vec(), b"err\n".to_vec())
        );

        let waiting = tokio::spawn(async move {
            let running = Running(
                start(sleep, |output| {
                    sender.send(output).ok();
                })
                .await?,
            );
            std::future::pending::<()>().await;
            drop(running);
            Ok::<_, Error>(())
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        waiting.abort();
        let begun = Instant::now();
        let status = ended.await.expect("an end").expect("a status").status;
        assert!(!status.success() && begun.elapsed() < Duration::from_secs(5));

        let missing = super::output(mortal("no-such-program")).await;
        let message = format!("{:#}", missing.expect_err("there is no such program"));
        assert!(message.contains("no-such-program"), "{message}");
    }
}

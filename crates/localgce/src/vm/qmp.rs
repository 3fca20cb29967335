//! QEMU's control channel: one JSON document per line.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{UnixListener, UnixStream};

/// QEMU answers in milliseconds, unless its host is starved.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Qmp {
    stream: BufStream<UnixStream>,
}

impl Qmp {
    /// Waits for QEMU to dial in; it does so when the machine is built and about to run.
    pub(super) async fn accept(listener: &UnixListener) -> Result<Self> {
        let (stream, _) = listener.accept().await.context("waiting for QEMU")?;
        let mut qmp = Self {
            stream: BufStream::new(stream),
        };
        qmp.receive().await?; // the greeting
        qmp.execute("qmp_capabilities", json!({})).await?;
        Ok(qmp)
    }

    /// Runs a command, and returns what it does.
    pub(super) async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        tokio::time::timeout(PATIENCE, self.exchange(command, arguments))
            .await
            .unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs()))
            .with_context(|| format!("telling QEMU {command}"))
    }

    async fn exchange(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let line = json!({"execute": command, "arguments": arguments}).to_string() + "\n";
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.flush().await?;
        loop {
            // Events come in between; nobody here needs them.
            let mut answer = self.receive().await?;
            if let Some(result) = answer.get_mut("return") {
                return Ok(result.take());
            }
            if let Some(error) = answer.get("error") {
                bail!("{error}");
            }
        }
    }

    async fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            bail!("QEMU has ended");
        }
        serde_json::from_str(&line).context("reading QEMU's answer")
    }
}

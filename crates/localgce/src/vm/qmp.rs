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
    /// The number of the last command.
    last: u64,
    line: Vec<u8>,
}

impl Qmp {
    /// Waits for QEMU to connect, which it does when the machine is about to run.
    pub(super) async fn accept(listener: &UnixListener) -> Result<Self> {
        let (stream, _) = listener.accept().await.context("waiting for QEMU")?;
        let mut qmp = Self {
            stream: BufStream::new(stream),
            last: 0,
            line: Vec::new(),
        };
        qmp.receive().await?; // the greeting
        qmp.execute("qmp_capabilities", json!({})).await?;
        Ok(qmp)
    }

    /// Runs a command, and returns its result.
    pub(super) async fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        tokio::time::timeout(PATIENCE, self.exchange(command, arguments))
            .await
            .unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs()))
            .with_context(|| format!("telling QEMU {command}"))
    }

    async fn exchange(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.last += 1;
        let command = json!({"execute": command, "arguments": arguments, "id": self.last});
        let line = command.to_string() + "\n";
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.flush().await?;
        loop {
            // Skip events and the answers to commands that have timed out.
            let mut answer = self.receive().await?;
            if answer["id"] != self.last {
                continue;
            }
            if let Some(result) = answer.get_mut("return") {
                return Ok(result.take());
            }
            if let Some(error) = answer.get("error") {
                bail!("{error}");
            }
        }
    }

    async fn receive(&mut self) -> Result<Value> {
        // A cancelled call leaves its part of a line to the next one.
        self.stream.read_until(b'\n', &mut self.line).await?;
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            bail!("QEMU has ended");
        }
        serde_json::from_slice(&line).context("reading QEMU's answer")
    }
}

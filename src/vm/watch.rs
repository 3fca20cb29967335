use std::time::{Duration, Instant};

use gce::{Instance, Instances, Kind};

use super::{Look, Report, report};
use crate::progress::Stage;
use crate::serial;

/// Guest attributes may be read about ten times a minute; the engine is not so strict, Google is.
const POLL: Duration = Duration::from_secs(3);

/// A VM that is watched, and what has been heard of it so far.
#[derive(Debug)]
pub(crate) struct Watch<R> {
    instances: Instances,
    name: String,
    started: Instant,
    /// When anything was new.
    changed: Instant,
    report: Option<R>,
    status: Option<String>,
    /// What explains the status.
    message: Option<String>,
    /// Where the serial output goes on.
    cursor: u64,
    /// The end of it.
    output: String,
}

impl<R: Report> Watch<R> {
    /// Begins to watch an instance.
    pub(crate) fn new(instances: Instances, name: &str) -> Self {
        let now = Instant::now();
        Self {
            instances,
            name: name.to_owned(),
            started: now,
            changed: now,
            report: None,
            status: None,
            message: None,
            cursor: 0,
            output: String::new(),
        }
    }

    /// Looks again and again until `judge` comes to a verdict, and shows on the stage what is new.
    pub(crate) async fn until<V>(
        &mut self,
        judge: impl Fn(&Look<'_, R>) -> Option<V>,
        stage: &Stage,
    ) -> gce::Result<V> {
        loop {
            self.listen(stage).await?;
            if let Some(verdict) = judge(&self.look()) {
                return Ok(verdict);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The last lines of its serial output.
    pub(crate) fn tail(&self) -> String {
        serial::tail(&self.output)
    }

    /// Asks for everything that may be new.
    async fn listen(&mut self, stage: &Stage) -> gce::Result<()> {
        // The status first: a VM that is off says no more.
        let instance = self.instances.find(&self.name).await?;
        self.see(instance.as_ref(), stage);
        let Some(instance) = instance else {
            return Ok(());
        };
        match self.hear(&instance, stage).await {
            // One that is off need not answer: what was heard before holds.
            Err(_) if self.status.as_deref() == Some("TERMINATED") => Ok(()),
            Err(error) if error.kind == Kind::NotFound => {
                self.see(None, stage);
                Ok(())
            }
            heard => heard,
        }
    }

    fn look(&self) -> Look<'_, R> {
        Look {
            report: self.report.as_ref(),
            status: self.status.as_deref(),
            spoken: self.cursor > 0,
            silent: self.changed.elapsed(),
            elapsed: self.started.elapsed(),
        }
    }

    fn see(&mut self, instance: Option<&Instance>, stage: &Stage) {
        let status = instance.map(|instance| instance.status.clone().unwrap_or_default());
        if status != self.status {
            self.status = status;
            self.changed = Instant::now();
        }
        let message = instance.and_then(|instance| instance.status_message.clone());
        if message != self.message {
            if let Some(message) = &message {
                stage.note(message);
            }
            self.message = message;
        }
    }

    async fn hear(&mut self, instance: &Instance, stage: &Stage) -> gce::Result<()> {
        if let Some(report) = report::<R>(&self.instances, instance).await? {
            if self.report.as_ref().map(Report::phase) != Some(report.phase()) {
                if let Some(note) = report.note() {
                    stage.note(note);
                }
                self.changed = Instant::now();
            }
            self.report = Some(report);
        }
        let serial = self.instances.serial_port_output(&self.name, self.cursor);
        let serial = serial.await?;
        if let Some(next) = serial.next.filter(|next| *next != self.cursor) {
            self.cursor = next;
            self.changed = Instant::now();
            let piece = serial.contents.unwrap_or_default();
            if let Some(headline) = serial::headline(&piece) {
                stage.note(headline);
            }
            serial::append(&mut self.output, &piece);
        }
        stage.heard(serial::last_words(&self.output).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use gce::{Client, Credentials, Endpoints};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    use super::super::word::Word;
    use super::*;
    use crate::progress::{Event, Progress};

    /// Plays a cloud with one instance, which has this status and answers so on its serial port.
    async fn cloud(status: &'static str, serial: (u16, &'static str)) -> Instances {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let (code, body) = if line.contains("/getGuestAttributes?") {
                    (200, ATTRIBUTES.to_owned())
                } else if line.contains("/serialPort?") {
                    (serial.0, serial.1.to_owned())
                } else {
                    (200, INSTANCE.replace("STATUS", status))
                };
                while line.trim_end() != "" {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                }
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {code} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let token = Credentials::token("t".into());
        Client::new(Endpoints::at(&url), token, "p")
            .unwrap()
            .instances("z")
    }

    const INSTANCE: &str = r#"{"name":"vm","status":"STATUS",
        "metadata":{"items":[{"key":"clawbake-nonce","value":"n"}]}}"#;
    const ATTRIBUTES: &str =
        r#"{"queryValue":{"items":[{"value":"{\"nonce\":\"n\",\"phase\":\"gateway\"}"}]}}"#;

    /// Status and phase at the first look, and what was shown.
    async fn first_look(
        instances: Instances,
    ) -> gce::Result<(Option<String>, Option<String>, Vec<String>)> {
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&shown);
        let progress = Progress::new(move |event| match event {
            Event::Note { text, .. } | Event::Heard { text, .. } => sink.lock().unwrap().push(text),
            _ => {}
        });
        let mut watch = Watch::<Word>::new(instances, "vm");
        let judge = |look: &Look<'_, Word>| Some((look.status.map(str::to_owned), look.phase()));
        let (status, phase) = watch.until(judge, &progress.stage("VM")).await?;
        let shown = shown.lock().unwrap().clone();
        Ok((status, phase, shown))
    }

    #[tokio::test]
    async fn what_is_heard_is_shown() {
        let output = r#"{"contents":"clawbake: install packages\r\nSetting up x\r\n","next":"42"}"#;
        let (status, phase, shown) = first_look(cloud("RUNNING", (200, output)).await)
            .await
            .unwrap();
        assert_eq!(
            (status.as_deref(), phase.as_deref()),
            (Some("RUNNING"), Some("gateway"))
        );
        assert_eq!(shown, ["phase gateway", "install packages", "Setting up x"]);
    }

    #[tokio::test]
    async fn a_vm_that_is_deleted_between_two_requests_is_gone() {
        let (status, ..) = first_look(cloud("RUNNING", (404, "")).await).await.unwrap();
        assert_eq!(status, None);
    }

    #[tokio::test]
    async fn one_that_is_off_need_not_answer() {
        let (status, phase, _) = first_look(cloud("TERMINATED", (400, "")).await)
            .await
            .unwrap();
        assert_eq!(
            (status.as_deref(), phase.as_deref()),
            (Some("TERMINATED"), Some("gateway"))
        );
        assert!(first_look(cloud("RUNNING", (400, "")).await).await.is_err());
    }
}

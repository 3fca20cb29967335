//! Chromium.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use world::stdout;

/// Chromium, driven over WebDriver. It ends when this is dropped.
pub struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    pub fn open(profile: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut command = Command::new("chromedriver");
        let driver = command
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut browser = Self {
            driver,
            session: format!("http://127.0.0.1:{port}/session"),
        };
        let profile = format!("--user-data-dir={}", profile.display());
        let options = json!({"args": ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,900", profile]});
        let capabilities =
            json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
        let session = request(&browser.session, Some(&capabilities));
        browser.session = format!(
            "{}/{}",
            browser.session,
            session["sessionId"].as_str().unwrap()
        );
        browser
    }

    pub fn get(&self, what: &str) -> Value {
        request(&format!("{}/{what}", self.session), None)
    }

    pub fn post(&self, what: &str, body: &Value) -> Value {
        request(&format!("{}/{what}", self.session), Some(body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session's end takes Chromium along.
        let _ = Command::new("curl")
            .args(["-sS", "-o", "/dev/null", "-X", "DELETE", &self.session])
            .status();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The value that a WebDriver answers with; asks again while the driver starts.
fn request(url: &str, body: Option<&Value>) -> Value {
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "--retry",
        "20",
        "--retry-connrefused",
        "--retry-delay",
        "1",
        "--max-time",
        "120",
        url,
    ]);
    if let Some(body) = body {
        command.args(["--json", &body.to_string()]);
    }
    let answer: Value =
        serde_json::from_str(&stdout(command.output().unwrap(), &["curl", url])).unwrap();
    assert!(
        answer["value"]["error"].is_null(),
        "{url}: {}",
        answer["value"]
    );
    answer["value"].clone()
}

//! Plays the part of every VM's operating system, from its first report to its answers: what a gateway
//! of the image's release says of a state like the one on its disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gce::Client;
use serde_json::{Value, json};

use crate::guest::{INSTANCE, ask};

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(200);

/// How a release behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "not every test has all of them")]
pub enum Manner {
    /// It becomes ready and keeps everything.
    Good,
    /// It never becomes healthy.
    Sick,
    /// It is ready, and has lost half of the sessions.
    Forgetful,
    /// The same, but on the state itself alone: on a copy of it all is well.
    Late,
}

/// The manners of releases by their labels; one that is not there is good.
pub type Manners = Arc<Mutex<BTreeMap<String, Manner>>>;

/// The guests of an engine, until it is dropped.
pub struct Cast {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Cast {
    /// Sessions in the state.
    pub const SESSIONS: u64 = 4;

    pub fn of(engine: &Path, client: Client, zone: String, manners: Manners) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, vms) = (Arc::clone(&over), engine.join("vms"));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            let stage = Stage {
                vms,
                client,
                zone,
                manners,
            };
            while !ends.load(Ordering::SeqCst) {
                runtime.block_on(stage.round());
                std::thread::sleep(PAUSE);
            }
        });
        Self {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Stage {
    vms: PathBuf,
    client: Client,
    zone: String,
    manners: Manners,
}

impl Stage {
    /// Every VM says once more what it has to say.
    async fn round(&self) {
        for vm in fs::read_dir(&self.vms).into_iter().flatten().flatten() {
            // One that is on its way in or out does not answer.
            let _ = self.play(&vm.path().join("metadata.sock")).await;
        }
    }

    async fn play(&self, socket: &Path) -> Option<()> {
        let get = |path: &str| ask(socket, "GET", &format!("{INSTANCE}/{path}"), "");
        let name = get("name")?;
        let nonce = get("attributes/clawbake-nonce")?;
        let clone = get("attributes/user-data")?.contains(r#"clone\": true"#);
        let disk = self.client.disks(&self.zone).get(&name).await.ok()?;
        let source = disk.source_image?;
        let image = source.rsplit('/').next()?;
        let labels = self.client.images().get(image).await.ok()?.labels;
        let release = labels.get("clawbake-gateway")?;
        let manner = {
            let manners = self.manners.lock().unwrap();
            manners.get(release).copied()
        };
        let manner = manner.unwrap_or(Manner::Good);
        let tried = name.starts_with("clawbake-test-");
        let loses = match manner {
            Manner::Forgetful => true,
            Manner::Late => !tried,
            Manner::Good | Manner::Sick => false,
        };
        // A boot test has blank state.
        let sessions = match (tried && !clone, loses) {
            (true, _) => 0,
            (false, true) => Cast::SESSIONS / 2,
            (false, false) => Cast::SESSIONS,
        };
        let counts = json!({"sessions": sessions});
        let put = |key: &str, value: Value| {
            let path = format!("{INSTANCE}/guest-attributes/clawbake/{key}");
            ask(socket, "PUT", &path, &value.to_string())
        };
        let phase = if manner == Manner::Sick {
            "failed"
        } else {
            "ready"
        };
        put("counts", json!({"nonce": nonce, "counts": counts}));
        put(
            "phase",
            json!({
                "nonce": nonce,
                "boot_id": "0",
                "image": image,
                "gateway": release.replacen('-', ".", 2),
                "phase": phase,
                "at": "2026-01-01T00:00:00Z",
                "reason": "played by a test",
            }),
        );
        let request: Value = serde_json::from_str(&get("attributes/clawbake-request")?).ok()?;
        let answer = json!({"nonce": nonce, "id": request["id"], "ok": true, "counts": counts});
        put("answer", answer);
        Some(())
    }
}

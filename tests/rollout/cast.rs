//! Plays the part of every VM's operating system: what a gateway of the image's release says of a state
//! with four sessions. The image's label `manner` says how it behaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gce::Client;
use serde_json::{Value, json};

use crate::guest::{INSTANCE, ask};

/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(200);
/// Sessions in the state.
const SESSIONS: u64 = 4;

/// The guests of an engine, until it is dropped.
pub struct Cast {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Cast {
    pub fn of(engine: &Path, client: Client, zone: String) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, vms) = (Arc::clone(&over), engine.join("vms"));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            let stage = Stage { vms, client, zone };
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
        let (name, nonce) = (get("name")?, get("attributes/clawbake-nonce")?);
        let disk = self.client.disks(&self.zone).get(&name).await.ok()?;
        let source = disk.source_image?;
        let image = source.rsplit('/').next()?;
        let labels = self.client.images().get(image).await.ok()?.labels;
        let manner = labels.get("manner").map_or("good", String::as_str);
        let sessions = match manner {
            "forgetful" => SESSIONS / 2,
            // On the state itself alone: on a copy of it all is well.
            "late" if !name.starts_with("clawbake-test-") => SESSIONS / 2,
            _ => SESSIONS,
        };
        let counts = json!({"sessions": sessions});
        let put = |key: &str, value: Value| {
            let path = format!("{INSTANCE}/guest-attributes/clawbake/{key}");
            ask(socket, "PUT", &path, &value.to_string())
        };
        put("counts", json!({"nonce": nonce, "counts": counts}));
        let report = json!({
            "nonce": nonce,
            "boot_id": "0",
            "image": image,
            "gateway": labels.get("clawbake-gateway")?.replace('-', "."),
            "phase": if manner == "sick" { "failed" } else { "ready" },
            "at": "2026-01-01T00:00:00Z",
            "reason": "played by a test",
        });
        put("phase", report);
        let request: Value = serde_json::from_str(&get("attributes/clawbake-request")?).ok()?;
        let answer = json!({"nonce": nonce, "id": request["id"], "ok": true, "counts": counts});
        put("answer", answer);
        Some(())
    }
}

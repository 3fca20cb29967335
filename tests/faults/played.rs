//! What VMs say whose operating system is played.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::api::Api;
use crate::guest::{INSTANCE, ask};

/// What VMs say of themselves, as `clawbake-phase` does, and what they answer to who asks them.
#[derive(Clone)]
pub struct Guest {
    vms: PathBuf,
    gateway: String,
    phase: &'static str,
    /// VMs of this image, which is a new one, fail.
    bad: Option<String>,
    api: Arc<Api>,
    /// What was answered, by the request's id: nothing is done twice.
    answered: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl Guest {
    /// Every VM of an engine is in this phase, with this version of the gateway where its image does not
    /// say another.
    pub fn of(engine: &Path, api: Arc<Api>, gateway: &str, phase: &'static str) -> Self {
        Self {
            vms: engine.join("vms"),
            gateway: gateway.to_owned(),
            phase,
            bad: None,
            api,
            answered: Arc::default(),
        }
    }

    /// From now on VMs of an image fail.
    pub fn fail(&mut self, image: &str) {
        self.bad = Some(image.to_owned());
    }

    /// Each VM reports its phase once more, and answers what it was asked. The proxy calls this, which
    /// must not wait for itself.
    pub fn report(&self) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for vm in fs::read_dir(&self.vms).into_iter().flatten() {
                    // One that is on its way in or out does not answer.
                    let _ = self.play(&vm.unwrap().path().join("metadata.sock"));
                }
            });
        });
    }

    fn play(&self, socket: &Path) -> Option<()> {
        let get = |path: &str| ask(socket, "GET", &format!("{INSTANCE}/{path}"), "");
        let nonce = get("attributes/clawbake-nonce")?;
        let (image, release) = self.api.image_of(&get("name")?);
        let failed = self.bad.as_ref() == Some(&image);
        let put = |key: &str, value: &Value| {
            let path = format!("{INSTANCE}/guest-attributes/clawbake/{key}");
            ask(socket, "PUT", &path, &value.to_string());
        };
        let counts = json!({"sessions": 4});
        put("counts", &json!({"nonce": nonce, "counts": counts}));
        let report = json!({
            "nonce": nonce,
            "boot_id": "0",
            "image": "elsewhere",
            "gateway": release.unwrap_or_else(|| self.gateway.clone()),
            "phase": if failed { "failed" } else { self.phase },
            "at": "2026-01-01T00:00:00Z",
            "reason": "played by a test",
        });
        put("phase", &report);
        let request: Value = serde_json::from_str(&get("attributes/clawbake-request")?).ok()?;
        let id = request["id"].as_str()?.to_owned();
        let mut answered = self.answered.lock().unwrap();
        let answer = answered.entry(id).or_insert_with(|| {
            let mut answer = self.answer(&request);
            answer["nonce"] = nonce.into();
            answer["id"] = request["id"].clone();
            answer
        });
        put("answer", answer);
        Some(())
    }

    /// Does what it was asked.
    fn answer(&self, request: &Value) -> Value {
        match request["do"].as_str() {
            Some("export") => {
                let object = self
                    .api
                    .put(request["url"].as_str().unwrap(), b"an archive");
                let size: Option<u64> = object["size"].as_str().and_then(|it| it.parse().ok());
                json!({
                    "ok": size.is_some(),
                    "reason": "the session is over",
                    "size": size,
                    "files": 1,
                    "crc32c": object["crc32c"],
                })
            }
            Some("import") => json!({"ok": true, "files": 1, "bytes": 4}),
            _ => json!({"ok": true, "counts": {"sessions": 4}}),
        }
    }
}

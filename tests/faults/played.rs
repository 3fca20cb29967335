//! What VMs say whose operating system is played.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let answer = json!({"nonce": nonce, "id": request["id"], "ok": true, "counts": counts});
        put("answer", &answer);
        Some(())
    }
}

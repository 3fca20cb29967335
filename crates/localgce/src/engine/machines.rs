//! The machines of instances.
//!
//! ```text
//!  insert, start       QEMU starts        runs          stop, delete            gone
//! ──────────────▶ PROVISIONING ──▶ STAGING ──▶ RUNNING ──────────────▶ STOPPING ──▶ TERMINATED
//!                      │              │           │ the guest powers off, QEMU dies    ▲
//!                      └──────────────┴───────────┴────────────────────────────────────┘
//! ```

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::hardware::metadata_tree;
use super::instances::set_deadline;
use super::power_off::{Stop, patience, power_off};
use super::running::Running;
use super::{Engine, guest, operations};
use crate::clock;
use crate::connections;
use crate::json::text;
use crate::key::{Key, Kind};
use crate::metadata::MetadataServer;
use crate::store::{files, resources};
use crate::vm::{Exit, Machine, Vm};

/// How many connections to the APIs a guest may have at a time.
const CONNECTIONS: usize = 64;

impl Engine {
    /// Boots an instance's machine. If that fails, the instance is TERMINATED.
    pub async fn boot(self: &Arc<Self>, key: &Key) -> Result<()> {
        self.set_status(key, "STAGING")?;
        let booted = self.start(key).await;
        if booted.is_err() {
            self.set_status(key, "TERMINATED")?;
        }
        booted
    }

    async fn start(self: &Arc<Self>, key: &Key) -> Result<()> {
        let (machine, tree) = self.store.transaction(|tx| {
            let body = resources::get(tx, key)?.ok_or_else(|| anyhow!("{} is gone", key.path()))?;
            Ok::<_, anyhow::Error>((
                self.hardware(tx, key, &body)?,
                metadata_tree(tx, key, &body)?,
            ))
        })?;
        // Nobody else may use its sockets.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&machine.dir)
            .with_context(|| format!("creating {}", machine.dir.display()))?;
        let (tree, seen) = watch::channel(Arc::new(tree));
        let guest = guest::Machine {
            engine: Arc::clone(self),
            id: machine.id.to_string(),
            tree: seen,
        };
        let socket = machine.dir.join("metadata.sock");
        let metadata = MetadataServer::bind(&socket, Arc::new(guest))
            .await
            .with_context(|| {
                format!(
                    "listening on {} (at most 107 bytes: use a shorter directory)",
                    socket.display()
                )
            })?;
        let api = self.serve_guest(&machine)?;
        let vm = match self.hypervisor.start(&machine).await {
            Ok(vm) => vm,
            Err(error) => {
                api.abort();
                return Err(error);
            }
        };
        let (gone_sender, gone) = watch::channel(false);
        let running = Running {
            vm: vm.clone(),
            tree,
            gone: gone.clone(),
            _metadata: metadata,
            api,
        };
        self.machines.lock().insert(key.path(), running);
        self.change(key, |body| {
            body["status"] = "RUNNING".into();
            body["lastStartTimestamp"] = clock::now().into();
            // Left by an earlier end or fallback.
            if let Some(fields) = body.as_object_mut() {
                fields.shift_remove("statusMessage");
            }
            set_deadline(body);
        })?;
        self.end_in_time(key, gone)?;
        let (engine, key) = (Arc::clone(self), key.clone());
        tokio::spawn(async move {
            let exit = tokio::select! {
                exit = vm.wait() => exit,
                why = vm.falls_back() => {
                    engine.tell_of_fallback(&key, &why);
                    vm.wait().await
                }
            };
            engine.machines.lock().remove(&key.path());
            if let Err(error) = engine.ended(&key, &exit) {
                crate::log::line(format_args!("recording the end of {}: {error:#}", key.name));
            }
            gone_sender.send_replace(true);
        });
        Ok(())
    }

    /// Serves the engine's APIs inside the machine.
    fn serve_guest(self: &Arc<Self>, machine: &Machine) -> Result<AbortHandle> {
        let socket = machine.dir.join("api.sock");
        std::fs::remove_file(&socket).ok();
        let listener = UnixListener::bind(&socket)
            .with_context(|| format!("listening on {}", socket.display()))?;
        let router = (self.guest_api)(self);
        let task = tokio::spawn(connections::serve(listener, router, CONNECTIONS));
        Ok(task.abort_handle())
    }

    /// Stops an instance's machine, and returns when it is TERMINATED.
    pub async fn stop(&self, key: &Key, how: Stop) -> Result<()> {
        let running = self.running(key);
        let Some((vm, mut gone)) = running else {
            return self.set_status(key, "TERMINATED");
        };
        let time = |acceleration| self.power_off.unwrap_or(patience(acceleration));
        let off = how == Stop::Gracefully && power_off(&vm, &mut gone, time).await;
        if !off {
            vm.kill().await;
            gone.wait_for(|gone| *gone).await.ok();
        }
        Ok(())
    }

    /// Presses an instance's reset button.
    pub async fn reset(&self, key: &Key) -> Result<()> {
        let (vm, _) = self
            .running(key)
            .ok_or_else(|| anyhow!("{} does not run", key.name))?;
        vm.reset().await
    }

    /// Gives a machine its instance's new metadata.
    pub fn publish_metadata(&self, key: &Key) -> Result<()> {
        let tree = self.store.transaction(|tx| {
            let body = resources::get(tx, key)?;
            body.map(|body| metadata_tree(tx, key, &body)).transpose()
        })?;
        if let (Some(running), Some(tree)) = (self.machines.lock().get(&key.path()), tree) {
            running.tree.send_replace(Arc::new(tree));
        }
        Ok(())
    }

    /// Boots what was running when the last engine ended, and gives up its unfinished work.
    pub fn resume(self: &Arc<Self>) -> Result<()> {
        let to_boot = self.store.transaction(|tx| {
            Self::end_interrupted(tx)?;
            files::abandon(tx)?;
            for kind in [Kind::Disk, Kind::Image, Kind::Snapshot] {
                for (key, body) in resources::all(tx, kind)? {
                    if ["CREATING", "PENDING"].contains(&text(&body, "status")) {
                        resources::update(tx, &key, |body| body["status"] = "FAILED".into())?;
                    }
                    if body["status"] == "DELETING" {
                        resources::remove(tx, &key)?;
                    }
                }
            }
            let (to_boot, others) = resources::all(tx, Kind::Instance)?
                .into_iter()
                .partition::<Vec<_>, _>(|(_, body)| {
                    ["RUNNING", "STAGING"].contains(&text(body, "status"))
                });
            for (key, _) in others {
                resources::update(tx, &key, |body| body["status"] = "TERMINATED".into())?;
            }
            Ok::<_, rusqlite::Error>(to_boot)
        })?;
        for (key, _) in to_boot {
            let engine = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = engine.boot(&key).await {
                    crate::log::line(format_args!("booting {} again: {error:#}", key.name));
                }
            });
        }
        self.clear_up()
    }

    /// Powers all machines off. Their instances stay RUNNING, for the next engine to boot.
    pub async fn close(self: &Arc<Self>, how: Stop) {
        self.closing.store(true, Ordering::Relaxed);
        let mut stops = JoinSet::new();
        let running: Vec<_> = self.machines.lock().keys().cloned().collect();
        for path in running {
            let Some(key) = Key::parse(Kind::Instance, &path) else {
                continue;
            };
            let engine = Arc::clone(self);
            stops.spawn(async move { engine.stop(&key, how).await });
        }
        stops.join_all().await;
    }

    pub(super) fn running(&self, key: &Key) -> Option<(Vm, watch::Receiver<bool>)> {
        let machines = self.machines.lock();
        machines
            .get(&key.path())
            .map(|running| (running.vm.clone(), running.gone.clone()))
    }

    fn ended(&self, key: &Key, exit: &Exit) -> Result<()> {
        if let Exit::Failed(reason) = exit {
            crate::log::line(format_args!("the machine of {} failed: {reason}", key.name));
        }
        if self.closing.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.change(key, |body| {
            body["status"] = "TERMINATED".into();
            body["lastStopTimestamp"] = clock::now().into();
            if let Some(fields) = body.as_object_mut() {
                fields.shift_remove("resourceStatus");
            }
            if let Exit::Failed(reason) = exit {
                body["statusMessage"] = reason.clone().into();
            }
        })
    }

    /// Records in the instance, and in the operation that started it, that it is emulated and why.
    fn tell_of_fallback(&self, key: &Key, why: &str) {
        let message = format!("restarted under emulation, as it did not run under KVM: {why}");
        let told = self.store.transaction(|tx| {
            resources::update(tx, key, |body| {
                body["statusMessage"] = message.clone().into();
            })?;
            operations::warn_of(tx, key, &message)
        });
        if let Err(error) = told {
            crate::log::line(format_args!(
                "recording the restart of {}: {error}",
                key.name
            ));
        }
    }

    fn set_status(&self, key: &Key, status: &str) -> Result<()> {
        self.change(key, |body| body["status"] = status.into())
    }

    fn change(&self, key: &Key, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.store
            .transaction(|tx| resources::update(tx, key, change))
            .with_context(|| format!("recording the state of {}", key.name))
    }
}

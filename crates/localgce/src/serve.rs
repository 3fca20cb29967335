//! An engine's life, from start to end.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::{Engine, Stop};
use crate::vm::Hypervisor;
use crate::{Config, Endpoint, api, catalog, endpoint, mark, private, room};

/// Serves until SIGTERM or SIGINT, then powers the VMs off. The next engine on the same directory
/// boots them again. A second signal pulls
/// their plugs.
///
/// # Errors
/// When another engine serves the directory, the address is no loopback address or in use, QEMU is not
/// installed, or the database is gone, damaged or a newer engine's.
pub async fn serve(config: Config) -> Result<()> {
    let dir = config.dir.clone();
    run(config)
        .await
        .map_err(|error| room::explain(error, &dir))
}

async fn run(config: Config) -> Result<()> {
    let Config {
        dir,
        cache,
        listen,
        connect_command,
        power_off,
        accel,
    } = config;
    ensure!(
        listen.ip().is_loopback(),
        "{} is no loopback address; this engine is for one machine, listen on 127.0.0.1",
        listen.ip()
    );
    private::enter(&dir)?;
    let dir = std::path::absolute(&dir).context("finding the engine's directory")?;
    let _lock = endpoint::lock(&dir).await?;
    mark::set(&dir)?;
    // An engine that was killed has left its own.
    Endpoint::remove(&dir);
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;

    let hypervisor = Hypervisor::detect(accel, &dir, connect_command).await?;
    let (acceleration, emulated) = hypervisor.acceleration();
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen}"))?;
    let endpoint = Endpoint {
        url: format!(
            "http://{}",
            listener.local_addr().context("finding the port")?
        ),
        token: crate::engine::random_token(),
        project: catalog::PROJECTS[0].id.into(),
        zone: catalog::ZONES[0].into(),
        pid: std::process::id(),
        acceleration: acceleration.to_string(),
        emulated,
    };
    let engine = Arc::new(Engine::open(
        &dir,
        &cache,
        endpoint.token.clone(),
        hypervisor.clone(),
        power_off,
        api::router,
    )?);
    api::publish(&engine).context("publishing the images of debian-cloud")?;
    engine.resume()?;
    engine.retire_hourly();
    let router = api::router(&engine);
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    endpoint.write(&dir)?;
    let told = dir.clone();
    let tell = tokio::spawn(async move {
        if let Err(error) = tell_of_emulation(&hypervisor, endpoint, &told).await {
            crate::log::line(format_args!("{error:#}"));
        }
    });

    let mut signals = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    signals().await;
    server.abort();
    tokio::select! {
        () = engine.close(Stop::Gracefully) => {}
        () = signals() => engine.close(Stop::Now).await,
    }
    tell.abort();
    tell.await.ok();
    Endpoint::remove(&dir);
    Ok(())
}

/// Writes down that guests are emulated from now on, when KVM turns out to fail.
async fn tell_of_emulation(hypervisor: &Hypervisor, endpoint: Endpoint, dir: &Path) -> Result<()> {
    hypervisor.emulates().await;
    let (acceleration, emulated) = hypervisor.acceleration();
    let endpoint = Endpoint {
        acceleration: acceleration.to_string(),
        emulated,
        ..endpoint
    };
    endpoint.write(dir)
}

#[cfg(test)]
mod tests;

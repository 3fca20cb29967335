//! An engine's life, from start to end.

use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::engine::{Engine, Stop};
use crate::vm::Hypervisor;
use crate::{api, catalog, connections, endpoint, mark, private, room};

/// Connections to the loopback port at once: any user of this machine may make some.
const CONNECTIONS: usize = 512;

/// File descriptors for connections, VMs and files; a shell's limit is often 1024. Not unlimited: child
/// processes inherit the limit, and some close every descriptor one by one.
const DESCRIPTORS: u64 = 64 << 10;

/// Serves until SIGTERM or SIGINT, then powers the VMs off. The next engine on the same directory
/// boots them again. A second signal pulls their plugs.
///
/// # Errors
/// When another engine serves the directory or something else lives there, the address is no loopback
/// address or in use, QEMU is not installed, or the database is gone, damaged or a newer engine's.
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
    private::by_default();
    mark::claim(&dir)?;
    private::close(&dir, &mark::OWN)?;
    let dir = std::path::absolute(&dir).context("finding the engine's directory")?;
    let _lock = endpoint::lock(&dir).await?;
    // A killed engine has left its file.
    Endpoint::remove(&dir);
    raise_descriptors();
    std::panic::set_hook(Box::new(report_panic));
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
    engine
        .publish_images()
        .context("publishing the images of debian-cloud")?;
    engine.resume()?;
    engine.retire_hourly();
    let router = api::router(&engine);
    let server = tokio::spawn(connections::serve(listener, router, CONNECTIONS));
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

/// Records that guests are emulated from now on, once KVM turns out to fail.
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

/// Raises the limit of open files as far as the system allows.
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit
        .maximum
        .map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|current| current < most) {
        let raised = Rlimit {
            current: Some(most),
            ..limit
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            crate::log::line(format_args!(
                "raising the limit of open files to {most}: {error}"
            ));
        }
    }
}

/// Logs only the place: a panic's message may quote a client's request.
fn report_panic(panic: &PanicHookInfo) {
    match panic.location() {
        Some(place) => crate::log::line(format_args!("panicked at {place}")),
        None => crate::log::line(format_args!("panicked")),
    }
}

#[cfg(test)]
mod tests;

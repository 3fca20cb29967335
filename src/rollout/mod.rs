//! Changes of a VM that keep its state.

mod gate;
mod intent;
mod last;
mod machine;
#[cfg(test)]
mod model;
mod observe;
mod preview;
mod record;
mod recreate;
mod replace;
mod run;
mod scene;
mod step;
mod words;

pub use gate::{Gate, PutBack, Refused};
pub use preview::Preview;
pub use recreate::{ensure_none, plan_recreate, recreate};
pub use replace::{Goal, Replaced, Why, plan, replace};

/// This run, as others read it on a state disk.
fn me() -> anyhow::Result<String> {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().to_lowercase();
    let host: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let id = uuid::Uuid::new_v4().simple().to_string();
    Ok(format!("{host}-{}-{}", std::process::id(), &id[..8]))
}

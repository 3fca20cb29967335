//! Virtual machines: one QEMU process each.
//!
//! ```text
//!           start                    guest powers off, power button, kill
//! Machine ─────────▶ running (Vm) ───────────────────────────────────────▶ Exit::PoweredOff
//!    │                  │  ▲ │
//!    │ QEMU refuses     └──┘ │ QEMU dies
//!    ▼                 reset ▼
//!  error                Exit::Failed
//! ```
//!
//! A machine that does not run under KVM is restarted under emulation, and stays the same [`Vm`].
//!
//! No machine outlives the engine, however the engine dies.

mod acceleration;
mod accelerator;
pub mod backing;
mod connect_command;
pub mod disk;
mod distrust;
mod fallback;
mod hypervisor;
mod machine;
mod network;
mod probe;
mod process;
mod qemu;
mod qmp;
mod run;
mod running;
mod socket;

pub use acceleration::Accel;
pub use accelerator::Acceleration;
pub use hypervisor::Hypervisor;
#[cfg(test)]
pub(crate) use hypervisor::tests as suspect;
pub use machine::{Drive, Forward, Machine};
pub use network::addresses::INTERNAL_ADDRESS;
pub use process::Exit;
pub use qemu::MAC_ADDRESS;
pub use running::Vm;

#[cfg(test)]
mod tests;

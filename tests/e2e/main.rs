//! Real images, in real VMs, on this machine: `make e2e`.
//!
//! Each test has an engine of its own: the story of the real gateway, baked offline; the life of a stand-in
//! through its releases; the bake in a VM of another one; and by hand (`make travels`) the ways of a stand-in's
//! state. An emulated VM keeps about one core busy.
//!
//! Each VM has one CPU: those of an emulated machine wait for each other where the host has no time for both.

mod browser;
mod disk;
mod gateway;
mod life;
mod neighbour;
mod stage;
mod story;
mod travels;
mod vm_builder;

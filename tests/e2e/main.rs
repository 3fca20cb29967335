//! Real images, in real VMs, on this machine: `make e2e`.
//!
//! Two tests side by side, each with an engine of its own, since an emulated VM keeps about one core
//! busy: the story of the real gateway, baked offline; the life of a stand-in through its releases; and
//! the bake in a VM of another one. By itself (`make travels`): the ways of a stand-in's state.
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

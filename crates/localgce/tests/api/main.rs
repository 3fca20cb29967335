//! The engine's APIs over HTTP, on a real engine with real QEMU machines.

mod access;
mod engine;
mod groups;
mod images;
mod instances;
mod operations;
mod secrets;
mod snapshots;
mod storage;

//! The engine's APIs over HTTP, on a real engine with real QEMU machines.

mod access;
mod accounts;
mod bounds;
mod clock;
mod connections;
mod database;
mod engine;
mod full_device;
mod grants;
mod groups;
mod images;
mod instances;
mod kills;
mod nonsense;
mod objects;
mod operations;
mod platform;
mod power_cut;
mod private;
mod retention;
mod secrets;
mod sessions;
mod snapshots;
mod storage;
mod templates;

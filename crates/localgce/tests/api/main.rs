//! The engine's APIs over HTTP, on a real engine with real QEMU machines.

mod access;
mod accounts;
mod connections;
mod engine;
mod grants;
mod groups;
mod images;
mod instances;
mod objects;
mod operations;
mod platform;
mod secrets;
mod snapshots;
mod storage;

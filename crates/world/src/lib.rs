//! (tests) Where a test takes place: a directory of its own, an engine in it, the proxy that holds
//! Google's contract to whatever passes, and the programs that are run against them. All of it goes
//! when the [`World`] is dropped, also when the test fails.
//!
//! ```no_run
//! use world::{Ran, World};
//!
//! # macro_rules! env { ($_:literal) => { "clawbake" } }
//! let world = World::new(env!("CARGO_BIN_EXE_clawbake")).engine().wire("publish").init();
//! assert_eq!(world.run(&["images", "list"]), Ran::done("", ""));
//! ```
//!
//! It reads where an engine is itself and runs programs by their paths: it knows neither the engine's
//! code nor the tool's.

mod endpoint;
mod engine;
mod files;
mod ran;
mod registry;
mod world;

pub use endpoint::Endpoint;
pub use engine::Engine;
pub use files::{archive, directory};
pub use ran::{Ran, stdout};
pub use registry::Registry;
pub use world::World;

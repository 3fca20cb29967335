//! An engine of its own, started by the real binary, with Google's contract in front of it: programs
//! are pointed at the proxy that checks all they send and are answered. All of it goes when it is
//! dropped.

use std::ffi::OsStr;
use std::process::Command;

use world::World;

pub struct Platform {
    pub world: World,
    environment: Vec<(String, String)>,
}

impl Platform {
    /// Starts it; what passes is recorded as the suite's.
    pub fn start(suite: &str) -> Self {
        let world = World::new(env!("CARGO_BIN_EXE_clawbake"));
        let world = world.engine().wire(suite);
        Self {
            environment: world.environment(),
            world,
        }
    }

    /// A program in that directory, pointed at the engine by way of the proxy.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.world.command(program);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

//! What an engine leaves behind: nothing after a kill at any moment, and nothing that grows while it
//! runs. Both go on for `SOAK_SECONDS` (45 by default), and can go on for days.

mod engine;
mod figures;
mod kills;
mod load;
mod victim;

use std::time::Duration;

/// How long each of the tests goes on.
fn duration() -> Duration {
    let seconds = std::env::var("SOAK_SECONDS").unwrap_or_else(|_| "45".into());
    let seconds = seconds.parse().expect("SOAK_SECONDS, a whole number");
    Duration::from_secs(seconds)
}

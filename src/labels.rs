//! Labels by which clawbake knows its resources again, wherever it runs.
//!
//! A state disk and its snapshots say which release wrote them last, and a rollout or restore under way
//! is written on what it works on: who looks next, on this machine or another, goes on from there.

/// On a state disk and its snapshots: version of the gateway that wrote it last, `.` written as `-`. On an
/// image: the gateway in it.
pub const GATEWAY: &str = "clawbake-gateway";
/// On an image: the name that the image gives itself. An archive from elsewhere has another one.
pub const NAME: &str = "clawbake-name";
/// Versions of the state's and the agents' database schema, `STATE-AGENT`; absent where a release names none.
pub const SCHEMA: &str = "clawbake-schema";
/// On a snapshot: what was counted in the state, such as `sessions-4_cron-1`.
pub const COUNTS: &str = "clawbake-counts";
/// On a snapshot: what it was taken for.
pub const WHY: &str = "clawbake-why";

/// On a state disk: the last step that a rollout has begun.
pub const ROLLOUT: &str = "clawbake-rollout";
/// On a state disk: name of the template that a rollout goes to.
pub const ROLLOUT_TO: &str = "clawbake-rollout-to";
/// On a state disk: name of the template that a rollout comes from.
pub const ROLLOUT_FROM: &str = "clawbake-rollout-from";
/// On a state disk: name of the snapshot that a rollout goes back to.
pub const ROLLOUT_SNAPSHOT: &str = "clawbake-rollout-snapshot";
/// On a state disk: when a rollout began, in seconds since 1970.
pub const ROLLOUT_BEGAN: &str = "clawbake-rollout-began";
/// On a snapshot: name of the disk that is being restored from it.
pub const RESTORING: &str = "clawbake-restoring";
/// On a snapshot that is being restored: id of the disk that goes; absent where there was none.
pub const RESTORING_OVER: &str = "clawbake-restoring-over";

/// On the image in front of its family: version of the release that failed last.
pub const REFUSED: &str = "clawbake-refused";
/// On the image in front of its family: the gate at which that release failed.
pub const REFUSED_BY: &str = "clawbake-refused-by";
/// On the image in front of its family: how many releases have failed in a row.
pub const FAILURES: &str = "clawbake-failures";

//! What a project needs before a deployment can run in it: APIs, two service accounts with least
//! privilege, a bucket, a firewall rule.
//!
//! [`Desired`] comes from the deployment, [`Observed`] from the cloud. [`plan()`] is pure: it turns
//! both into steps, each of which knows the equivalent gcloud command.

mod desired;
mod observe;
pub mod permissions;
mod plan;
mod run;
mod step;

pub use desired::{Desired, ROLE, SERVICES};
pub use observe::{Observed, observe};
pub use plan::{Plan, plan};
pub use run::{prepare, run};
pub use step::Step;

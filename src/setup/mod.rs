//! What a project needs before a deployment can run in it: APIs, two accounts of least privilege, a
//! bucket, a way in.
//!
//! [`Desired`] comes from the deployment, [`Observed`] from the cloud; [`plan()`] is pure and says what
//! to do in steps, each of which knows the gcloud command that does the same.

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

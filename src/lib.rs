//! clawbake turns a gateway release into a golden Compute Engine image, and keeps VMs from that image
//! running, current and recoverable.
//!
//! Data flows one way: recipe -> plan -> run. The verbs are in [`cli`]; what they decide is pure and
//! lies in [`recipe`], [`deployment`], [`userdata`] and [`release`]; what they do, in [`image`],
//! [`bake`] and [`fleet`], speaks to Google or to the engine on this machine through [`cloud`].
//!
//! ```
//! use clawbake::recipe::Recipe;
//!
//! let recipe = Recipe::shipped("clawdbot").expect("it is shipped")?;
//! assert_eq!(recipe.gateway.release.channel.to_string(), "stable");
//! # Ok::<(), clawbake::document::Findings>(())
//! ```
//!
//! `bake`, from the recipe to an image in its family:
//!
//! ```no_run
//! # async fn example(deployment: clawbake::deployment::Deployment) -> anyhow::Result<()> {
//! use clawbake::bake::{self, Builder, Until};
//! use clawbake::{fleet, progress::Progress, run::Run};
//!
//! let run = Run::connect(deployment, Progress::silent()).await?;
//! let image = bake::bake(&run, Builder::for_this_machine(), Until::Promoted).await?;
//! // `launch`, from the image to a VM that is ready without anyone logging in:
//! let instance = fleet::launch(&run, &image, false).await?;
//! # Ok(())
//! # }
//! ```

pub mod bake;
pub mod bucket;
pub mod cli;
pub mod cloud;
pub mod deployment;
pub mod doctor;
pub mod document;
pub mod engine;
pub mod fleet;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod image;
pub mod journal;
pub mod labels;
pub mod lock;
pub mod migrate;
pub mod names;
pub mod paths;
mod printable;
pub mod progress;
pub mod recipe;
pub mod release;
pub mod rollout;
pub mod run;
mod serial;
pub mod setup;
pub mod state;
pub mod updates;
pub mod userdata;
mod vm;

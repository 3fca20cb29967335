//! A release on its way through the gates: what each of them does, and what is put back.

use std::time::Duration;

use anyhow::{Context, Error, Result};
use gce::Image;
use jiff::Timestamp;

use super::options::Options;
use super::target::{Found, image_of_vm};
use super::{Gate, Goal, Passage, PutBack, Refused, Rehearsed, Why, rehearse, replace};
use crate::bake::{self, Deprecated, Obstacle, Refusal};
use crate::fleet::Written;
use crate::image::Plan;
use crate::lock::Lock;
use crate::release::{Version, runs_with};
use crate::run::Run;
use crate::state;

/// A release on its way.
pub(super) struct Attempt<'a> {
    /// Its recipe pins the release.
    pub run: Run,
    pub options: &'a Options,
    /// The lock before.
    pub before: Option<Lock>,
    /// What its image is made from; none if it is there already.
    pub plan: Option<Plan>,
    /// Its image, once there is one.
    pub image: Option<Image>,
    /// Name of the snapshot whose state the new VM gets, if it is not the present one.
    pub state: Option<String>,
    /// Seconds.
    pub downtime: Option<u64>,
}

impl Attempt<'_> {
    /// Passes one gate, and says how.
    pub async fn pass(&mut self, gate: Gate) -> Result<(Passage, String)> {
        let (run, passed) = (&self.run, |words| (Passage::Passed, words));
        Ok(match gate {
            Gate::Engines => passed(engines(&self.plan()?.lock)?),
            Gate::Schema => passed(schema(run, &self.plan()?.lock).await?),
            Gate::Lock => passed(lock(self.before.as_ref(), &self.plan()?.lock)?),
            Gate::Bake => {
                let builder = self.options.builder;
                let image = bake::publish_plan(run, self.plan()?, builder).await?;
                let name = image.name.clone().unwrap_or_default();
                self.image = Some(image);
                // An image that would not get to the front need not be tested.
                let family = bake::observe(&run.cloud, &run.deployment.recipe).await?;
                let promotion = family.promotion(&name, self.deprecated());
                promotion.map_err(|obstacle| refused(&obstacle))?;
                passed(name)
            }
            Gate::BootTest => {
                let image = self.image()?.clone();
                let before = bake::verdict(&image) == Some(bake::PASSED);
                self.image = Some(bake::boot_test(run, image).await?);
                if before {
                    (Passage::Before, "has passed before".into())
                } else {
                    passed("a VM got ready on blank state".into())
                }
            }
            Gate::Rehearsal => {
                let rehearsed = rehearse(run, self.image()?).await?;
                let passage = match rehearsed {
                    Rehearsed::Passed(_) => Passage::Passed,
                    Rehearsed::Before | Rehearsed::NoState => Passage::Before,
                };
                (passage, rehearsed.to_string())
            }
            Gate::Promote => {
                let name = self.image_name().unwrap_or_default();
                bake::promote(run, &name, self.deprecated()).await?;
                if let Some(plan) = &self.plan {
                    bake::record(run, &plan.lock)?;
                }
                passed(format!("{name} is in front"))
            }
            Gate::Replace => {
                let replaced = replace(run, self.goal()?).await?;
                self.downtime = Some(replaced.downtime_seconds);
                passed(format!("{} runs", replaced.gateway))
            }
            // The others are inside of a replacement.
            _ => passed(String::new()),
        })
    }

    fn plan(&self) -> Result<&Plan> {
        self.plan.as_ref().context("nothing was planned")
    }

    fn image(&self) -> Result<&Image> {
        self.image.as_ref().context("no image was made")
    }

    pub fn image_name(&self) -> Option<String> {
        self.image.as_ref()?.name.clone()
    }

    fn goal(&self) -> Result<Goal> {
        Ok(Goal {
            image: self.image()?.clone(),
            why: Why::Rebuild,
            timeout: self.options.timeout,
            soak: Duration::from_mins(self.run.deployment.updates.soak_minutes.into()),
            state: self.state.clone(),
        })
    }

    /// What was put back after a failure stays so, unless it is to be tried again.
    fn deprecated(&self) -> Deprecated {
        if self.options.retry {
            Deprecated::Restored
        } else {
            Deprecated::Stays
        }
    }

    /// After the release has failed at a gate: what was changed is put back, and it is remembered.
    pub async fn conclude(&self, found: &Found, gate: Gate, why: String, promoted: bool) -> Error {
        let mut left = Vec::new();
        // With the family, the memory goes back too.
        if promoted {
            left.extend(self.put_back(found, gate).await.err());
        }
        if !promoted || !left.is_empty() {
            left.extend(self.remember(found, gate).await.err());
        }
        let error = if promoted {
            Error::new(PutBack { gate, why })
        } else {
            Error::new(Refused { gate, why })
        };
        let left = left.into_iter();
        left.fold(error, |error, left| error.context(format!("{left:#}")))
    }

    /// That what runs does not come back after a loss is no failure of a new release, and that an image was
    /// rolled back is known already.
    async fn remember(&self, found: &Found, gate: Gate) -> Result<()> {
        if gate == Gate::Promote || image_of_vm(&self.run).await? == self.image_name() {
            return Ok(());
        }
        remember(&self.run, found.release(), gate).await
    }

    /// The family goes back to the image that the VM runs, unless the rollout has done so, and the lock to
    /// what it was then.
    async fn put_back(&self, found: &Found, gate: Gate) -> Result<()> {
        let family = &self.run.deployment.recipe.family;
        let before = match image_of_vm(&self.run).await? {
            Some(image) => Some(image),
            None => found.front.as_ref().and_then(|it| it.name.clone()),
        };
        let before = before.with_context(|| {
            format!("the family {family} keeps its image in front: there is none to go back to")
        })?;
        let refusal = Refusal::gate(gate.name(), Timestamp::now());
        let back = bake::rollback(&self.run, &before, &refusal).await;
        back.with_context(|| format!("putting {before} in front of {family} again"))?;
        let image = self.run.cloud.client.images().get(&before).await?;
        let same = |lock: &&Lock| lock.image.as_deref() == Some(&*before);
        let lock = self.before.as_ref().filter(same).cloned();
        match lock.or_else(|| Lock::of_image(&image)) {
            Some(lock) => lock.save(&self.run.deployment.dir),
            None => Ok(()),
        }
    }
}

/// Writes on the image in front that a release has failed.
pub(super) async fn remember(run: &Run, release: Option<Version>, gate: Gate) -> Result<()> {
    let Some(release) = release else {
        return Ok(());
    };
    let refusal = Refusal::gate(gate.name(), Timestamp::now());
    let remembered = bake::remember(run, |memory| memory.after(release, &refusal)).await;
    remembered.context("remembering the failure")
}

/// The release runs on the Node that it is baked with.
fn engines(lock: &Lock) -> Result<String> {
    let node = &lock.node.version;
    let Some(range) = &lock.gateway.engines else {
        return Ok(format!("Node {node}; the release asks for none"));
    };
    if runs_with(range, node) {
        return Ok(format!("Node {node} is in {range}"));
    }
    let gate = Gate::Engines;
    let why = format!("it runs with Node {range}, and the recipe says {node}");
    Err(Refused { gate, why }.into())
}

/// It reads what the state disk says was written.
async fn schema(run: &Run, lock: &Lock) -> Result<String> {
    let writes = Written {
        version: lock.gateway.version,
        schema: lock.gateway.schema,
    };
    let Some(disk) = state::disk(run).await? else {
        return Ok(format!("{writes}; there is no state yet"));
    };
    match Written::of(&disk.labels)? {
        None => Ok(format!("{writes}; nobody says who wrote the state")),
        Some(before) if writes.may_follow(&before) => Ok(format!("{before} -> {writes}")),
        Some(before) => {
            let gate = Gate::Schema;
            let why = format!("{before} wrote the state, which {writes} cannot be trusted to read");
            Err(Refused { gate, why }.into())
        }
    }
}

/// What differs from the lock before; other bytes of the same version are refused.
fn lock(before: Option<&Lock>, lock: &Lock) -> Result<String> {
    let Some(before) = before else {
        return Ok("the first one".into());
    };
    let (old, new) = (&before.gateway, &lock.gateway);
    if old.version == new.version && old.npm == new.npm && !old.integrity.agrees(&new.integrity) {
        let gate = Gate::Lock;
        let why = format!(
            "npm serves other bytes of {} {} than the lock says; a published version never changes",
            new.npm, new.version
        );
        return Err(Refused { gate, why }.into());
    }
    Ok(before.diff(lock).join("; "))
}

fn refused(obstacle: &Obstacle) -> Error {
    let gate = Gate::Promote;
    let why = obstacle.to_string();
    Refused { gate, why }.into()
}

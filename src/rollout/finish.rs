//! The end of a rollout: family and lock say what runs, and nothing is under way any more.

use anyhow::{Context, Error, Result, anyhow};
use gce::InstanceTemplate;
use jiff::Timestamp;

use super::gate::{Gate, PutBack, Refused};
use super::intent::Intent;
use super::next::End;
use super::observe::Seen;
use super::replaced::Replaced;
use super::run::Rollout;
use super::template::image_name;
use super::why::Why;
use super::{last, words};
use crate::bake::{self, Deprecated, Obstacle, Refusal};
use crate::fleet;
use crate::labels::IMAGE;
use crate::progress::Outcome;

/// What a family does at the end of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// It goes back, for this reason, to what runs.
    Back(Refusal),
    /// It comes back to what runs, if a run that died had it go where the rollout went.
    Again,
}

/// Whether the family turns when a rollout ends like this: a person has it go back, or the release that a
/// rebuild had put in front has failed. `gate` is where it failed.
pub(super) fn turn(intent: &Intent, gate: Option<Gate>) -> Option<Turn> {
    let began = i64::try_from(intent.began).ok();
    let began = began.and_then(|began| Timestamp::from_second(began).ok());
    let began = began.unwrap_or_default();
    match (intent.why, gate) {
        (Why::Rollback, None) => Some(Turn::Back(Refusal::person(began))),
        (Why::Rollback, Some(_)) => Some(Turn::Again),
        (Why::Rebuild, Some(gate)) if gate.is_of_the_release() => {
            Some(Turn::Back(Refusal::gate(gate.name(), began)))
        }
        _ => None,
    }
}

impl Rollout<'_> {
    /// Writes down what runs: `template`, in the family and in the lock. Whoever is killed here, the next run
    /// does it again.
    pub(super) async fn finish(
        &self,
        template: Option<&str>,
        gate: Option<Gate>,
        seen: &Seen,
    ) -> Result<()> {
        let found = match template {
            Some(template) => fleet::find_template(self.run, template).await?,
            None => None,
        };
        if let Some(found) = &found {
            if let Some(intent) = seen.scene.intent()
                && let Some(turn) = turn(intent, gate)
            {
                self.family(found, intent, &turn).await?;
            }
            let image = last::image_of(self.run, found).await?;
            bake::follow(self.run, &image, template);
        }
        if let Some(instance) = &seen.instance {
            fleet::disown(self.run, instance).await?;
        }
        self.unlabel(seen).await
    }

    /// The image of the VM that runs now gets in front of the family. That it cannot is said, and no failure
    /// of the rollout: what is in front is what somebody else wants there.
    async fn family(&self, runs: &InstanceTemplate, intent: &Intent, turn: &Turn) -> Result<()> {
        let image = image_name(runs).context("the template does not name its image")?;
        let is_wanted = matches!(turn, Turn::Back(refusal) if refusal.gate.is_none());
        if !is_wanted && !self.is_in_front(&intent.to).await? {
            return Ok(());
        }
        let moved = match turn {
            Turn::Back(refusal) => bake::rollback(self.run, image, refusal).await,
            Turn::Again => bake::promote(self.run, image, Deprecated::Restored).await,
        };
        match moved {
            Err(error) if error.is::<Obstacle>() => {
                let stage = self.run.progress.stage("family");
                stage.finish(Outcome::Done, format!("it stays as it is: {error:#}"));
                Ok(())
            }
            moved => moved,
        }
    }

    /// Whether the image of a template is in front of the family.
    async fn is_in_front(&self, template: &str) -> Result<bool> {
        let template = fleet::find_template(self.run, template).await?;
        let (images, family) = (
            self.run.cloud.client.images(),
            &self.run.deployment.recipe.family,
        );
        let front = images.find_in_family(family).await?;
        let front = front.and_then(|front| front.name);
        Ok(front.is_some() && template.as_ref().and_then(image_name) == front.as_deref())
    }

    /// What comes of it.
    pub(super) fn conclude(mut self, end: End, seen: &Seen) -> Result<Replaced> {
        let trouble = self.trouble.take();
        let why = trouble.as_ref().map_or_else(
            || "an earlier run has said why".to_owned(),
            |error| format!("{error:#}"),
        );
        match end {
            End::Done => {
                let report = self.report.context("the gateway did not report")?;
                let template = self.machine.aim.to.clone();
                Ok(Replaced {
                    instance: self.run.deployment.name.to_string(),
                    image: image_of(seen),
                    template,
                    gateway: report.gateway,
                    snapshot: self.snapshot.unwrap_or_default(),
                    downtime_seconds: self.downtime.as_secs(),
                })
            }
            End::PutBack(gate) => Err(PutBack { gate, why }.into()),
            End::Refused(gate, why) => Err(Refused { gate, why }.into()),
            End::LeftAsItIs(gate) => {
                let error: Error =
                    trouble.unwrap_or_else(|| anyhow!("it failed at the gate `{gate}`"));
                Err(error.context("there was no VM before to go back to"))
            }
            End::Stuck(why) => {
                let error = trouble.unwrap_or_else(|| anyhow!("{why}"));
                Err(error.context(words::stuck(&self.run.deployment, &seen.scene)))
            }
        }
    }
}

/// Name of the VM's image.
fn image_of(seen: &Seen) -> String {
    let labels = seen.instance.as_ref().map(|instance| &instance.labels);
    let image = labels.and_then(|labels| labels.get(IMAGE));
    image.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::intent::Word;
    use super::*;

    #[test]
    fn the_family_goes_back_with_a_person_and_with_a_release_that_failed() {
        let of = |why, gate| {
            let intent = Intent {
                word: Word::Started,
                to: "t".into(),
                from: None,
                snapshot: None,
                state: None,
                began: 7,
                gate: None,
                by: "me".into(),
                why,
            };
            turn(&intent, gate)
        };
        let at = Timestamp::from_second(7).unwrap();
        let back = |refusal| Some(Turn::Back(refusal));
        assert_eq!(of(Why::Rollback, None), back(Refusal::person(at)));
        let counts = Some(Gate::Counts);
        let failed = Refusal::gate("counts", at);
        assert_eq!(of(Why::Rebuild, counts), back(failed));
        // A run that died may have moved it already.
        assert_eq!(of(Why::Rollback, counts), Some(Turn::Again));
        // What says nothing of a release leaves the family where it was.
        for (why, gate) in [
            (Why::Rebuild, None),
            (Why::Rebuild, Some(Gate::Snapshot)),
            (Why::Recreate, None),
            (Why::Recreate, counts),
        ] {
            assert_eq!(of(why, gate), None, "{why} {gate:?}");
        }
    }
}

//! From a release that is new to a VM that runs it, gate by gate; or not, and why.
//!
//! ```text
//! check ─▶ engines ─▶ schema ─▶ lock ─▶ bake ─▶ boot test ─▶ rehearsal ─▶ promote ─▶ replace, soak ─▶ done
//!   └─────────┴─────────┴──────────────────────────┴────────────┘             └────────────┘
//!              refused: nothing was changed                        put back: VM, state, family, lock
//! ```
//!
//! What was passed is written on what it is about: the image and its labels, the family, the state disk.
//! So a rebuild that was killed is gone on with by the next one, wherever that runs.

use std::fmt;
use std::time::Instant;

use anyhow::{Error, Result, anyhow};
use serde::Serialize;

use super::attempt::{Attempt, remember};
use super::options::Options;
use super::recreate;
use super::target::{Found, Way, look, pinned};
use super::{End, Gate, Passage, PutBack, Refused, RehearsalFailed, Report};
use crate::bake::BootTestFailed;
use crate::image::Plan;
use crate::lock::Lock;
use crate::run::Run;
use crate::updates::Update;

/// Brings the deployment to what is new, as far as it is good. The report tells how far that was, also
/// after a failure.
///
/// # Errors
/// [`Refused`] if the release is refused and nothing was changed, [`PutBack`] if it failed after that and
/// VM, state, family and lock are what they were before. After any other error the next call goes on.
pub async fn rebuild(run: &Run, options: &Options) -> (Report, Result<()>) {
    let mut report = Report::default();
    let run = &pinned(run, options.to);
    let result = Box::pin(pass_all(run, options, &mut report)).await;
    report.end = match &result {
        Ok(()) => report.reached(),
        Err(error) => broken(&report, error),
    };
    (report, result)
}

/// What a rebuild would do.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// What is new, one line each.
    pub news: Vec<String>,
    /// The release in front.
    pub from: Option<String>,
    /// The release that it would go to.
    pub to: Option<String>,
    /// Why that is not tried.
    pub refused: Option<String>,
    /// The gates to come; none if there is nothing to do.
    pub gates: Vec<Gate>,
}

/// What [`rebuild`] would do. Nothing is changed.
pub async fn outlook(run: &Run, options: &Options) -> Result<Outlook> {
    let run = &pinned(run, options.to);
    let found = look(run, options).await?;
    let (gates, refused) = match found.way(options) {
        Way::Gates(gates) => (gates, None),
        Way::Refused(refused, _) => (Vec::new(), Some(refused.why)),
    };
    Ok(Outlook {
        news: found.news(),
        from: found.current().map(|it| it.to_string()),
        to: found.release().map(|it| it.to_string()),
        refused,
        gates,
    })
}

/// For people.
impl fmt::Display for Outlook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for news in &self.news {
            writeln!(f, "new: {news}")?;
        }
        if let Some(why) = &self.refused {
            return write!(f, "not tried: {why}");
        }
        if self.gates.is_empty() {
            return f.write_str("nothing to do");
        }
        let gates: Vec<_> = self.gates.iter().map(Gate::to_string).collect();
        write!(f, "gates: {}", gates.join(", "))
    }
}

async fn pass_all(run: &Run, options: &Options, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    let under_way = recreate::under_way(run).await?;
    let found = match &under_way {
        Some((image, _)) => Found::under_way(image.clone()),
        None => look(run, options).await?,
    };
    report.news = found.news();
    report.from = found.current().map(|it| it.to_string());
    report.to = found.release().map(|it| it.to_string());
    let way = match under_way {
        Some(_) => Way::Gates(vec![Gate::Replace]),
        None => found.way(options),
    };
    let gates = match way {
        Way::Gates(gates) => gates,
        Way::Refused(refused, release) => {
            let time = began.elapsed();
            report.add(refused.gate, Passage::Refused, &*refused.why, time);
            let remembered = match release {
                // Whether it runs on the recipe's Node is for the recipe to change.
                Some(_) if refused.gate != Gate::Engines => {
                    remember(run, release, refused.gate).await
                }
                _ => Ok(()),
            };
            return Err(match remembered {
                Ok(()) => refused.into(),
                Err(left) => Error::new(refused).context(format!("{left:#}")),
            });
        }
    };
    report.add(Gate::Check, Passage::Passed, found.words(), began.elapsed());
    let run = pinned(run, found.release());
    let mut attempt = Attempt {
        before: Lock::load(&run.deployment.dir)?,
        plan: match found.update() {
            Some(update) => Some(resolve(&run, update).await?),
            None => None,
        },
        image: found.front.clone().filter(|_| found.update().is_none()),
        run,
        options,
        state: under_way.and_then(|(_, state)| state),
        downtime: None,
    };
    let mut promoted = false;
    for gate in gates {
        let began = Instant::now();
        let passed = attempt.pass(gate).await;
        let time = began.elapsed();
        report.image = attempt.image_name();
        report.downtime_seconds = attempt.downtime;
        promoted |= gate >= Gate::Promote;
        match passed {
            Ok((passage, words)) => report.add(gate, passage, words, time),
            Err(error) => {
                let Some((at, why)) = fault(gate, &error) else {
                    let error = if promoted {
                        promoted_only(&attempt, error)
                    } else {
                        error
                    };
                    report.add(gate, Passage::Failed, format!("{error:#}"), time);
                    return Err(error);
                };
                report.add(gate, Passage::Refused, &*why, time);
                return Err(attempt.conclude(&found, at, why, promoted).await);
            }
        }
    }
    Ok(())
}

/// What the image of an update is made from: Node and npm too are the newest.
async fn resolve(run: &Run, update: &Update) -> Result<Plan> {
    Plan::resolve(&run.deployment.recipe, update.version, None).await
}

/// The gate at which the release has failed, and why; none if it was something else that went wrong.
fn fault(gate: Gate, error: &Error) -> Option<(Gate, String)> {
    if let Some(PutBack { gate, why }) = error.downcast_ref() {
        return gate.is_of_the_release().then(|| (*gate, why.clone()));
    }
    if let Some(Refused { gate: at, why }) = error.downcast_ref() {
        // A replacement that did not begin says nothing of the release.
        return (gate != Gate::Replace).then(|| (*at, why.clone()));
    }
    let tested = error.downcast_ref::<BootTestFailed>().map(|it| &it.flaw);
    let rehearsed = error.downcast_ref::<RehearsalFailed>().map(|it| &it.flaw);
    Some((gate, tested.or(rehearsed)?.to_string()))
}

/// Words for a replacement that did not happen for a reason that is not the release's: the image stays in
/// front, so it is neither true that nothing was changed nor that all was put back.
fn promoted_only(attempt: &Attempt, error: Error) -> Error {
    let why = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(Refused { gate, why }), _) | (_, Some(PutBack { gate, why })) => {
            format!("at the gate `{gate}`: {why}")
        }
        _ => return error,
    };
    anyhow!(
        "{} is in front of its family, and the VM was not replaced, {why}; the next `clawbake rebuild` replaces it",
        attempt.image_name().unwrap_or_default()
    )
}

/// Where a rebuild ended that did not reach its goal.
fn broken(report: &Report, error: &Error) -> End {
    if let Some(PutBack { gate, why }) = error.downcast_ref().cloned() {
        return End::PutBack { gate, why };
    }
    if let Some(Refused { gate, why }) = error.downcast_ref().cloned() {
        return End::Refused { gate, why };
    }
    End::Broken {
        gate: report.gates.last().map_or(Gate::Check, |it| it.gate),
        why: format!("{error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_the_release_did_is_its_fault() {
        let put_back = PutBack {
            gate: Gate::Counts,
            why: "sessions: 2 of 4 are left".into(),
        };
        let refused = |gate| Refused {
            gate,
            why: "no".into(),
        };
        let of = |gate, error: Error| fault(gate, &error).map(|(gate, _)| gate);
        let Refused { gate, .. } = refused(Gate::Schema);
        assert_eq!(of(gate, refused(gate).into()), Some(Gate::Schema));
        assert_eq!(
            of(Gate::Replace, put_back.clone().into()),
            Some(Gate::Counts)
        );
        let said = Error::new(put_back).context("and something is left");
        assert_eq!(of(Gate::Replace, said), Some(Gate::Counts));
        // Somebody else's turn, the network, a quota.
        assert_eq!(of(Gate::Replace, refused(Gate::Turn).into()), None);
        assert_eq!(of(Gate::Bake, anyhow::anyhow!("npm does not answer")), None);
    }

    #[test]
    fn an_end_is_told_as_the_error_is() {
        let mut report = Report::default();
        report.add(Gate::Bake, Passage::Failed, "no network", Duration::ZERO);
        let broken = |error: Error| broken(&report, &error);
        let why = "no".to_owned();
        let gate = Gate::Bake;
        assert_eq!(
            broken(anyhow::anyhow!("no network")),
            End::Broken {
                gate,
                why: "no network".into()
            }
        );
        let refused = Refused {
            gate: Gate::Schema,
            why: why.clone(),
        };
        assert_eq!(
            broken(Error::new(refused).context("not remembered")),
            End::Refused {
                gate: Gate::Schema,
                why
            }
        );
    }
}

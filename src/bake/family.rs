//! Which image of a family is in front, and what changes that (pure).
//!
//! Compute Engine resolves a family to the image that was created last among those that are not
//! deprecated (<https://cloud.google.com/compute/docs/images/image-families-best-practices>). So an image
//! that enters its family late never overtakes a newer one, and a rollback deprecates what is newer.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result};
use gce::Image;
use jiff::Timestamp;

use super::image;

/// An image as a member of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it has entered the family.
    pub entered: bool,
    /// Whether it is not deprecated.
    pub active: bool,
    /// Whether clawbake has baked it: others may add images of their own.
    pub own: bool,
}

/// The images of a family, and those of its recipe that have not entered it, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family(Vec<Member>);

/// One change to an image.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// It enters the family.
    Enter(String),
    /// It is undeprecated.
    Restore(String),
    /// It is deprecated: the family passes over it.
    Deprecate {
        /// Its name.
        image: String,
        /// What to use instead.
        replacement: String,
    },
}

/// What a promotion does with a deprecated image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deprecated {
    /// It was rolled back and stays so.
    Stays,
    /// It goes to the front again.
    Restored,
}

/// What keeps an image from the front of its family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The family has no READY image of that name.
    Unknown(String),
    /// A newer one is in front.
    Older {
        /// The image that was to be promoted.
        image: String,
        /// The one in front.
        front: String,
    },
    /// It is deprecated.
    RolledBack(String),
    /// It has not entered the family.
    Outside(String),
    /// It is newer than what is in front.
    Ahead(String),
    /// There is no older image to go back to, only these deprecated ones.
    Oldest(Vec<String>),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(image) => write!(f, "the family has no image {image} that is READY"),
            Self::Older { image, front } => write!(
                f,
                "{front} stays in front: {image} is older (`clawbake images rollback --to` goes back)"
            ),
            Self::RolledBack(image) => write!(
                f,
                "{image} was rolled back and stays so (`clawbake images promote {image}` puts it in front again)"
            ),
            Self::Outside(image) => write!(
                f,
                "{image} has never been in the family: `clawbake images promote {image}` tests it first"
            ),
            Self::Ahead(image) => write!(
                f,
                "{image} is newer than what is in front: `clawbake images promote {image}` goes forward"
            ),
            Self::Oldest(deprecated) if deprecated.is_empty() => {
                f.write_str("the family has no older image to go back to")
            }
            Self::Oldest(deprecated) => write!(
                f,
                "every older image is deprecated; `clawbake images rollback --to NAME` takes that back for one of {}",
                deprecated.join(", ")
            ),
        }
    }
}

impl std::error::Error for Obstacle {}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(image) => write!(f, "{image} enters the family"),
            Self::Restore(image) => write!(f, "{image} is no longer deprecated"),
            Self::Deprecate { image, replacement } => {
                write!(f, "{image} is deprecated, replaced by {replacement}")
            }
        }
    }
}

impl Family {
    /// Picks the images of a family, and those of its recipe without a family, from a project's images.
    pub fn among(images: &[Image], family: &str, recipe: &str) -> Result<Self> {
        let belongs = |image: &&Image| match image.family.as_deref() {
            Some(own) if !own.is_empty() => own == family,
            _ => image.labels.get(image::RECIPE_LABEL).map(String::as_str) == Some(recipe),
        };
        let ready = images.iter().filter(|image| image::ready(image));
        let members: Result<_> = ready.filter(belongs).map(member).collect();
        Ok(Self::new(members?))
    }

    fn new(mut members: Vec<Member>) -> Self {
        members.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
        Self(members)
    }

    /// All of them, newest first.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.0
    }

    /// What the family resolves to.
    #[must_use]
    pub fn front(&self) -> Option<&Member> {
        self.candidates().next()
    }

    /// What it resolves to after a rollback.
    #[must_use]
    pub fn second(&self) -> Option<&Member> {
        self.candidates().nth(1)
    }

    fn candidates(&self) -> impl Iterator<Item = &Member> {
        self.0
            .iter()
            .filter(|member| member.entered && member.active)
    }

    fn position(&self, name: &str) -> Result<usize, Obstacle> {
        let found = self.0.iter().position(|member| member.name == name);
        found.ok_or_else(|| Obstacle::Unknown(name.to_owned()))
    }

    /// The steps that put an image in front. The previous front stays as it is, for a rollback. Older
    /// images of our own are deprecated.
    pub fn promotion(&self, name: &str, deprecated: Deprecated) -> Result<Vec<Step>, Obstacle> {
        let at = self.position(name)?;
        let (newer, member, older) = (&self.0[..at], &self.0[at], &self.0[at + 1..]);
        if !member.active && deprecated == Deprecated::Stays {
            return Err(Obstacle::RolledBack(name.to_owned()));
        }
        if let Some(front) = newer.iter().find(|m| m.entered && m.active) {
            return Err(Obstacle::Older {
                image: name.to_owned(),
                front: front.name.clone(),
            });
        }
        let mut steps = Vec::new();
        if !member.active {
            steps.push(Step::Restore(name.to_owned()));
        }
        if !member.entered {
            steps.push(Step::Enter(name.to_owned()));
        }
        let before = older.iter().filter(|m| m.entered && m.active).skip(1);
        let before = before.filter(|m| m.own);
        steps.extend(before.map(|m| deprecate(m, name)));
        Ok(steps)
    }

    /// The image that a rollback goes back to by default.
    pub fn before(&self) -> Result<&Member, Obstacle> {
        self.second().ok_or_else(|| {
            let deprecated = self.0.iter().filter(|m| m.entered && !m.active);
            let older = deprecated.filter(|m| self.front().is_none_or(|f| m.created < f.created));
            Obstacle::Oldest(older.map(|m| m.name.clone()).collect())
        })
    }

    /// The steps that put an older image in front: everything newer is deprecated.
    pub fn rollback(&self, name: &str) -> Result<Vec<Step>, Obstacle> {
        let at = self.position(name)?;
        let (member, active) = (&self.0[at], |m: &&Member| m.entered && m.active);
        let newer: Vec<_> = self.0[..at].iter().filter(active).collect();
        if !member.entered {
            return Err(Obstacle::Outside(name.to_owned()));
        }
        if !member.active && newer.is_empty() {
            return Err(Obstacle::Ahead(name.to_owned()));
        }
        let restore = (!member.active).then(|| Step::Restore(name.to_owned()));
        let deprecations = newer.into_iter().map(|m| deprecate(m, name));
        Ok(restore.into_iter().chain(deprecations).collect())
    }

    /// Own images that nobody needs: not among the `keep` newest of the family, not in front, not the
    /// one to go back to, and not in `used`. Also those that never entered and are older than the front.
    #[must_use]
    pub fn surplus(&self, keep: usize, used: &BTreeSet<String>) -> Vec<&Member> {
        let Some(front) = self.front() else {
            return Vec::new();
        };
        let entered = || self.0.iter().filter(|m| m.entered);
        let before = entered().find(|m| m.created < front.created);
        let needed: BTreeSet<_> = entered()
            .take(keep)
            .chain([front])
            .chain(self.second())
            .chain(before)
            .map(|m| &m.name)
            .collect();
        let surplus = self.0.iter().filter(|m| {
            m.own
                && (m.entered || m.created < front.created)
                && !needed.contains(&m.name)
                && !used.contains(&m.name)
        });
        surplus.collect()
    }
}

fn member(image: &Image) -> Result<Member> {
    let name = image.name.clone().context("an image without a name")?;
    // It has the offset of Google's time zone, which changes twice a year.
    let created = image.creation_timestamp.as_deref().unwrap_or_default();
    let created = created
        .parse()
        .with_context(|| format!("reading when image {name} was created"))?;
    let state = image.deprecated.as_ref().and_then(|d| d.state.as_deref());
    Ok(Member {
        name,
        created,
        entered: image.family.as_ref().is_some_and(|f| !f.is_empty()),
        active: matches!(state, None | Some("ACTIVE")),
        own: image::is_own(image),
    })
}

fn deprecate(member: &Member, replacement: &str) -> Step {
    Step::Deprecate {
        image: member.name.clone(),
        replacement: replacement.to_owned(),
    }
}

#[cfg(test)]
mod tests;

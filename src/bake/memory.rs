//! Which release is refused, as the image in front of the family remembers it: every machine sees it, and the
//! next image in front remembers it too, until that has a release as new (pure).

use std::collections::BTreeMap;

use gce::Image;
use jiff::Timestamp;

use crate::labels::{FAILURES, GATEWAY, REFUSED, REFUSED_AT, REFUSED_BY};
use crate::release::Version;

/// How many failures in a row stop further attempts.
pub const LIMIT: u32 = 3;
/// Stands for the gate where no gate has refused a release, but a person went back from it.
const PERSON: &str = "person";

/// What an image in front remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The release that is refused.
    pub refused: Option<Version>,
    /// Who refused it, and when.
    pub by: Option<Refusal>,
    /// How many failed in a row.
    pub failures: u32,
}

/// How a release came to be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The gate at which it failed; none if a person went back from it.
    pub gate: Option<String>,
    /// When, to the second, where that is known.
    pub at: Option<Timestamp>,
}

impl Refusal {
    /// A person goes back from a release.
    #[must_use]
    pub fn person(at: Timestamp) -> Self {
        Self {
            gate: None,
            at: Some(whole(at)),
        }
    }

    /// A release fails at a gate.
    #[must_use]
    pub fn gate(gate: &str, at: Timestamp) -> Self {
        Self {
            gate: Some(gate.to_owned()),
            at: Some(whole(at)),
        }
    }
}

/// A label has seconds.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

impl Memory {
    /// What an image remembers. A number that cannot be read counts as too many: somebody has to look.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        let label = |key: &str| image.labels.get(key);
        let at = label(REFUSED_AT).and_then(|it| it.parse().ok());
        let by = label(REFUSED_BY).map(|by| Refusal {
            gate: (by != PERSON).then(|| by.clone()),
            at: at.and_then(|at| Timestamp::from_second(at).ok()),
        });
        Self {
            refused: label(REFUSED).and_then(|it| Version::of_label(it)),
            by,
            failures: label(FAILURES).map_or(0, |it| it.parse().unwrap_or(LIMIT)),
        }
    }

    /// Puts this into an image's labels, in place of what they remembered.
    pub fn write(&self, labels: &mut BTreeMap<String, String>) {
        for key in [REFUSED, REFUSED_BY, REFUSED_AT, FAILURES] {
            labels.remove(key);
        }
        let by = self.by.as_ref();
        let gate = by.map(|by| by.gate.as_deref().unwrap_or(PERSON).to_owned());
        let at = by.and_then(|by| by.at).map(|at| at.as_second().to_string());
        let failures = (self.failures > 0).then(|| self.failures.to_string());
        let written = [
            (REFUSED, self.refused.map(Version::label)),
            (REFUSED_BY, gate),
            (REFUSED_AT, at),
            (FAILURES, failures),
        ];
        let written = written
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        labels.extend(written.map(|(key, value)| (key.to_owned(), value)));
    }

    /// Whether a release is the one that is refused, or older than it on the same channel.
    #[must_use]
    pub fn covers(&self, version: Version) -> bool {
        self.refused
            .is_some_and(|refused| is_as_new(refused, version))
    }

    /// After a release was refused while the image that remembers this is in front, or as that goes to the
    /// front again. Saying it twice is the same as once.
    #[must_use]
    pub fn after(&self, release: Version, by: &Refusal) -> Self {
        if self.refused == Some(release) && self.by.as_ref() == Some(by) {
            return self.clone();
        }
        let failures = match by.gate {
            Some(_) => self.failures.saturating_add(1),
            None => 0,
        };
        Self {
            refused: Some(release),
            by: Some(by.clone()),
            failures,
        }
    }

    /// What the next image in front remembers: what is refused, unless its own release is as new. An update
    /// of Debian alone is not the success of a release: failures in a row go on being counted.
    fn passed_on(&self, from: Option<Version>, to: Option<Version>) -> Self {
        let reached = |refused| to.is_some_and(|to| is_as_new(to, refused));
        if self.refused.is_some_and(reached) {
            return Self::default();
        }
        let failures = if from == to { self.failures } else { 0 };
        Self {
            failures,
            ..self.clone()
        }
    }
}

/// Whether `one` is `other` or newer, on the same channel.
fn is_as_new(one: Version, other: Version) -> bool {
    one == other || one.channel() == other.channel() && one > other
}

/// The release in an image.
fn release(image: &Image) -> Option<Version> {
    Version::of_label(image.labels.get(GATEWAY)?)
}

/// What an image remembers once it has got in front of the one that is there.
pub(super) fn forward(front: &Image, next: &Image) -> Memory {
    Memory::of(front).passed_on(release(front), release(next))
}

/// What an older image remembers once it is in front again. What is newer than the release that is left, and
/// was refused already, stays so.
pub(super) fn back(front: &Image, before: &Image, by: &Refusal) -> Memory {
    let (own, last) = (Memory::of(before), Memory::of(front));
    let Some(left) = release(front).filter(|left| release(before) != Some(*left)) else {
        // The same release, or nobody knows which: an image alone was refused.
        return match (&by.gate, release(before)) {
            (Some(_), Some(release)) => own.after(release, by),
            _ => last,
        };
    };
    if by.gate.is_some() {
        own.after(left, by)
    } else if last.covers(left) {
        last
    } else if own.covers(left) {
        own
    } else {
        own.after(left, by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// An image of a release that remembers this.
    fn image(release: &str, memory: &Memory) -> Image {
        let mut labels = BTreeMap::from([(GATEWAY.to_owned(), version(release).label())]);
        memory.write(&mut labels);
        Image {
            labels,
            ..Image::default()
        }
    }

    fn failed(release: &str, gate: &str, failures: u32) -> Memory {
        Memory {
            refused: Some(version(release)),
            by: Some(Refusal::gate(gate, at(7))),
            failures,
        }
    }

    fn left(release: &str) -> Memory {
        Memory {
            refused: Some(version(release)),
            by: Some(Refusal::person(at(9))),
            failures: 0,
        }
    }

    #[test]
    fn an_image_remembers_what_is_refused_by_whom_and_how_many_failed() {
        for memory in [
            Memory::default(),
            failed("2026.9.5", "rehearsal", 2),
            left("2026.9.6"),
        ] {
            let mut image = image("2026.9.4", &failed("2026.9.7", "soak", 1));
            memory.write(&mut image.labels);
            assert_eq!(Memory::of(&image), memory);
        }
        let memory = failed("2026.9.5", "rehearsal", 2);
        let covers = |text: &str| memory.covers(version(text));
        assert!(covers("2026.9.5") && covers("2026.9.4"));
        assert!(!covers("2026.9.5-1") && !covers("2026.9.6"));
        // Of another channel: it does not compare.
        assert!(!covers("2026.9.4-beta.1"));
        let labels = [(FAILURES, "many"), (REFUSED_AT, "soon")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let odd = Image {
            labels: labels.into(),
            ..Image::default()
        };
        assert_eq!(Memory::of(&odd).failures, LIMIT);
        // Labels of a version that wrote no time.
        let mut before = image("2026.9.4", &failed("2026.9.5", "soak", 1));
        before.labels.remove(REFUSED_AT);
        assert_eq!(Memory::of(&before).by.unwrap().at, None);
    }

    #[test]
    fn three_failures_in_a_row_are_enough_and_one_is_counted_once() {
        let mut memory = Memory::default();
        for (count, (release, gate)) in (1..).zip([
            ("2026.9.5", "rehearsal"),
            ("2026.9.6", "boot-test"),
            ("2026.9.7", "schema"),
        ]) {
            let by = Refusal::gate(gate, at(count.into()));
            memory = memory.after(version(release), &by);
            assert_eq!(memory, memory.after(version(release), &by));
            assert_eq!(memory.refused, Some(version(release)));
            assert_eq!(memory.failures >= LIMIT, count == 3);
        }
    }

    #[test]
    fn an_update_of_debian_alone_forgets_nothing_and_a_release_as_new_does() {
        let memory = failed("2026.9.6", "counts", 2);
        let next = |release| {
            forward(
                &image("2026.9.4", &memory),
                &image(release, &left("2026.9.9")),
            )
        };
        assert_eq!(next("2026.9.4"), memory);
        assert_eq!(next("2026.9.5"), failed("2026.9.6", "counts", 0));
        assert_eq!(next("2026.9.6"), Memory::default());
        assert_eq!(next("2026.9.7"), Memory::default());
        // What failed was Debian's update of the same release: this one did not.
        let own = failed("2026.9.4", "ready", 1);
        let next = forward(&image("2026.9.4", &own), &image("2026.9.4", &own));
        assert_eq!(next, Memory::default());
    }

    #[test]
    fn a_person_who_goes_back_refuses_what_was_left() {
        let (none, person) = (Memory::default(), Refusal::person(at(9)));
        let back = |front: (&str, &Memory), before: (&str, &Memory)| {
            let (front, before) = (image(front.0, front.1), image(before.0, before.1));
            super::back(&front, &before, &person)
        };
        let stale = failed("2026.9.5", "counts", 2);
        let (new, old) = ("2026.9.6", "2026.9.4");
        assert_eq!(back((new, &none), (old, &none)), left(new));
        assert_eq!(back((new, &none), (old, &stale)), left(new));
        // A run that was killed has written it already.
        assert_eq!(back((new, &none), (old, &left(new))), left(new));
        // What failed later is newer than what is left.
        let later = failed("2026.9.7", "counts", 1);
        assert_eq!(back((new, &later), (old, &none)), later);
        assert_eq!(back((new, &none), (old, &later)), later);
        // Debian's packages alone: the release itself is not refused.
        assert_eq!(back((old, &none), (old, &stale)), none);
    }

    #[test]
    fn a_release_that_is_put_back_has_failed() {
        let by = Refusal::gate("counts", at(7));
        let none = Memory::default();
        let back = |front: &str, own: &Memory| {
            super::back(&image(front, &none), &image("2026.9.4", own), &by)
        };
        let once = back("2026.9.6", &failed("2026.9.5", "soak", 1));
        assert_eq!(once, failed("2026.9.6", "counts", 2));
        assert_eq!(back("2026.9.6", &once), once);
        assert_eq!(back("2026.9.4", &none), failed("2026.9.4", "counts", 1));
    }
}

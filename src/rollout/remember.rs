//! What is remembered of a release that has failed (pure). It is written on the image in front of the
//! family, where every machine sees it; an image that gets in front of that one has none of it.

use super::Gate;
use crate::labels::{FAILURES, REFUSED, REFUSED_BY};
use crate::release::Version;
use crate::updates::Memory;

/// The labels to set after a release has failed at a gate.
pub(super) fn after(memory: &Memory, release: Version, gate: Gate) -> [(&'static str, String); 3] {
    [
        (REFUSED, release.label()),
        (REFUSED_BY, gate.to_string()),
        (FAILURES, memory.failures.saturating_add(1).to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use gce::Image;

    use super::*;
    use crate::updates::LIMIT;

    #[test]
    fn the_last_failure_is_remembered_and_three_in_a_row_are_enough() {
        let mut memory = Memory::default();
        for (count, (release, gate)) in (1..).zip([
            ("2026.9.5", Gate::Rehearsal),
            ("2026.9.6", Gate::BootTest),
            ("2026.9.7", Gate::Schema),
        ]) {
            let release = release.parse().unwrap();
            let labels = after(&memory, release, gate).map(|(key, value)| (key.to_owned(), value));
            memory = Memory::of(&Image {
                labels: labels.into(),
                ..Image::default()
            });
            assert_eq!(memory.refused, Some(release));
            assert_eq!(memory.by, Some(gate.to_string()));
            assert_eq!(memory.failures >= LIMIT, count == 3);
        }
    }
}

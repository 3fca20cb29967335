use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gce::Snapshot;
use jiff::Timestamp;

/// An age in its largest unit.
pub(super) fn ago(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    match (minutes / (60 * 24), minutes / 60, minutes) {
        (0, 0, 0) => "just now".into(),
        (0, 0, minutes) => format!("{minutes} min ago"),
        (0, hours, _) => format!("{hours} h ago"),
        (days, ..) => format!("{days} d ago"),
    }
}

/// A snapshot's age at a time in seconds since 1970.
pub(super) fn age(snapshot: &Snapshot, now: u64) -> String {
    let time = snapshot.creation_timestamp.as_deref().unwrap_or_default();
    let Ok(created) = time.parse::<Timestamp>() else {
        return time.to_owned();
    };
    let created = u64::try_from(created.as_second()).unwrap_or_default();
    ago(Duration::from_secs(now.saturating_sub(created)))
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_in_the_largest_unit() {
        let told =
            [59, 60, 3599, 3600, 86_399, 200_000].map(|seconds| ago(Duration::from_secs(seconds)));
        let expected = [
            "just now",
            "1 min ago",
            "59 min ago",
            "1 h ago",
            "23 h ago",
            "2 d ago",
        ];
        assert_eq!(told, expected);
    }
}

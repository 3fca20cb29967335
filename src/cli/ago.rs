use std::time::Duration;

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

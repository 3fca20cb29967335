//! Time as Google's APIs write it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as RFC3339 in UTC with milliseconds.
pub fn now() -> String {
    rfc3339(unix_millis())
}

/// Milliseconds since 1970.
pub fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A time as RFC3339 in UTC with milliseconds.
pub fn rfc3339(unix_millis: u64) -> String {
    let (time, millis) = (time(unix_millis / 1000), unix_millis % 1000);
    format!("{time}.{millis:03}Z")
}

/// A time as RFC3339 in UTC with whole seconds, where clients know nothing else.
pub fn rfc3339_seconds(unix_seconds: u64) -> String {
    format!("{}Z", time(unix_seconds))
}

fn time(unix_seconds: u64) -> String {
    let (year, month, day) = date(unix_seconds / 86400);
    let (hour, minute, second) = (
        unix_seconds / 3600 % 24,
        unix_seconds / 60 % 60,
        unix_seconds % 60,
    );
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// The Gregorian date of a day since 1970, by Howard Hinnant's `civil_from_days`: years begin in
/// March, so that the leap day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{rfc3339, rfc3339_seconds};

    #[test]
    fn dates_around_leap_days() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339_seconds(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }
}

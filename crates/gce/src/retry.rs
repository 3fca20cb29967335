//! When to retry, and after how long. No I/O.

use std::time::Duration;

use uuid::Uuid;

/// Capped exponential backoff with jitter and a total limit.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Longest wait before the second attempt; it doubles with each further one.
    pub first: Duration,
    /// No backoff is longer than this. A server's `Retry-After` may be.
    pub cap: Duration,
    /// No attempt starts later than this after the first.
    pub total: Duration,
}

impl Default for RetryPolicy {
    /// Half a second, doubling to 30 s, for five minutes: longer than a restart of the local
    /// engine or one of Google's short outages.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            total: Duration::from_mins(5),
        }
    }
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Whether the same request may succeed later.
    pub transient: bool,
    /// What the server asked for.
    pub retry_after: Option<Duration>,
    /// Since the first attempt started.
    pub elapsed: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Retry(Duration),
    Stop,
}

/// Decides after the `attempt`-th failure, counted from 1. `jitter` lies in 0.0..=1.0.
///
/// Jitter shortens the backoff by up to half, so that clients do not all come back at once. It never
/// goes below `Retry-After`.
pub(crate) fn decide(
    policy: &RetryPolicy,
    attempt: u32,
    outcome: Outcome,
    jitter: f64,
) -> Decision {
    if !outcome.transient {
        return Decision::Stop;
    }
    let doublings = attempt.saturating_sub(1).min(16);
    let backoff = policy.first.saturating_mul(1 << doublings).min(policy.cap);
    let wait = backoff
        .mul_f64(1.0 - jitter / 2.0)
        .max(outcome.retry_after.unwrap_or_default());
    if outcome.elapsed + wait > policy.total {
        Decision::Stop
    } else {
        Decision::Retry(wait)
    }
}

/// A random number in 0.0..=1.0.
pub(crate) fn jitter() -> f64 {
    f64::from(u32::from_ne_bytes(
        Uuid::new_v4().as_bytes()[12..]
            .try_into()
            .unwrap_or_default(),
    )) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        first: Duration::from_secs(1),
        cap: Duration::from_secs(10),
        total: Duration::from_mins(1),
    };

    fn outcome(elapsed: u64) -> Outcome {
        Outcome {
            transient: true,
            retry_after: None,
            elapsed: Duration::from_secs(elapsed),
        }
    }

    #[test]
    fn backoff_doubles_to_the_cap() {
        let waits = [1, 2, 3, 4, 5, 6, u32::MAX].map(|n| decide(&POLICY, n, outcome(0), 0.0));
        let seconds = [1, 2, 4, 8, 10, 10, 10];
        assert_eq!(
            waits,
            seconds.map(|s| Decision::Retry(Duration::from_secs(s)))
        );
        let half = Decision::Retry(Duration::from_millis(500));
        assert_eq!(
            decide(&POLICY, 1, outcome(0), 1.0),
            half,
            "jitter takes half at most"
        );
    }

    #[test]
    fn retry_after_is_a_floor() {
        let asked = Outcome {
            retry_after: Some(Duration::from_secs(20)),
            ..outcome(0)
        };
        assert_eq!(
            decide(&POLICY, 1, asked, 1.0),
            Decision::Retry(Duration::from_secs(20))
        );
        let shorter = Outcome {
            retry_after: Some(Duration::from_secs(1)),
            ..outcome(0)
        };
        assert_eq!(
            decide(&POLICY, 9, shorter, 0.0),
            Decision::Retry(Duration::from_secs(10))
        );
    }

    #[test]
    fn stops_when_permanent_or_out_of_time() {
        assert_eq!(
            decide(
                &POLICY,
                1,
                Outcome {
                    transient: false,
                    ..outcome(0)
                },
                0.0
            ),
            Decision::Stop
        );
        assert_eq!(decide(&POLICY, 9, outcome(51), 0.0), Decision::Stop);
        let asked = Outcome {
            retry_after: Some(Duration::from_hours(1)),
            ..outcome(0)
        };
        assert_eq!(decide(&POLICY, 1, asked, 0.0), Decision::Stop);
    }

    #[test]
    fn jitter_varies_within_bounds() {
        let drawn: Vec<f64> = (0..100).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|x| (0.0..=1.0).contains(x)));
        assert!(drawn.iter().any(|x| *x < 0.4) && drawn.iter().any(|x| *x > 0.6));
    }
}

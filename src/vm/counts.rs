use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use gce::{Instance, Instances};
use serde::{Deserialize, Serialize};

use super::attribute;
use crate::document::Refusal;

/// Guest attribute with what was counted when the gateway was ready; `clawbake-ready` writes it.
const ATTRIBUTE: &str = "clawbake/counts";
/// Kinds at most, and characters of a kind's name: with numbers of a few digits they fit into a label.
const KINDS: usize = 8;
const KIND: usize = 16;
/// Google's limit of a label's value, in characters.
const LABEL: usize = 63;

/// How many of each kind of thing a gateway's state holds: sessions, cron jobs, devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, u64>")]
pub struct Counts(BTreeMap<String, u64>);

/// A kind of which a change has left fewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// What: `sessions`.
    pub kind: String,
    /// How many there were.
    pub before: u64,
    /// How many there are; none if nothing of the kind is counted any more.
    pub after: Option<u64>,
}

/// What somebody says of a state's content. Not to know it is another thing than that there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// It holds this; nothing, if the recipe counts nothing.
    Known(Counts),
    /// Nobody knows what it holds, for this reason.
    Unknown(String),
}

impl Counts {
    /// As a label carries them: `cron-1_sessions-4`. What does not fit is left out, the last in the
    /// alphabet first.
    #[must_use]
    pub fn label(&self) -> String {
        let mut label = String::new();
        for (kind, number) in &self.0 {
            let word = format!("{kind}-{number}");
            let line = usize::from(!label.is_empty());
            if label.len() + line + word.len() > LABEL {
                break;
            }
            if line == 1 {
                label.push('_');
            }
            label.push_str(&word);
        }
        label
    }

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `after` has fewer of. A kind that `after` does not count is lost, one that is new is none.
    #[must_use]
    pub fn lost(&self, after: &Self) -> Vec<Lost> {
        let fewer = |(kind, &before): (&String, &u64)| {
            let after = after.0.get(kind).copied();
            (after.is_none_or(|after| after < before)).then(|| Lost {
                kind: kind.clone(),
                before,
                after,
            })
        };
        self.0.iter().filter_map(fewer).collect()
    }
}

/// For people: `cron 1, sessions 4`.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, number)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{kind} {number}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, before, .. } = self;
        match self.after {
            Some(after) => write!(f, "{kind}: {after} of {before} are left"),
            None => write!(
                f,
                "{kind}: none is counted any more, and there were {before}"
            ),
        }
    }
}

/// Reads a label.
impl FromStr for Counts {
    type Err = Refusal;

    fn from_str(label: &str) -> Result<Self, Refusal> {
        let word = |word: &str| {
            let (kind, number) = word.rsplit_once('-')?;
            Some((kind.to_owned(), number.parse().ok()?))
        };
        let words: Option<Vec<_>> = label
            .split('_')
            .filter(|word| !word.is_empty())
            .map(word)
            .collect();
        let words = words.ok_or_else(|| format!("`{label}` is no label with counts"));
        let counts = words.and_then(|words| {
            let counts: BTreeMap<String, u64> = words.iter().cloned().collect();
            if counts.len() < words.len() {
                return Err(format!("`{label}` counts a kind twice"));
            }
            counts.try_into()
        });
        counts.map_err(|message| Refusal::new(message, "such as sessions-4_cron-1"))
    }
}

impl TryFrom<BTreeMap<String, u64>> for Counts {
    type Error = String;

    fn try_from(counts: BTreeMap<String, u64>) -> Result<Self, String> {
        let plain = |kind: &String| {
            kind.len() <= KIND
                && kind.starts_with(|c: char| c.is_ascii_lowercase())
                && kind
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if let Some(odd) = counts.keys().find(|kind| !plain(kind)) {
            return Err(format!(
                "`{}` is no kind to count: at most {KIND} small letters and digits",
                odd.escape_default()
            ));
        }
        if counts.len() > KINDS {
            let kinds = counts.len();
            return Err(format!(
                "{kinds} kinds are counted, and not at most {KINDS}"
            ));
        }
        Ok(Self(counts))
    }
}

/// What the gateway counted when it became ready, since the VM's last start.
pub(crate) async fn counts(
    instances: &Instances,
    instance: &Instance,
) -> gce::Result<Option<Counts>> {
    #[derive(Deserialize)]
    struct Counted {
        counts: Counts,
    }
    let counted: Option<Counted> = attribute(instances, instance, ATTRIBUTE).await?;
    Ok(counted.map(|counted| counted.counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(label: &str) -> Counts {
        label.parse().unwrap()
    }

    #[test]
    fn a_label_is_read_back_as_it_was_written() {
        for label in [
            "",
            "cron-1",
            "cron-0_devices-12_sessions-18446744073709551615",
        ] {
            assert_eq!(counts(label).label(), label);
        }
        assert_eq!(counts("sessions-4_cron-1"), counts("cron-1_sessions-4"));
        assert_eq!(
            counts("sessions-4_cron-1").to_string(),
            "cron 1, sessions 4"
        );
    }

    #[test]
    fn what_is_no_label_with_counts_is_refused() {
        let nine: Vec<_> = (0..9).map(|n| format!("k{n}-1")).collect();
        for odd in [
            "sessions",
            "sessions-",
            "-4",
            "4-4",
            "Sessions-4",
            "a-b-4",
            "a-18446744073709551616",
            "a-1_a-2",
            "abcdefghijklmnopq-1",
            &nine.join("_"),
        ] {
            assert!(odd.parse::<Counts>().is_err(), "{odd}");
        }
    }

    #[test]
    fn a_label_stays_within_googles_limit_and_what_is_left_is_whole() {
        let many: BTreeMap<String, u64> = ('a'..='h')
            .map(|c| (c.to_string().repeat(KIND), 123))
            .collect();
        let label = Counts::try_from(many).unwrap().label();
        assert_eq!(
            label,
            "aaaaaaaaaaaaaaaa-123_bbbbbbbbbbbbbbbb-123_cccccccccccccccc-123"
        );
        assert!(label.len() <= LABEL);
        assert_eq!(counts(&label).label(), label);
    }

    #[test]
    fn fewer_and_no_longer_counted_is_lost_more_and_new_is_not() {
        let before = counts("channels-2_cron-1_devices-3_sessions-4");
        let after = counts("agents-1_cron-1_devices-5_sessions-2");
        let lost: Vec<_> = before.lost(&after).iter().map(Lost::to_string).collect();
        assert_eq!(
            lost,
            [
                "channels: none is counted any more, and there were 2",
                "sessions: 2 of 4 are left"
            ]
        );
        assert_eq!(before.lost(&before), []);
        assert_eq!(Counts::default().lost(&after), []);
    }
}

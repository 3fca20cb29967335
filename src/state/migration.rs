//! What a state disk says of the deployment that takes its state over (pure).

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::labels::{
    MIGRATION, MIGRATION_BY, MIGRATION_GATE, MIGRATION_KEYS, MIGRATION_SNAPSHOT, MIGRATION_STOPPED,
    MIGRATION_TO, MIGRATION_WAS,
};

type Labels = BTreeMap<String, String>;

/// How far a migration is. Each word is written before the first change that it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// The gateway may be stopped.
    Begun,
    /// It is stopped; its VM may be, and its state copied.
    Stopped,
    /// The stopped state is in a snapshot; the new deployment may be made of it.
    Copied,
    /// The new gateway has taken over.
    Done,
    /// The new VM goes, and the gateway before comes back.
    Back,
}

impl Word {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Begun, "begun"),
        (Self::Stopped, "stopped"),
        (Self::Copied, "copied"),
        (Self::Done, "done"),
        (Self::Back, "back"),
    ];

    /// As a label has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find(|(word, _)| *word == self)
            .map_or("", |(_, name)| name)
    }
}

/// A migration, as the old deployment's state disk tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Migration {
    /// How far it is.
    pub word: Word,
    /// Name of the deployment that takes the state over.
    pub to: String,
    /// The run that carries it out.
    pub by: String,
    /// Whether the old VM ran before.
    pub was_on: bool,
    /// When the old gateway was stopped, in seconds since 1970.
    pub stopped: Option<u64>,
    /// The stopped state.
    pub snapshot: Option<String>,
    /// The gate at which it failed; none if somebody wants to go back.
    pub gate: Option<String>,
}

impl Migration {
    /// What labels say, if they tell of one.
    ///
    /// # Errors
    /// If they cannot be read: nobody may take that for nothing.
    pub fn read(labels: &Labels) -> Result<Option<Self>> {
        let Some(name) = labels.get(MIGRATION) else {
            return Ok(None);
        };
        let mut words = Word::ALL.into_iter();
        let word = words.find(|(_, own)| own == name);
        let (word, _) = word.with_context(|| {
            format!("the label {MIGRATION}={name} is of another version of clawbake")
        })?;
        let get = |key: &str| labels.get(key).cloned();
        let stopped = get(MIGRATION_STOPPED).map(|at| {
            at.parse::<u64>()
                .with_context(|| format!("the label {MIGRATION_STOPPED}={at} is no time"))
        });
        Ok(Some(Self {
            word,
            to: get(MIGRATION_TO).with_context(|| format!("there is no label {MIGRATION_TO}"))?,
            by: get(MIGRATION_BY).unwrap_or_default(),
            was_on: get(MIGRATION_WAS).as_deref() == Some("on"),
            stopped: stopped.transpose()?,
            snapshot: get(MIGRATION_SNAPSHOT),
            gate: get(MIGRATION_GATE),
        }))
    }

    /// These labels with this migration in place of what they told before.
    #[must_use]
    pub fn write(&self, labels: &Labels) -> Labels {
        let mut labels = Self::clear(labels);
        let was = if self.was_on { "on" } else { "off" };
        let said = [
            (MIGRATION, Some(self.word.name().to_owned())),
            (MIGRATION_TO, Some(self.to.clone())),
            (MIGRATION_BY, Some(self.by.clone())),
            (MIGRATION_WAS, Some(was.to_owned())),
            (MIGRATION_STOPPED, self.stopped.map(|at| at.to_string())),
            (MIGRATION_SNAPSHOT, self.snapshot.clone()),
            (MIGRATION_GATE, self.gate.clone()),
        ];
        let said = said.into_iter();
        labels.extend(said.filter_map(|(key, value)| Some((key.to_owned(), value?))));
        labels
    }

    /// These labels without a migration.
    #[must_use]
    pub fn clear(labels: &Labels) -> Labels {
        let kept = labels
            .iter()
            .filter(|(key, _)| !MIGRATION_KEYS.contains(&&***key));
        kept.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_read_as_it_was_written() {
        let before: Labels = [("team".to_owned(), "blue".to_owned())].into();
        for (word, name) in Word::ALL {
            assert_eq!(word.name(), name);
            for full in [false, true] {
                let own = Migration {
                    word,
                    to: "openclaw-gateway".into(),
                    by: "host-1-0123abcd".into(),
                    was_on: full,
                    stopped: full.then_some(7),
                    snapshot: full.then(|| "s".into()),
                    gate: full.then(|| "ready".into()),
                };
                let labels = own.write(&before);
                assert_eq!(Migration::read(&labels).unwrap(), Some(own.clone()));
                assert_eq!(Migration::clear(&labels), before);
            }
        }
        assert_eq!(Migration::read(&before).unwrap(), None);
        for (key, value) in [(MIGRATION, "later"), (MIGRATION_STOPPED, "noon")] {
            let mut odd: Labels = [(MIGRATION, "done"), (MIGRATION_TO, "n")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
            odd.insert(key.into(), value.into());
            assert!(Migration::read(&odd).is_err(), "{key}={value}");
        }
    }
}

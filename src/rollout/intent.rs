//! A rollout under way, as the labels of the state disk say it: whoever looks next, on this machine or
//! another, knows where it stands.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::gate::Gate;
use super::why::Why;
use crate::labels::{
    ROLLOUT, ROLLOUT_BEGAN, ROLLOUT_BY, ROLLOUT_FROM, ROLLOUT_GATE, ROLLOUT_KEYS, ROLLOUT_SNAPSHOT,
    ROLLOUT_STATE, ROLLOUT_TO, ROLLOUT_WHY,
};

/// Labels of a resource.
pub(super) type Labels = BTreeMap<String, String>;

/// How far a rollout has come. Each word is written before the first change that it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Word {
    /// The VM before runs, and its gateway may have been told to stop.
    Begun,
    /// Its gateway has stopped. The VM may be stopped, and deleted once the state is in a snapshot; then
    /// the state disk may be made again from another one.
    Stopped,
    /// The new VM may have been created, and may have written to the state.
    Started,
    /// It failed before the new VM: the VM before is started or created again.
    Undo,
    /// The new VM failed: it is deleted, the state restored, and the VM before created again.
    Back,
}

impl Word {
    const ALL: [(Self, &str); 5] = [
        (Self::Begun, "begun"),
        (Self::Stopped, "stopped"),
        (Self::Started, "started"),
        (Self::Undo, "undo"),
        (Self::Back, "back"),
    ];

    pub(super) fn name(self) -> &'static str {
        let (_, name) = Self::ALL[self as usize];
        name
    }

    fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, own)| *own == name);
        found.map(|(word, _)| word)
    }

    /// Whether it has failed and goes back.
    pub(super) fn is_back(self) -> bool {
        self >= Self::Undo
    }
}

/// What a rollout is doing, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Intent {
    pub(super) word: Word,
    /// Template of the new VM.
    pub(super) to: String,
    /// Template of the VM before; none if nobody knows it.
    pub(super) from: Option<String>,
    /// Name of the snapshot of the state before, once there is one.
    pub(super) snapshot: Option<String>,
    /// Name of the snapshot whose state the new VM gets, if it is not the present one.
    pub(super) state: Option<String>,
    /// Seconds since 1970.
    pub(super) began: u64,
    /// Where it failed.
    pub(super) gate: Option<Gate>,
    /// The run that carries it out.
    pub(super) by: String,
    /// What for: whoever brings it to its end knows what becomes of family and lock.
    pub(super) why: Why,
}

impl Intent {
    /// The intent in a resource's labels. What cannot be read is an error: nobody may take it for none.
    pub(super) fn read(labels: &Labels) -> Result<Option<Self>> {
        if !ROLLOUT_KEYS.iter().any(|key| labels.contains_key(*key)) {
            return Ok(None);
        }
        let find = |key: &str| labels.get(key).filter(|value| !value.is_empty()).cloned();
        let get = |key: &str| find(key).with_context(|| format!("label {key} is missing"));
        let read = || -> Result<Self> {
            let (word, gate) = (get(ROLLOUT)?, find(ROLLOUT_GATE));
            // One that an older version began does not say.
            let why = find(ROLLOUT_WHY).unwrap_or_else(|| Why::Recreate.name().to_owned());
            Ok(Self {
                word: Word::named(&word).with_context(|| format!("there is no step {word}"))?,
                to: get(ROLLOUT_TO)?,
                from: find(ROLLOUT_FROM),
                snapshot: find(ROLLOUT_SNAPSHOT),
                state: find(ROLLOUT_STATE),
                began: get(ROLLOUT_BEGAN)?.parse()?,
                gate: match gate {
                    Some(gate) => Some(
                        Gate::named(&gate).with_context(|| format!("there is no gate {gate}"))?,
                    ),
                    None => None,
                },
                by: get(ROLLOUT_BY)?,
                why: Why::named(&why).with_context(|| format!("there is no verb {why}"))?,
            })
        };
        match read() {
            Ok(intent) => Ok(Some(intent)),
            Err(why) => bail!(
                "a rollout is under way that this clawbake cannot read ({why:#}): use the version that began it"
            ),
        }
    }

    /// A resource's labels with this intent in place of any other.
    pub(super) fn write(&self, labels: &Labels) -> Labels {
        let mut labels = clear(labels);
        let began = self.began.to_string();
        let written = [
            (ROLLOUT, Some(self.word.name())),
            (ROLLOUT_TO, Some(&*self.to)),
            (ROLLOUT_FROM, self.from.as_deref()),
            (ROLLOUT_SNAPSHOT, self.snapshot.as_deref()),
            (ROLLOUT_STATE, self.state.as_deref()),
            (ROLLOUT_BEGAN, Some(&*began)),
            (ROLLOUT_GATE, self.gate.map(Gate::name)),
            (ROLLOUT_BY, Some(&*self.by)),
            (ROLLOUT_WHY, Some(self.why.name())),
        ];
        for (key, value) in written {
            if let Some(value) = value {
                labels.insert(key.to_owned(), value.to_owned());
            }
        }
        labels
    }

    /// The same intent, further on.
    pub(super) fn at(&self, word: Word) -> Self {
        Self {
            word,
            ..self.clone()
        }
    }
}

/// A resource's labels without an intent.
pub(super) fn clear(labels: &Labels) -> Labels {
    let mut labels = labels.clone();
    labels.retain(|key, _| !ROLLOUT_KEYS.contains(&&**key));
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(word: Word) -> Intent {
        Intent {
            word,
            to: "t-2".into(),
            from: Some("t-1".into()),
            snapshot: Some("vm-before-1".into()),
            state: None,
            began: 1_790_000_000,
            gate: Some(Gate::Counts),
            by: "host-1a2b".into(),
            why: Why::Rollback,
        }
    }

    #[test]
    fn an_intent_is_read_as_it_was_written_and_leaves_nothing() {
        let own: Labels = [("a".to_owned(), "b".to_owned())].into();
        for (word, _) in Word::ALL {
            let full = intent(word);
            let bare = Intent {
                from: None,
                snapshot: None,
                gate: None,
                state: Some("s".into()),
                ..full.clone()
            };
            for intent in [full, bare] {
                let labels = intent.write(&own);
                assert_eq!(Intent::read(&labels).unwrap(), Some(intent));
                assert_eq!(clear(&labels), own);
            }
        }
        assert_eq!(Intent::read(&own).unwrap(), None);
    }

    #[test]
    fn one_that_an_older_version_began_is_nobody_s_wish_to_go_back() {
        let mut labels = intent(Word::Started).write(&Labels::new());
        labels.remove(ROLLOUT_WHY);
        let read = Intent::read(&labels).unwrap().unwrap();
        assert_eq!(read.why, Why::Recreate);
    }

    #[test]
    fn an_intent_that_cannot_be_read_is_not_taken_for_none() {
        let labels = intent(Word::Started).write(&Labels::new());
        for key in [ROLLOUT, ROLLOUT_TO, ROLLOUT_BEGAN, ROLLOUT_BY] {
            let mut missing = labels.clone();
            missing.remove(key);
            let error = Intent::read(&missing).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
        for key in [ROLLOUT, ROLLOUT_BEGAN, ROLLOUT_GATE, ROLLOUT_WHY] {
            let mut strange = labels.clone();
            strange.insert(key.to_owned(), "strange".into());
            assert!(Intent::read(&strange).is_err(), "{key}");
        }
    }
}

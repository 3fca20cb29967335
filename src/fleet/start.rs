//! What a start of a VM tells its guest of the state disk.

use gce::{Metadata, MetadataItem};

use crate::vm::{Nonce, item};

/// Metadata key that vouches for a state disk which the launch made itself; holds the nonce.
const MADE_KEY: &str = "clawbake-state-made";
/// Metadata key that lets the guest take over a state disk, whoever filled it; holds the nonce.
const ADOPT_KEY: &str = "clawbake-adopt-state";
/// Metadata key that lets the guest make another gateway's state its own gateway's; holds the nonce.
const GATEWAY_KEY: &str = "clawbake-adopt-gateway";

/// What a start tells the guest of its state disk. It holds for this start alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateDisk {
    /// This very launch made it, blank: it may be formatted without reading all of it.
    Made,
    /// It was there before: it is the deployment's own, or refused.
    Own,
    /// It was there before, and is the deployment's from here on, whoever filled it.
    Adopted,
    /// The same, and whatever gateway its state was.
    Migrated,
}

/// What a launch does with a state disk that was there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopt {
    /// The guest refuses what is not the deployment's own.
    Own,
    /// The guest takes it over, whoever filled it.
    Any,
    /// It is a copy of state that another VM has: the guest takes it over, clears what says so, and
    /// shuts its network.
    Clone,
    /// The same, and its gateway is held: the VM is asked for the state.
    Held,
    /// It is a copy of another gateway's state, which does not run any more: the guest takes it over, and
    /// makes it this gateway's.
    Gateway,
    /// A copy of the state of another gateway that still runs: both.
    GatewayClone,
    /// The guest refuses what is not the deployment's own, and holds its gateway until it has imported a
    /// state.
    Import,
}

impl Adopt {
    /// What `--adopt-state` says.
    #[must_use]
    pub fn any(adopt_state: bool) -> Self {
        if adopt_state { Self::Any } else { Self::Own }
    }
}

impl StateDisk {
    /// A disk that was there before.
    pub(super) fn found(adopt: Adopt) -> Self {
        match adopt {
            Adopt::Own | Adopt::Import => Self::Own,
            Adopt::Any | Adopt::Clone | Adopt::Held => Self::Adopted,
            Adopt::Gateway | Adopt::GatewayClone => Self::Migrated,
        }
    }

    fn items(self, nonce: &Nonce) -> impl Iterator<Item = MetadataItem> {
        let keys: &'static [&'static str] = match self {
            Self::Made => &[MADE_KEY],
            Self::Own => &[],
            Self::Adopted => &[ADOPT_KEY],
            Self::Migrated => &[ADOPT_KEY, GATEWAY_KEY],
        };
        keys.iter().map(move |key| item(key, nonce.to_string()))
    }
}

/// An instance's metadata for another start: a new nonce, and what it vouches for. What an earlier
/// start vouched for is gone.
pub(super) fn for_start(mut metadata: Metadata, nonce: &Nonce, state_disk: StateDisk) -> Metadata {
    let said = [Nonce::KEY, MADE_KEY, ADOPT_KEY, GATEWAY_KEY];
    metadata
        .items
        .retain(|item| !said.contains(&item.key.as_deref().unwrap_or_default()));
    metadata.items.push(nonce.item());
    metadata.items.extend(state_disk.items(nonce));
    metadata
}

#[cfg(test)]
mod tests {
    use gce::Instance;

    use super::*;

    #[test]
    fn what_a_start_vouches_for_ends_with_it() {
        let before = Metadata {
            items: vec![item("user-data", "u"), item(Nonce::KEY, "0")],
            ..Metadata::default()
        };
        let said = |metadata: &Metadata| {
            let pair = |item: &MetadataItem| item.key.clone().zip(item.value.clone()).unwrap();
            metadata.items.iter().map(pair).collect::<Vec<_>>()
        };
        let pairs = |pairs: &[(&str, &str)]| {
            let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
            pairs.iter().map(owned).collect::<Vec<_>>()
        };
        let made = for_start(before, &"1".into(), StateDisk::Made);
        assert_eq!(
            said(&made),
            pairs(&[("user-data", "u"), (Nonce::KEY, "1"), (MADE_KEY, "1")])
        );
        let adopted = for_start(made, &"2".into(), StateDisk::found(Adopt::Any));
        assert_eq!(
            said(&adopted),
            pairs(&[("user-data", "u"), (Nonce::KEY, "2"), (ADOPT_KEY, "2")])
        );
        let migrated = for_start(adopted, &"2".into(), StateDisk::found(Adopt::Gateway));
        assert_eq!(
            said(&migrated),
            pairs(&[
                ("user-data", "u"),
                (Nonce::KEY, "2"),
                (ADOPT_KEY, "2"),
                (GATEWAY_KEY, "2")
            ])
        );
        let again = for_start(migrated, &"3".into(), StateDisk::found(Adopt::Own));
        assert_eq!(
            said(&again),
            pairs(&[("user-data", "u"), (Nonce::KEY, "3")])
        );
        assert_eq!(
            Nonce::of(&Instance {
                metadata: Some(again),
                ..Instance::default()
            }),
            Nonce::from("3")
        );
    }
}

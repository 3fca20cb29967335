//! How a rollout ends that does not reach its goal: the gate, and what became of the deployment.

use std::fmt;

/// What a new release has to pass. The order is that of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Nobody else is changing the deployment.
    Turn,
    /// There is something new, and it has not failed before.
    Check,
    /// The release runs on the recipe's Node.
    Engines,
    /// Its schema is not lower than the state's.
    Schema,
    /// What is to run can be written down.
    Lock,
    /// An image can be made of it.
    Bake,
    /// A VM of that image becomes ready on blank state.
    BootTest,
    /// The release itself says that it can read the state.
    Preflight,
    /// A VM of the image becomes ready on a clone of the state.
    Rehearsal,
    /// The image gets in front of its family.
    Promote,
    /// The VM is replaced, which has the gates that follow.
    Replace,
    /// The VM can be deleted without its state.
    Kept,
    /// The VM stops.
    Stop,
    /// The stopped state is in a snapshot.
    Snapshot,
    /// The VM is deleted.
    Delete,
    /// The state is the one that was asked for.
    State,
    /// The new VM is created.
    Create,
    /// Its gateway becomes ready.
    Ready,
    /// It accepts the token's holder, and nobody else.
    Probe,
    /// Nothing that was counted in the state is missing.
    Counts,
    /// It stays ready.
    Soak,
}

impl Gate {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Turn,
        Self::Check,
        Self::Engines,
        Self::Schema,
        Self::Lock,
        Self::Bake,
        Self::BootTest,
        Self::Preflight,
        Self::Rehearsal,
        Self::Promote,
        Self::Replace,
        Self::Kept,
        Self::Stop,
        Self::Snapshot,
        Self::Delete,
        Self::State,
        Self::Create,
        Self::Ready,
        Self::Probe,
        Self::Counts,
        Self::Soak,
    ];

    /// Its name: in messages, in `--json`, and as the value of a label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Check => "check",
            Self::Engines => "engines",
            Self::Schema => "schema",
            Self::Lock => "lock",
            Self::Bake => "bake",
            Self::BootTest => "boot-test",
            Self::Preflight => "preflight",
            Self::Rehearsal => "rehearsal",
            Self::Promote => "promote",
            Self::Replace => "replace",
            Self::Kept => "kept",
            Self::Stop => "stop",
            Self::Snapshot => "snapshot",
            Self::Delete => "delete",
            Self::State => "state",
            Self::Create => "create",
            Self::Ready => "ready",
            Self::Probe => "probe",
            Self::Counts => "counts",
            Self::Soak => "soak",
        }
    }

    /// Whether the release itself is at fault that fails there. What goes wrong before its VM is started says
    /// nothing of it.
    #[must_use]
    pub fn is_of_the_release(self) -> bool {
        matches!(self, Self::Ready | Self::Probe | Self::Counts | Self::Soak)
    }

    /// The gate of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.name() == name)
    }
}

impl serde::Serialize for Gate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Refused at a gate: VM, state and family are what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where.
    pub gate: Gate,
    /// Why; holds no secret.
    pub why: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "refused at the gate `{}`: {}; nothing was changed",
            self.gate, self.why
        )
    }
}

impl std::error::Error for Refused {}

/// Changed, found worse, and put back: the release before runs again on its own state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// Where it failed.
    pub gate: Gate,
    /// Why; holds no secret.
    pub why: String,
}

impl fmt::Display for PutBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "put back, for it failed at the gate `{}`: {}",
            self.gate, self.why
        )
    }
}

impl std::error::Error for PutBack {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_known_by_its_name() {
        for (place, gate) in Gate::ALL.into_iter().enumerate() {
            assert_eq!(Gate::named(gate.name()), Some(gate));
            assert_eq!(gate as usize, place, "`ALL` is in order");
        }
        assert_eq!(Gate::named("none"), None);
    }
}

//! The way forward to the moment before the new VM, and the way back (pure).

use super::gate::Gate;
use super::intent::{Intent, Word};
use super::next::{End, Next};
use super::scene::{Power, Scene};
use super::step::Step;

/// The way back from where the rollout is: a step that has failed may have been done all the same.
pub(super) fn turn_back(scene: &Scene, intent: &Intent, gate: Gate) -> Intent {
    let changed = intent.word == Word::Started || is_loaded(scene, intent);
    Intent {
        gate: Some(gate),
        ..intent.at(if changed { Word::Back } else { Word::Undo })
    }
}

/// Whether the state is the one that was asked for, in place of the present one.
fn is_loaded(scene: &Scene, intent: &Intent) -> bool {
    let state = intent.state.as_deref();
    state.is_some_and(|state| scene.has(state, intent))
}

/// Whether the state is the one from before, restored, and no other release has been started on it since.
pub(super) fn is_before(scene: &Scene, intent: &Intent) -> bool {
    let before = intent
        .snapshot
        .as_deref()
        .filter(|it| scene.has(it, intent));
    let before = before.and_then(|it| scene.snapshots.get(it));
    let wrote = scene.disk.as_ref().and_then(|disk| disk.written);
    before.is_some_and(|before| before.written == wrote)
}

/// From the stopped gateway to the moment before the new VM.
pub(super) fn replace(scene: &Scene, intent: &Intent) -> Next {
    let on = scene.vm.as_ref().is_some_and(|vm| vm.power == Power::On);
    Next::Take(match (&intent.snapshot, &intent.state) {
        // Somebody has started the VM meanwhile: what its gateway wrote is not in there.
        (Some(snapshot), _) if scene.is_stale(snapshot) => Step::Renew(Intent {
            snapshot: None,
            ..intent.at(Word::Begun)
        }),
        _ if on => Step::Halt,
        (None, _) => Step::Snapshot(intent.clone()),
        (Some(snapshot), _) if !scene.has_ready(snapshot) => return lost(snapshot),
        _ if scene.vm.is_some() => Step::Delete,
        (_, Some(state)) if !scene.has(state, intent) => Step::Restore(state.clone()),
        _ => Step::Record(intent.at(Word::Started)),
    })
}

/// From the new VM, which failed, to the state before.
pub(super) fn clear_away(scene: &Scene, intent: &Intent) -> Next {
    Next::Take(match &intent.snapshot {
        _ if intent.from.is_none() => give_up(intent),
        _ if scene.vm.is_some() => Step::Delete,
        Some(snapshot) if scene.has_ready(snapshot) => Step::Restore(snapshot.clone()),
        snapshot => return lost(snapshot.as_deref().unwrap_or_default()),
    })
}

/// There is nothing to go back to.
pub(super) fn give_up(intent: &Intent) -> Step {
    Step::GiveUp(intent.gate.unwrap_or(Gate::Ready))
}

fn lost(snapshot: &str) -> Next {
    let why = format!("the snapshot {snapshot} of the state before is gone");
    Next::End(End::Stuck(why))
}

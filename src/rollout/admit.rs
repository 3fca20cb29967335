//! Whether a rollout may begin (pure).

use super::aim::Aim;
use super::gate::Gate;
use super::scene::{Power, Scene};
use crate::fleet::SUSPENDED;

/// Whether it may, before anything is changed; where and why it is refused, if not.
pub(super) fn admit(scene: &Scene, aim: &Aim) -> Result<(), (Gate, String)> {
    if scene.restoring().is_some() {
        let why = "its state is being restored: `clawbake state restore` goes on with that";
        return Err((Gate::Turn, why.into()));
    }
    let Some(disk) = &scene.disk else {
        return Err((Gate::State, "there is no state disk".into()));
    };
    if scene.vm.as_ref().is_some_and(|vm| !vm.keeps_state) {
        let why =
            "the VM's state disk would be deleted with it (autoDelete), or is not attached to it";
        return Err((Gate::Kept, why.into()));
    }
    if scene
        .vm
        .as_ref()
        .is_some_and(|vm| vm.power == Power::Suspended)
    {
        return Err((Gate::Stop, SUSPENDED.into()));
    }
    let before = match &aim.state {
        None => disk.written.as_ref(),
        Some(name) => match scene.snapshots.get(name) {
            Some(snapshot) if snapshot.ready => snapshot.written.as_ref(),
            _ => {
                return Err((
                    Gate::State,
                    format!("there is no snapshot {name} that is READY"),
                ));
            }
        },
    };
    match (before, &aim.release) {
        (Some(before), Some(release)) if !release.may_follow(before) => Err((
            Gate::Schema,
            format!(
                "{before} wrote the state, and {release} is older: \
                 `clawbake rollback --with-state` goes back with the state from before"
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::{Disk, Vm};
    use super::super::why::Why;
    use super::*;

    #[test]
    fn a_vm_that_is_suspended_is_refused_for_its_memory_is_on_no_disk() {
        let aim = Aim {
            to: "t".into(),
            release: None,
            from: None,
            why: Why::Recreate,
            state: None,
            now: 0,
            soak: false,
        };
        let admitted = |power| {
            let scene = Scene {
                vm: Some(Vm {
                    power,
                    keeps_state: true,
                    failed: false,
                    template: None,
                    moved: None,
                }),
                disk: Some(Disk {
                    id: 1,
                    source: None,
                    intent: None,
                    written: None,
                    attached: None,
                }),
                snapshots: [].into(),
            };
            admit(&scene, &aim)
        };
        assert_eq!(admitted(Power::On), Ok(()));
        assert_eq!(admitted(Power::Off), Ok(()));
        let (gate, why) = admitted(Power::Suspended).unwrap_err();
        assert_eq!(gate, Gate::Stop);
        assert!(why.contains("`gcloud compute instances resume`"), "{why}");
    }
}

//! Whether a VM's disks have room enough, and what to do if not.

use anyhow::Result;
use gce::Instance;

use crate::cloud::Cloud;
use crate::vm::{self, Room};

/// Percent of a disk. Above it, it fills up before somebody looks again.
const FULL: u8 = 85;

/// What a VM has said of its disks since its last start, if anything.
pub async fn room(cloud: &Cloud, instance: &Instance) -> Result<Option<Room>> {
    let instances = cloud.client.instances(&cloud.zone);
    Ok(vm::room(&instances, instance).await?)
}

/// What to do about a VM's disks, a line for each that fills up; its state disk has `state_gb`.
#[must_use]
pub fn more_room(room: &Room, state_gb: u64) -> Vec<String> {
    let state = room.state_used_percent.filter(|used| *used >= FULL);
    let state = state.map(|_| {
        let larger = state_gb + state_gb.div_ceil(2).max(1);
        format!("`clawbake state grow {larger}`, then `clawbake restart`: the state disk fills up")
    });
    let boot = (room.boot_used_percent >= FULL).then(|| {
        "`clawbake recreate` makes the boot disk anew, `machine: {boot_disk_gb: ...}` larger: it fills up"
            .to_owned()
    });
    state.into_iter().chain(boot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_disk_is_proposed_when_one_fills_up() {
        let room = |state, boot| Room {
            at: "2026-01-01T00:00:00Z".into(),
            state_used_percent: state,
            boot_used_percent: boot,
        };
        assert_eq!(more_room(&room(Some(84), 84), 10), Vec::<String>::new());
        assert_eq!(more_room(&room(None, 40), 10), Vec::<String>::new());
        let grow = |gb| more_room(&room(Some(85), 40), gb);
        assert_eq!(
            grow(10),
            ["`clawbake state grow 15`, then `clawbake restart`: the state disk fills up"]
        );
        assert!(grow(1)[0].starts_with("`clawbake state grow 2`"));
        assert!(more_room(&room(Some(100), 99), 10)[1].starts_with("`clawbake recreate`"));
    }
}

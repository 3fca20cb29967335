use gce::{Instance, Instances};
use serde::{Deserialize, Serialize};

use super::attribute;

/// Guest attribute with the last report; `clawbake-memory` writes it when something has changed.
const ATTRIBUTE: &str = "clawbake/disk";
/// Characters of a time in RFC 3339, at most.
const TIME: usize = 40;

/// How full a VM's disks are, as it was when that last became better or worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// When, RFC 3339.
    pub at: String,
    /// Percent of the state disk that is used, of its bytes or its files; none while it is not mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_used_percent: Option<u8>,
    /// The same of the boot disk.
    pub boot_used_percent: u8,
}

/// What a VM says of its disks, since its last start. `None` if it has not said anything, or what no VM can.
pub(crate) async fn room(instances: &Instances, instance: &Instance) -> gce::Result<Option<Room>> {
    let room: Option<Room> = attribute(instances, instance, ATTRIBUTE).await?;
    Ok(room.filter(Room::is_sane))
}

impl Room {
    fn is_sane(&self) -> bool {
        let state = self.state_used_percent.unwrap_or_default();
        self.at.len() <= TIME && state <= 100 && self.boot_used_percent <= 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_vm_can_say_has_not_been_said() {
        let read = |state: &str, at: &str| {
            let text = format!(
                r#"{{"nonce":"n","at":"{at}","state_used_percent":{state},"boot_used_percent":40}}"#
            );
            serde_json::from_str::<Room>(&text).is_ok_and(|it| it.is_sane())
        };
        let now = "2026-01-01T00:00:00Z";
        assert!(read("91", now) && read("100", now) && read("null", now));
        for odd in ["101", "-1", "256", "9.5", "\"91\""] {
            assert!(!read(odd, now), "{odd}");
        }
        assert!(!read("91", &"2".repeat(TIME + 1)));
    }
}

use gce::{Instance, Instances};
use serde::{Deserialize, Serialize};

use super::attribute;

/// Guest attribute with the last report; `clawbake-memory` writes it when something has changed.
const ATTRIBUTE: &str = "clawbake/memory";
/// MiB: more than any machine type has.
const MOST_MB: u64 = 1 << 26;
/// Characters of a time in RFC 3339, at most.
const TIME: usize = 40;

/// A VM's memory, as it was when it last became better or worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// When, RFC 3339.
    pub at: String,
    /// MiB in all.
    pub total_mb: u64,
    /// MiB that programs could still have.
    pub available_mb: u64,
    /// Percent of the last five minutes in which some program waited for memory, as the kernel's
    /// pressure stall information says.
    pub pressure_some_avg300: f64,
    /// How often the kernel has killed a program for want of memory, since the VM's start.
    pub oom_kills: u64,
    /// The most MiB that the gateway has had, since its own start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_peak_mb: Option<u64>,
}

/// What a VM says of its memory, since its last start. `None` if it has not said anything, or what no VM
/// can.
pub(crate) async fn memory(
    instances: &Instances,
    instance: &Instance,
) -> gce::Result<Option<Memory>> {
    let memory: Option<Memory> = attribute(instances, instance, ATTRIBUTE).await?;
    Ok(memory.filter(Memory::is_sane))
}

impl Memory {
    fn is_sane(&self) -> bool {
        let peak = self.gateway_peak_mb.unwrap_or_default();
        self.at.len() <= TIME
            && (1..MOST_MB).contains(&self.total_mb)
            && self.available_mb <= self.total_mb
            && (0.0..=100.0).contains(&self.pressure_some_avg300)
            && peak < MOST_MB
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"{"nonce":"n","at":"2026-01-01T00:00:00Z","total_mb":1970,"available_mb":88,
        "pressure_some_avg300":41.7,"oom_kills":2,"gateway_peak_mb":1204}"#;

    #[test]
    fn what_no_vm_can_say_has_not_been_said() {
        let read = |text: &str| serde_json::from_str::<Memory>(text).is_ok_and(|it| it.is_sane());
        assert!(read(SAID));
        assert!(read(&SAID.replace(r#","gateway_peak_mb":1204"#, "")));
        for (sane, odd) in [
            ("1970", "0"),
            ("1970", "87"),
            ("1970", "99999999999"),
            ("41.7", "-1"),
            ("41.7", "100.5"),
            ("41.7", "1e999"),
            ("1204", "999999999999"),
            ("\"oom_kills\":2", "\"oom_kills\":-2"),
            ("2026", &"2".repeat(TIME)),
        ] {
            assert!(!read(&SAID.replace(sane, odd)), "{odd}");
        }
    }
}

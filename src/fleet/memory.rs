//! Whether a VM has memory enough, and what to do if not.

use anyhow::Result;
use gce::Instance;

use super::power::machine_type_of;
use super::prices::larger;
use crate::cloud::Cloud;
use crate::vm::{self, Memory};

/// Percent of five minutes that programs may wait for memory. Above it, a gateway answers late.
const PRESSURE: f64 = 20.0;

/// What a VM has said of its memory since its last start, if anything.
pub async fn memory(cloud: &Cloud, instance: &Instance) -> Result<Option<Memory>> {
    let instances = cloud.client.instances(&cloud.zone);
    Ok(vm::memory(&instances, instance).await?)
}

/// What to do about a VM's memory, in a line; `None` if it has enough.
#[must_use]
pub fn remedy(memory: &Memory, instance: &Instance) -> Option<String> {
    if memory.oom_kills == 0 && memory.pressure_some_avg300 < PRESSURE {
        return None;
    }
    let Some((offer, present)) = larger(machine_type_of(instance), memory.total_mb) else {
        return Some("it wants a machine type with more memory: `clawbake resize TYPE`".into());
    };
    let instead = present.map_or(String::new(), |price| format!(" instead of ${price:.2}"));
    Some(format!(
        "`clawbake resize {}`: {} MiB for ${:.2}{instead} a month (Google's list price in us-central1)",
        offer.machine_type, offer.memory_mb, offer.monthly
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_proposed_with_its_price_when_memory_is_short() {
        let memory = |kills, pressure| Memory {
            at: "2026-01-01T00:00:00Z".into(),
            total_mb: 1970,
            available_mb: 88,
            pressure_some_avg300: pressure,
            oom_kills: kills,
            gateway_peak_mb: None,
        };
        let instance = |name: &str| Instance {
            machine_type: Some(format!("https://x/zones/z/machineTypes/{name}")),
            ..Instance::default()
        };
        assert_eq!(remedy(&memory(0, 19.9), &instance("e2-small")), None);
        let told = remedy(&memory(2, 0.0), &instance("e2-small")).unwrap();
        assert_eq!(
            told,
            "`clawbake resize e2-medium`: 4096 MiB for $24.46 instead of $12.23 a month (Google's list \
             price in us-central1)"
        );
        let pressed = remedy(&memory(0, 41.7), &instance("n1-custom-1-2048")).unwrap();
        assert!(pressed.contains("for $24.46 a month"), "{pressed}");
        let large = Memory {
            total_mb: 64_000,
            ..memory(1, 0.0)
        };
        assert!(remedy(&large, &instance("n2-standard-16")).is_some());
    }
}

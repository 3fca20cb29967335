//! What a larger machine costs.
//!
//! Google's list prices of E2 machine types in us-central1, on demand, for a month of 730 hours, in US dollars:
//! <https://cloud.google.com/compute/vm-instance-pricing>. They are made of two prices of the Cloud Billing
//! Catalog, as several public repositories quote it that asked it between 2026-08-29 and 2026-09-27 (we have not
//! asked it ourselves): SKU CF4E-A0C7-E3BF, E2 Instance Core running in Americas, and SKU F449-33EC-A5EF, E2
//! Instance Ram running in Americas. A machine type with a shared core is billed as a part of a core. Other
//! regions cost up to half more. What a machine really costs is on the bill.

/// Of a core for an hour.
const CORE: f64 = 0.021_811_59;
/// Of a GiB of memory for an hour.
const GIB: f64 = 0.002_923_53;
/// In a month.
const HOURS: f64 = 730.0;

/// A machine type and its price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Its name.
    pub machine_type: &'static str,
    /// Its memory in MiB.
    pub memory_mb: u64,
    /// Its list price a month, in US dollars.
    pub monthly: f64,
}

const fn offer(machine_type: &'static str, cores: f64, gib: u32) -> Offer {
    Offer {
        machine_type,
        memory_mb: gib as u64 * 1024,
        monthly: HOURS * (cores * CORE + gib as f64 * GIB),
    }
}

/// With twice the memory from each to the next.
const OFFERS: [Offer; 6] = [
    offer("e2-micro", 0.25, 1),
    offer("e2-small", 0.5, 2),
    offer("e2-medium", 1.0, 4),
    offer("e2-standard-2", 2.0, 8),
    offer("e2-standard-4", 4.0, 16),
    offer("e2-standard-8", 8.0, 32),
];

/// The next larger machine than one with so much memory in MiB, and what the present one costs, if it is
/// one of these. A VM sees a little less than its type has.
#[must_use]
pub fn larger(machine_type: &str, memory_mb: u64) -> Option<(Offer, Option<f64>)> {
    let present = OFFERS.iter().find(|it| it.machine_type == machine_type);
    let has = present.map_or(memory_mb, |it| it.memory_mb);
    let next = OFFERS.iter().find(|it| it.memory_mb > has * 5 / 4)?;
    Some((*next, present.map(|it| it.monthly)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_larger_machine_has_more_memory_and_a_higher_price() {
        let next = |name, mb| larger(name, mb).map(|(offer, _)| offer.machine_type);
        assert_eq!(next("e2-micro", 957), Some("e2-small"));
        assert_eq!(next("e2-small", 1970), Some("e2-medium"));
        // Not in the table: by what the VM sees.
        assert_eq!(next("n2-custom-2-3072", 2950), Some("e2-medium"));
        assert_eq!(next("n2-standard-2", 7960), Some("e2-standard-4"));
        assert_eq!(next("e2-standard-8", 32_000), None);
        for pair in OFFERS.windows(2) {
            assert!(pair[0].memory_mb < pair[1].memory_mb && pair[0].monthly < pair[1].monthly);
        }
        let told = OFFERS.map(|it| format!("{:.2}", it.monthly)).join(" ");
        assert_eq!(told, "6.11 12.23 24.46 48.92 97.84 195.67");
        assert_eq!(larger("e2-small", 1970).unwrap().1, Some(OFFERS[1].monthly));
        assert_eq!(larger("n2-standard-2", 7960).unwrap().1, None);
    }
}

use gce::Quota;

use super::Finding;

const AREA: &str = "quota";

/// What a VM that does not exist yet will use of a region's quotas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub cpus: u32,
    /// Boot and state disk together. Balanced disks count as SSD.
    pub disk_gb: u32,
    pub address: bool,
}

pub(super) fn judge(quotas: &[Quota], needs: Needs, region: &str) -> Vec<Finding> {
    let needed = [
        ("CPUS", needs.cpus),
        ("INSTANCES", u32::from(needs != Needs::default())),
        ("SSD_TOTAL_GB", needs.disk_gb),
        ("IN_USE_ADDRESSES", u32::from(needs.address)),
    ];
    let short = needed.iter().filter_map(|(metric, needed)| {
        let quota = quotas
            .iter()
            .find(|quota| quota.metric.as_deref() == Some(metric))?;
        let (limit, usage) = (quota.limit?, quota.usage.unwrap_or_default());
        (limit - usage < f64::from(*needed)).then(|| {
            Finding::problem(
                AREA,
                format!("{metric} in {region}: {usage} of {limit} used, {needed} more needed"),
                format!(
                    "ask for more at https://console.cloud.google.com/iam-admin/quotas, delete what is not needed, or take a zone of another region than {region}"
                ),
            )
        })
    });
    let short: Vec<_> = short.collect();
    if short.is_empty() {
        return vec![Finding::ok(AREA, format!("{region} has room for the VM"))];
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn quota(metric: &str, usage: f64, limit: f64) -> Quota {
        Quota {
            metric: Some(metric.into()),
            usage: Some(usage),
            limit: Some(limit),
        }
    }

    const NEEDS: Needs = Needs {
        cpus: 2,
        disk_gb: 30,
        address: true,
    };

    #[test]
    fn what_does_not_fit_is_named_with_its_numbers() {
        let quotas = [
            quota("CPUS", 23.0, 24.0),
            quota("SSD_TOTAL_GB", 470.0, 500.0),
        ];
        let findings = judge(&quotas, NEEDS, "us-central1");
        assert_eq!(findings.len(), 1, "30 of 30 GB fit: {findings:?}");
        assert_eq!(findings[0].level, Level::Problem);
        assert_eq!(
            findings[0].message,
            "CPUS in us-central1: 23 of 24 used, 2 more needed"
        );
    }

    #[test]
    fn a_vm_that_is_there_needs_nothing_more() {
        let full = [quota("CPUS", 24.0, 24.0), quota("INSTANCES", 9.0, 9.0)];
        let findings = judge(&full, Needs::default(), "r");
        assert_eq!(findings[0].level, Level::Ok);
        let findings = judge(&full, NEEDS, "r");
        assert_eq!(findings.len(), 2);
    }
}

//! The builder VM.

use crate::document::Cursor;
use crate::recipe::BuilderVm;

/// One day: a bake that takes longer is stuck.
const LONGEST: u64 = 24 * 60;

/// What the recipe leaves out has its default.
pub(super) fn builder(at: Option<Cursor>) -> Option<BuilderVm> {
    let default = BuilderVm::default();
    let Some(at) = at else {
        return Some(default);
    };
    let keys = at.fields(&[
        "machine_type",
        "deadline_minutes",
        "service_account",
        "external_ip",
    ])?;
    let machine_type = keys.or("machine_type", default.machine_type, |c| c.parse());
    let deadline_minutes = keys.or("deadline_minutes", default.deadline_minutes, |c| {
        c.number(5..=LONGEST, "a number of minutes for a bake")
    });
    let service_account = keys.or("service_account", None, |c| c.parse().map(Some));
    let external_ip = keys.or("external_ip", default.external_ip, |c| c.flag());
    Some(BuilderVm {
        machine_type: machine_type?,
        deadline_minutes: deadline_minutes?,
        service_account: service_account?,
        external_ip: external_ip?,
    })
}

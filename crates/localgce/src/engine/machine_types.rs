//! The machine types that an instance can have.

use crate::catalog::{MACHINE_TYPES, MachineType};
use crate::error::Error;
use crate::key::{Key, last, link};

/// The link of the machine type that an instance asks for by name or link.
pub fn find_link(instance: &Key, reference: &str) -> Result<String, Error> {
    let (project, zone) = (&instance.project, instance.zone().unwrap_or_default());
    let machine_type = find(project, zone, reference)?;
    Ok(link_of(project, zone, machine_type))
}

/// The machine type of a zone by name or link.
pub fn find(project: &str, zone: &str, reference: &str) -> Result<&'static MachineType, Error> {
    let name = last(reference);
    MACHINE_TYPES
        .iter()
        .find(|machine_type| machine_type.name == name)
        .ok_or_else(|| Error::not_found(&format!("{}/{name}", parent(project, zone))))
}

/// A machine type's link.
pub fn link_of(project: &str, zone: &str, machine_type: &MachineType) -> String {
    link(&format!("{}/{}", parent(project, zone), machine_type.name))
}

/// `projects/P/zones/Z/machineTypes`.
pub fn parent(project: &str, zone: &str) -> String {
    format!("projects/{project}/zones/{zone}/machineTypes")
}

//! What Google provides and nobody creates: zones, machine types, services, roles, the projects
//! that are there from the start.

pub mod roles;
pub mod services;

use md5::{Digest, Md5};

/// A project, as far as its name tells; whether there is one, the store knows.
#[derive(Clone, Copy)]
pub struct Project<'a> {
    /// The id that people choose.
    pub id: &'a str,
    /// The number that Google gives.
    pub number: u64,
}

impl Project<'_> {
    /// Whether its images are everybody's.
    pub fn is_public(&self) -> bool {
        PROJECTS[1..].iter().any(|project| project.id == self.id)
    }

    /// The service account that `default` stands for.
    pub fn default_service_account(&self) -> String {
        format!("{}-compute@developer.gserviceaccount.com", self.number)
    }
}

/// The user's own project first, then the one where public images live.
pub const PROJECTS: [Project<'static>; 2] = [
    Project {
        id: "clawbake-local",
        number: 417_203_886_551,
    },
    Project {
        id: "debian-cloud",
        number: 461_097_999_984,
    },
];

/// The only billing account.
pub const BILLING_ACCOUNT: &str = "billingAccounts/01C1AB-BA4E00-10CA1E";

/// The account that the local target's VMs have, in the user's own project.
pub const VM_ACCOUNT: &str = "clawbake-vm";

/// The only region.
pub const REGION: &str = "us-central1";

/// Its zones.
pub const ZONES: [&str; 4] = [
    "us-central1-a",
    "us-central1-b",
    "us-central1-c",
    "us-central1-f",
];

/// The project that an id means, or the number of one of [`PROJECTS`]. The number of a project that
/// somebody creates is made from its id, so that nobody needs the store to tell the one by the other.
pub fn project(id_or_number: &str) -> Option<Project<'_>> {
    let known = PROJECTS
        .iter()
        .find(|project| project.id == id_or_number || project.number.to_string() == id_or_number);
    known.copied().or_else(|| {
        is_project_id(id_or_number).then(|| Project {
            id: id_or_number,
            number: number(id_or_number),
        })
    })
}

/// Whether a project may be called so: 6 to 30 lower-case letters, digits and hyphens
/// (`projects.create` in Resource Manager's discovery document).
pub fn is_project_id(id: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (6..=30).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(inner)
        && !id.ends_with('-')
}

/// Twelve digits, as Google's project numbers have.
fn number(id: &str) -> u64 {
    let hash: [u8; 16] = Md5::digest(id).into();
    let head = hash
        .iter()
        .take(8)
        .fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    100_000_000_000 + head % 900_000_000_000
}

/// A predefined machine type.
pub struct MachineType {
    /// Its name.
    pub name: &'static str,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
}

impl MachineType {
    /// Whether its CPUs are a fraction of real ones.
    pub fn shared_cpu(&self) -> bool {
        ["e2-micro", "e2-small", "e2-medium"].contains(&self.name)
    }
}

const fn machine_type(name: &'static str, cpus: u32, memory_mib: u32) -> MachineType {
    MachineType {
        name,
        cpus,
        memory_mib,
    }
}

/// Sizes from <https://cloud.google.com/compute/docs/machine-resource>.
pub const MACHINE_TYPES: [MachineType; 15] = [
    machine_type("c3-standard-4", 4, 16384),
    machine_type("e2-highcpu-2", 2, 2048),
    machine_type("e2-highcpu-4", 4, 4096),
    machine_type("e2-highmem-2", 2, 16384),
    machine_type("e2-medium", 2, 4096),
    machine_type("e2-micro", 2, 1024),
    machine_type("e2-small", 2, 2048),
    machine_type("e2-standard-2", 2, 8192),
    machine_type("e2-standard-4", 4, 16384),
    machine_type("e2-standard-8", 8, 32768),
    machine_type("n1-standard-1", 1, 3840),
    machine_type("n2-standard-2", 2, 8192),
    machine_type("n2-standard-4", 4, 16384),
    machine_type("t2d-standard-1", 1, 4096),
    machine_type("t2d-standard-2", 2, 8192),
];

#[cfg(test)]
mod tests {
    use super::{PROJECTS, project};

    #[test]
    fn projects_by_id_and_number() {
        assert_eq!(project("417203886551").unwrap().id, PROJECTS[0].id);
        let mine = project("my-project").unwrap();
        assert_eq!((mine.id, mine.number.to_string().len()), ("my-project", 12));
        for bad in ["short", "1project", "Project", "project-", "123456789012"] {
            assert!(project(bad).is_none(), "{bad}");
        }
    }
}

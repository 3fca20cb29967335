//! What Google provides and nobody creates: projects, zones, machine types.

/// A project.
pub struct Project {
    /// The id that people choose.
    pub id: &'static str,
    /// The number that Google gives.
    pub number: u64,
}

impl Project {
    /// The service account that `default` stands for.
    pub fn default_service_account(&self) -> String {
        format!("{}-compute@developer.gserviceaccount.com", self.number)
    }
}

/// The user's own project first, then the one where public images live.
pub const PROJECTS: [Project; 2] = [
    Project {
        id: "clawbake-local",
        number: 417_203_886_551,
    },
    Project {
        id: "debian-cloud",
        number: 461_097_999_984,
    },
];

/// The only region.
pub const REGION: &str = "us-central1";

/// Its zones.
pub const ZONES: [&str; 4] = [
    "us-central1-a",
    "us-central1-b",
    "us-central1-c",
    "us-central1-f",
];

/// A project by its id or its number.
pub fn project(id_or_number: &str) -> Option<&'static Project> {
    PROJECTS
        .iter()
        .find(|project| project.id == id_or_number || project.number.to_string() == id_or_number)
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

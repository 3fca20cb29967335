//! Names of Compute Engine's resources, and the links made of them.

/// Every link starts with this, whatever address the client used: clients take it for Google's.
pub const BASE: &str = "https://www.googleapis.com/compute/v1/";

/// What kind of thing a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A disk.
    Disk,
    /// A firewall rule.
    Firewall,
    /// An image.
    Image,
    /// A VM instance.
    Instance,
    /// An operation.
    Operation,
}

impl Kind {
    /// The word in paths.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Disk => "disks",
            Self::Firewall => "firewalls",
            Self::Image => "images",
            Self::Instance => "instances",
            Self::Operation => "operations",
        }
    }

    /// The resource's `kind`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Disk => "compute#disk",
            Self::Firewall => "compute#firewall",
            Self::Image => "compute#image",
            Self::Instance => "compute#instance",
            Self::Operation => "compute#operation",
        }
    }
}

/// A resource's full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The project's id.
    pub project: String,
    /// None for a global resource.
    pub zone: Option<String>,
    /// Its kind.
    pub kind: Kind,
    /// Its own name.
    pub name: String,
}

impl Key {
    /// `projects/P/zones/Z/disks/D`.
    pub fn path(&self) -> String {
        format!(
            "{}/{}",
            parent(&self.project, self.zone.as_deref(), self.kind),
            self.name
        )
    }

    /// The path as a URL.
    pub fn link(&self) -> String {
        link(&self.path())
    }

    /// The name of another resource in the same place.
    pub fn sibling(&self, kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            ..self.clone()
        }
    }

    /// The resource that a URL, a path or a bare name means to one who stands at `self`.
    pub fn resolve(&self, kind: Kind, reference: &str) -> Option<Self> {
        let parts: Vec<_> = relative(reference).split('/').collect();
        let (project, rest) = match parts.as_slice() {
            ["projects", project, rest @ ..] => (crate::catalog::project(project)?.id, rest),
            rest => (self.project.as_str(), rest),
        };
        let (zone, name) = match rest {
            ["global", collection, name] if *collection == kind.collection() => (None, *name),
            ["zones", zone, collection, name] if *collection == kind.collection() => {
                (Some((*zone).to_owned()), *name)
            }
            [name] if !name.is_empty() => (self.zone.clone(), *name),
            _ => return None,
        };
        Some(Self {
            project: project.into(),
            zone,
            kind,
            name: name.into(),
        })
    }
}

/// The collection's path.
pub fn parent(project: &str, zone: Option<&str>, kind: Kind) -> String {
    let scope = zone.map_or_else(|| "global".into(), |zone| format!("zones/{zone}"));
    format!("projects/{project}/{scope}/{}", kind.collection())
}

/// A path as a URL.
pub fn link(path: &str) -> String {
    format!("{BASE}{path}")
}

/// A zone's URL.
pub fn zone_link(project: &str, zone: &str) -> String {
    link(&format!("projects/{project}/zones/{zone}"))
}

/// A URL without its server and version; anything else as it is.
pub fn relative(reference: &str) -> &str {
    reference
        .split_once("/compute/v1/")
        .map_or(reference, |(_, path)| path)
}

/// The last part of a path.
pub fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::{Key, Kind};

    #[test]
    fn references_in_all_their_forms() {
        let here = Key {
            project: "clawbake-local".into(),
            zone: Some("us-central1-a".into()),
            kind: Kind::Instance,
            name: "vm".into(),
        };
        let disk = here.sibling(Kind::Disk, "d");
        for reference in [
            "d",
            "zones/us-central1-a/disks/d",
            "projects/clawbake-local/zones/us-central1-a/disks/d",
            "https://compute.googleapis.com/compute/v1/projects/clawbake-local/zones/us-central1-a/disks/d",
            &disk.link(),
        ] {
            assert_eq!(
                here.resolve(Kind::Disk, reference),
                Some(disk.clone()),
                "{reference}"
            );
        }
        for reference in ["", "global/images/d", "projects/other/global/disks/d"] {
            assert_eq!(here.resolve(Kind::Disk, reference), None, "{reference}");
        }
    }
}

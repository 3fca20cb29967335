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
    /// A group of instances.
    InstanceGroup,
    /// What makes and deletes the instances of a group.
    InstanceGroupManager,
    /// A template of instances.
    InstanceTemplate,
    /// An operation.
    Operation,
    /// A resource policy, such as a schedule of snapshots.
    ResourcePolicy,
    /// A snapshot of a disk.
    Snapshot,
}

impl Kind {
    /// The word in paths.
    pub fn collection(self) -> &'static str {
        self.names().0
    }

    /// The resource's `kind`.
    pub fn kind(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Disk => ("disks", "compute#disk"),
            Self::Firewall => ("firewalls", "compute#firewall"),
            Self::Image => ("images", "compute#image"),
            Self::Instance => ("instances", "compute#instance"),
            Self::InstanceGroup => ("instanceGroups", "compute#instanceGroup"),
            Self::InstanceGroupManager => ("instanceGroupManagers", "compute#instanceGroupManager"),
            Self::InstanceTemplate => ("instanceTemplates", "compute#instanceTemplate"),
            Self::Operation => ("operations", "compute#operation"),
            Self::ResourcePolicy => ("resourcePolicies", "compute#resourcePolicy"),
            Self::Snapshot => ("snapshots", "compute#snapshot"),
        }
    }
}

/// Where in a project a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Global,
    /// In a region.
    Region(String),
    /// In a zone.
    Zone(String),
}

impl Scope {
    /// `global`, `regions/R`, `zones/Z`.
    pub fn path(&self) -> String {
        match self {
            Self::Global => "global".into(),
            Self::Region(region) => format!("regions/{region}"),
            Self::Zone(zone) => format!("zones/{zone}"),
        }
    }

    /// The place, and what follows it in a path.
    fn split<'a>(parts: &'a [&'a str]) -> Option<(Self, &'a [&'a str])> {
        match parts {
            ["global", rest @ ..] => Some((Self::Global, rest)),
            ["regions", region, rest @ ..] => Some((Self::Region((*region).into()), rest)),
            ["zones", zone, rest @ ..] => Some((Self::Zone((*zone).into()), rest)),
            _ => None,
        }
    }
}

/// A resource's full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The project's id.
    pub project: String,
    /// Where in it.
    pub scope: Scope,
    /// Its kind.
    pub kind: Kind,
    /// Its own name.
    pub name: String,
}

impl Key {
    /// The resource of a full path.
    pub fn parse(kind: Kind, path: &str) -> Option<Self> {
        let parts: Vec<_> = path.split('/').collect();
        let ["projects", project, rest @ ..] = parts.as_slice() else {
            return None;
        };
        let (scope, [collection, name]) = Scope::split(rest)? else {
            return None;
        };
        (*collection == kind.collection()).then(|| Self {
            project: (*project).into(),
            scope,
            kind,
            name: (*name).into(),
        })
    }

    /// `projects/P/zones/Z/disks/D`.
    pub fn path(&self) -> String {
        let parent = parent(&self.project, &self.scope, self.kind);
        format!("{parent}/{}", self.name)
    }

    /// The path as a URL.
    pub fn link(&self) -> String {
        link(&self.path())
    }

    /// The zone's name, of a resource that is in one.
    pub fn zone(&self) -> Option<&str> {
        match &self.scope {
            Scope::Zone(zone) => Some(zone),
            Scope::Global | Scope::Region(_) => None,
        }
    }

    /// The name of another resource in the same place.
    pub fn sibling(&self, kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            ..self.clone()
        }
    }

    /// The name of another resource of the same project, elsewhere.
    pub fn cousin(&self, scope: Scope, kind: Kind, name: &str) -> Self {
        Self {
            scope,
            ..self.sibling(kind, name)
        }
    }

    /// The resource that a URL, a path or a bare name means to one who stands at `self`.
    pub fn resolve(&self, kind: Kind, reference: &str) -> Option<Self> {
        let parts: Vec<_> = relative(reference).split('/').collect();
        let (project, rest) = match parts.as_slice() {
            ["projects", project, rest @ ..] => (crate::catalog::project(project)?.id, rest),
            rest => (self.project.as_str(), rest),
        };
        let (scope, name) = match (Scope::split(rest), rest) {
            (Some((scope, [collection, name])), _) if *collection == kind.collection() => {
                (scope, *name)
            }
            (None, [name]) if !name.is_empty() => (self.scope.clone(), *name),
            _ => return None,
        };
        Some(Self {
            project: project.into(),
            scope,
            kind,
            name: name.into(),
        })
    }
}

/// The collection's path.
pub fn parent(project: &str, scope: &Scope, kind: Kind) -> String {
    format!("projects/{project}/{}/{}", scope.path(), kind.collection())
}

/// The place of a resource, by its link: `zones/Z`.
pub fn scope_of(link: &str) -> Option<String> {
    let parts: Vec<_> = relative(link).split('/').collect();
    Some(Scope::split(parts.get(2..)?)?.0.path())
}

/// A path as a URL.
pub fn link(path: &str) -> String {
    format!("{BASE}{path}")
}

/// A zone's URL.
pub fn zone_link(project: &str, zone: &str) -> String {
    link(&format!("projects/{project}/zones/{zone}"))
}

/// A region's URL.
pub fn region_link(project: &str, region: &str) -> String {
    link(&format!("projects/{project}/regions/{region}"))
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
    use super::{Key, Kind, Scope, scope_of};

    #[test]
    fn references_in_all_their_forms() {
        let here = Key {
            project: "clawbake-local".into(),
            scope: Scope::Zone("us-central1-a".into()),
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
        assert_eq!(Key::parse(Kind::Disk, &disk.path()), Some(disk.clone()));
        assert_eq!(
            scope_of(&disk.link()).as_deref(),
            Some("zones/us-central1-a")
        );
        let policy = here.resolve(Kind::ResourcePolicy, "regions/r/resourcePolicies/p");
        assert_eq!(policy.unwrap().scope, Scope::Region("r".into()));
        for reference in ["", "global/images/d", "projects/other/global/disks/d"] {
            assert_eq!(here.resolve(Kind::Disk, reference), None, "{reference}");
        }
    }
}

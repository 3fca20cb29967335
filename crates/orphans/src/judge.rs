//! Finds the orphans in a scene (pure).

use serde_json::Value;

use crate::files::COLLECTIONS;
use crate::finding::Finding;
use crate::scene::Scene;

/// Files of the engine besides its collections, and of what starts it.
const OWN: [&str; 11] = [
    "cache",
    "endpoint.json",
    "engine.log",
    "engine.tag",
    "kvm-distrust.json",
    "localgce.db",
    "localgce.db-shm",
    "localgce.db-wal",
    "lock",
    "reserve",
    "token",
];

/// States that end by themselves while a worker is alive.
const PASSING: [&str; 9] = [
    "CREATING",
    "DELETING",
    "PENDING",
    "PROVISIONING",
    "RESTORING",
    "RUNNING",
    "STAGING",
    "STOPPING",
    "UPLOADING",
];

/// The project whose images are made when they are first needed.
const PUBLIC: &str = "projects/debian-cloud/";

pub(crate) fn findings(scene: &Scene) -> Vec<Finding> {
    let mut found = processes(scene);
    found.extend(scene.mounts.iter().cloned().map(Finding::Mount));
    found.extend(files(scene));
    found.extend(resources(scene));
    found.extend(objects(scene));
    found.extend(passing_files(scene));
    found.extend(references(scene));
    found.sort();
    found
}

fn processes(scene: &Scene) -> Vec<Finding> {
    let owned = |pid: &u32| scene.engine == Some(*pid);
    let orphans = scene.processes.iter().filter(|process| {
        let ours = owned(&process.pid) || process.ancestors.iter().any(owned);
        !ours || machine(&process.command).is_some_and(|id| !scene.rows.has_id("instances", id))
    });
    orphans
        .map(|process| Finding::Process {
            pid: process.pid,
            command: process.command.clone(),
        })
        .collect()
}

/// The instance id in a machine's command line.
fn machine(command: &str) -> Option<&str> {
    let (_, rest) = command.split_once("/vms/")?;
    rest.split('/').next()
}

fn files(scene: &Scene) -> Vec<Finding> {
    let names = scene.files.keys();
    names
        .filter(|path| !has_owner(scene, path))
        .cloned()
        .map(Finding::File)
        .collect()
}

fn has_owner(scene: &Scene, path: &str) -> bool {
    let rows = &scene.rows;
    let Some((collection, name)) = path.split_once('/') else {
        return OWN.contains(&path) || COLLECTIONS.contains(&path);
    };
    // A deleted image or snapshot stays for the disks that are based on it.
    let base_of_a_disk =
        |field: &str, id: &str| rows.of("disks").any(|(_, disk)| disk[field] == id);
    match (collection, name.strip_suffix(".qcow2")) {
        ("objects", _) => {
            let mut uploads = rows.uploads.iter();
            rows.objects.iter().any(|(file, _)| file == name)
                || uploads.any(|(.., file)| file.as_deref() == Some(name))
        }
        ("images", Some(id)) => rows.has_id("images", id) || base_of_a_disk("sourceImageId", id),
        ("snapshots", Some(id)) => {
            rows.has_id("snapshots", id) || base_of_a_disk("sourceSnapshotId", id)
        }
        ("disks", Some(id)) => rows.has_id("disks", id),
        ("vms", None) => rows.has_id("instances", name),
        _ => false,
    }
}

/// Resources whose file or machine is missing, or whose worker is gone.
fn resources(scene: &Scene) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, body) in &scene.rows.resources {
        let mut say = |why: String| found.push(row(path, why));
        let collection = path.rsplit('/').nth(1).unwrap_or_default();
        let status = text(body, "status");
        let runs = collection == "instances" && status == "RUNNING";
        if PASSING.contains(&status) && !runs {
            say(format!("{status}, and nobody is at work"));
        }
        let machine_of = |id: &str| {
            scene
                .processes
                .iter()
                .any(|p| machine(&p.command) == Some(id))
        };
        if runs && !machine_of(text(body, "id")) {
            say("RUNNING, and has no machine".into());
        }
        if status != "READY" || path.starts_with(PUBLIC) {
            continue;
        }
        let own = ["disks", "images", "snapshots"].contains(&collection);
        let file = |collection: &str, id: &str| format!("{collection}/{id}.qcow2");
        let own = own.then(|| file(collection, text(body, "id")));
        let bases = [
            ("images", "sourceImageId"),
            ("snapshots", "sourceSnapshotId"),
        ];
        let bases = bases.into_iter().filter(|_| collection == "disks");
        let bases = bases.filter_map(|(of, field)| Some(file(of, body[field].as_str()?)));
        for needed in own.into_iter().chain(bases) {
            if !scene.files.contains_key(&needed) {
                say(format!("{needed} is not there"));
            }
        }
    }
    found
}

/// Objects whose content is missing or incomplete.
fn objects(scene: &Scene) -> Vec<Finding> {
    let objects = scene.rows.objects.iter().filter_map(|(file, body)| {
        let file = format!("objects/{file}");
        let why = match scene.files.get(&file) {
            None => format!("{file} is not there"),
            Some(length) if length.to_string() != text(body, "size") => {
                format!("{file} has {length} bytes, not {}", text(body, "size"))
            }
            Some(_) => return None,
        };
        Some(row(text(body, "id"), why))
    });
    objects.collect()
}

/// Files that somebody is to have made or removed by now.
fn passing_files(scene: &Scene) -> Vec<Finding> {
    let files = scene.rows.files.iter().filter_map(|(path, state)| {
        let why = match (state.as_str(), scene.files.contains_key(path)) {
            // Found as a file, unless a disk is based on it.
            ("doomed", true) => return None,
            ("doomed", false) => "doomed, and not there any more".into(),
            _ => format!("{state}, and nobody is at work"),
        };
        Some(row(path, why))
    });
    files.collect()
}

/// Rows that are about something that is not there.
fn references(scene: &Scene) -> Vec<Finding> {
    let rows = &scene.rows;
    let resource = |path: &str| rows.resources.contains_key(path);
    let mut found = Vec::new();
    let mut check = |there: bool, row_: String, what: &str| {
        if !there {
            found.push(row(&row_, format!("there is no {what}")));
        }
    };
    for (disk, body) in rows.of("disks") {
        for user in body["users"].as_array().into_iter().flatten() {
            let user = user.as_str().unwrap_or_default();
            let path = user.find("projects/").map_or(user, |at| &user[at..]);
            check(resource(path), disk.into(), user);
        }
    }
    for id in &rows.attributes {
        check(
            rows.has_id("instances", id),
            format!("guest attributes of {id}"),
            "such instance",
        );
    }
    for (group, instance) in &rows.members {
        check(resource(group), format!("member {instance}"), group);
        check(resource(instance), format!("member of {group}"), instance);
    }
    for (id, bucket, _) in &rows.uploads {
        check(
            rows.buckets.contains(bucket),
            format!("upload {id}"),
            bucket,
        );
    }
    for operation in &rows.requests {
        let there = rows
            .of("operations")
            .any(|(_, body)| body["name"] == operation.as_str());
        check(there, "request".into(), operation);
    }
    for policy in &rows.policies {
        let bucket = policy.strip_prefix("projects/_/buckets/");
        let there = match bucket {
            Some(bucket) => rows.buckets.iter().any(|there| there == bucket),
            None => !policy.contains("/serviceAccounts/") || rows.accounts.contains(policy),
        };
        check(there, format!("policy of {policy}"), "such resource");
    }
    found
}

fn row(row: &str, why: String) -> Finding {
    Finding::Row {
        row: row.into(),
        why,
    }
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;

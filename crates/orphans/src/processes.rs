//! Processes that have to do with a directory.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A process that has the directory in its arguments, or works in it, or has something of it open.
#[derive(Debug)]
pub(crate) struct Process {
    pub pid: u32,
    /// Its parent, that one's parent, and so on.
    pub ancestors: Vec<u32>,
    pub command: String,
}

/// The processes of `dir` other than this one.
pub(crate) fn of(dir: &Path) -> Result<Vec<Process>> {
    let name = dir.to_str().context("a directory in UTF-8")?;
    let sockets = sockets(
        &fs::read_to_string("/proc/net/unix").unwrap_or_default(),
        dir,
    );
    let mut parents = HashMap::new();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("listing the processes")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let path = entry.path();
        // What cannot be read has ended meanwhile.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else {
            continue;
        };
        parents.insert(pid, parent(&stat));
        let command = fs::read(path.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if pid != std::process::id() && (mentions(&command, name) || holds(&path, dir, &sockets)) {
            found.push((pid, command));
        }
    }
    let ancestors = |pid| {
        let mut line = Vec::new();
        let mut next = parents.get(&pid);
        while let Some(parent) = next.filter(|parent| **parent != 0) {
            line.push(*parent);
            next = parents.get(parent);
        }
        line
    };
    let found = found.into_iter().map(|(pid, command)| Process {
        pid,
        ancestors: ancestors(pid),
        command,
    });
    Ok(found.collect())
}

/// Whether a process works below `dir`, or has a file or one of the named sockets there open.
fn holds(process: &Path, dir: &Path, sockets: &HashSet<String>) -> bool {
    let links = ["cwd", "root", "exe"].map(|link| process.join(link));
    let open = fs::read_dir(process.join("fd")).into_iter().flatten();
    let open = open.flatten().map(|entry| entry.path());
    let mut held = links.into_iter().chain(open).flat_map(fs::read_link);
    held.any(|target| target.starts_with(dir) || sockets.contains(&*target.to_string_lossy()))
}

/// The links to sockets below `dir`, out of the table of unix sockets, whose last columns are inode and
/// path.
fn sockets(table: &str, dir: &Path) -> HashSet<String> {
    let lines = table.lines().filter_map(|line| {
        let mut columns = line.split_whitespace().skip(6);
        Some((columns.next()?, columns.next()?))
    });
    lines
        .filter(|(_, path)| Path::new(path).starts_with(dir))
        .map(|(inode, _)| format!("socket:[{inode}]"))
        .collect()
}

/// The parent out of `/proc/PID/stat`: the second field behind the name, which may hold anything.
fn parent(stat: &str) -> u32 {
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let parent = fields.split_whitespace().nth(1);
    parent.and_then(|pid| pid.parse().ok()).unwrap_or_default()
}

/// Whether a command line has this path, or one below it, in any argument.
fn mentions(command: &str, path: &str) -> bool {
    let part_of_a_name = |c: char| c.is_alphanumeric() || "._-".contains(c);
    command
        .match_indices(path)
        .any(|(at, _)| !command[at + path.len()..].starts_with(part_of_a_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_a_command_line() {
        for command in [
            "tar --directory /tmp/e/images/x.part",
            "localgce serve --dir /tmp/e",
            "qemu -drive if=none,file=/tmp/e/disks/1.qcow2,x",
            "sh -c 'connect /tmp/e/vms/1/api.sock'",
        ] {
            assert!(mentions(command, "/tmp/e"), "{command}");
        }
        for command in ["ls /tmp", "ls /tmp/engine", "ls /tmp/e.old /tmp/e-2"] {
            assert!(!mentions(command, "/tmp/e"), "{command}");
        }
    }

    #[test]
    fn tables_of_the_kernel() {
        assert_eq!(parent("7 (a) b (c) S 3 7 7 0"), 3);
        let table = "Num RefCount Protocol Flags Type St Inode Path\n\
                     0: 2 0 10000 0001 01 4711 /e/vms/1/api.sock\n\
                     0: 2 0 10000 0001 01 4712 /engine/api.sock\n\
                     0: 3 0 0 0001 03 4713\n";
        let found: Vec<_> = sockets(table, Path::new("/e")).into_iter().collect();
        assert_eq!(found, ["socket:[4711]"]);
    }

    #[test]
    fn a_child_that_works_in_a_directory_is_found() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .current_dir(&dir)
            .spawn()
            .expect("sleep");
        let found = of(dir.path()).expect("a look");
        child.kill().and_then(|()| child.wait()).expect("its end");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ancestors.contains(&std::process::id()));
        assert!(of(dir.path()).expect("a look").is_empty());
    }
}

//! What an engine takes of its machine, and whether that grows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One look: figures by name.
pub type Figures = BTreeMap<&'static str, u64>;

/// A figure, and by how much it may differ between the third and the last quarter of a soak: by less than
/// a leak makes of that many rounds, by more than an allocator and an accidental moment do.
pub const BOUNDS: [(&str, u64); 6] = [
    ("resident KiB", 2 << 10),
    ("descriptors", 2),
    ("threads", 4),
    ("files", 0),
    // SQLite's write-ahead log is cut at 4 MiB, and keeps its size.
    ("KiB on disk", 256),
    ("rows", 0),
];

/// Looks at the engine of process `pid` in `dir`, which is at rest.
pub fn look(dir: &Path, pid: u32) -> Figures {
    let process = Path::new("/proc").join(pid.to_string());
    let status = fs::read_to_string(process.join("status")).expect("a living engine");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("a number")
    };
    let (files, bytes) = files(dir);
    let rows = orphans::count(dir).expect("a database");
    [
        ("resident KiB", field("VmRSS:")),
        ("threads", field("Threads:")),
        (
            "descriptors",
            fs::read_dir(process.join("fd"))
                .expect("descriptors")
                .count() as u64,
        ),
        ("files", files),
        ("rows", rows.others as u64),
        // What is done is remembered for two weeks at most, at 2 KiB.
        (
            "KiB on disk",
            (bytes >> 10).saturating_sub(2 * rows.kept as u64),
        ),
    ]
    .into()
}

/// How many files there are below a directory, and how many bytes they take.
fn files(dir: &Path) -> (u64, u64) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.fold((0, 0), |(count, bytes), entry| {
        // What goes while it is looked at counts for nothing.
        let Ok(metadata) = entry.metadata() else {
            return (count, bytes);
        };
        if metadata.is_dir() {
            let (below, more) = files(&entry.path());
            return (count + below + 1, bytes + more);
        }
        (count + 1, bytes + metadata.len())
    })
}

/// What has grown over its bound: name, level in the third quarter, level in the last one. The level is
/// the middle of what was seen.
pub fn grown(looks: &[Figures]) -> Vec<(&'static str, u64, u64)> {
    let quarter = looks.len() / 4;
    let level = |looks: &[Figures], name| {
        let mut seen: Vec<_> = looks.iter().map(|look| look[name]).collect();
        seen.sort_unstable();
        seen[seen.len() / 2]
    };
    let rest = &looks[looks.len() - 2 * quarter..];
    let (third, last) = rest.split_at(quarter);
    let levels = BOUNDS.map(|(name, bound)| (name, bound, level(third, name), level(last, name)));
    let over = levels
        .into_iter()
        .filter(|(_, bound, before, after)| *after > before + bound);
    over.map(|(name, _, before, after)| (name, before, after))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{BOUNDS, Figures, grown};

    fn looks(of: impl Fn(u64) -> u64) -> Vec<Figures> {
        let look = |n| BOUNDS.iter().map(|(name, _)| (*name, of(n))).collect();
        (0..40).map(look).collect()
    }

    #[test]
    fn what_grows_is_told_from_what_warms_up_and_what_varies() {
        assert_eq!(grown(&looks(|_| 7)), []);
        assert_eq!(grown(&looks(|n| n.min(19) * 1000)), []);
        assert_eq!(grown(&looks(|n| if n % 10 == 3 { 100 } else { 7 })), []);
        let leak = grown(&looks(|n| n));
        let names: Vec<_> = leak.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, ["descriptors", "threads", "files", "rows"]);
        assert_eq!(leak[0], ("descriptors", 25, 35));
    }
}

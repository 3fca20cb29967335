//! The backing file of a qcow2 file, from its header:
//! <https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.rst>.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The longest name that the format allows, in bytes.
const LONGEST: u32 = 1023;

/// The backing file of a qcow2 file, if any. Also `None` if the qcow2 file does not exist.
///
/// # Errors
/// When the file cannot be read, is not a qcow2 file, or names its backing file by anything but a path:
/// then it is unknown what it needs.
pub fn file(path: &Path) -> Result<Option<PathBuf>> {
    let read = || format!("reading what {} is based on", path.display());
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.with_context(read)?,
    };
    let mut header = [0; 20];
    file.read_exact(&mut header).with_context(read)?;
    let name = parse(&header).with_context(read)?;
    let Some((offset, length)) = name else {
        return Ok(None);
    };
    let mut name = vec![0; length];
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.read_exact(&mut name))
        .with_context(read)?;
    let name = String::from_utf8(name).with_context(read)?;
    // QEMU reads text before a colon as a protocol, unless there is a slash before it.
    let plain = name
        .split('/')
        .next()
        .is_some_and(|start| !start.contains(':'));
    ensure!(
        plain,
        "{} is based on {name}, which is no path",
        path.display()
    );
    // A relative path is relative to the file that contains it.
    Ok(Some(path.parent().unwrap_or(Path::new("")).join(name)))
}

/// The name's offset and length in the file, in bytes.
fn parse(header: &[u8; 20]) -> Result<Option<(u64, usize)>> {
    let (magic, rest) = header.split_at(4);
    ensure!(magic == b"QFI\xfb", "it is no qcow2 file");
    let (_version, rest) = rest.split_at(4);
    let (offset, length) = rest.split_at(8);
    let offset = u64::from_be_bytes(offset.try_into()?);
    let length = u32::from_be_bytes(length.try_into()?);
    ensure!(length <= LONGEST, "its header is damaged");
    Ok((offset > 0).then_some((offset, usize::try_from(length)?)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What QEMU's own reader says.
    fn by_qemu(path: &Path) -> Option<PathBuf> {
        let info = Command::new("qemu-img")
            .args(["info", "--output=json"])
            .arg(path)
            .output()
            .expect("qemu-img");
        let info: serde_json::Value = serde_json::from_slice(&info.stdout).expect("JSON");
        info["full-backing-filename"].as_str().map(PathBuf::from)
    }

    #[test]
    fn chains_are_read_as_qemu_reads_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let names = [
            "base",
            "with space",
            "a:b",
            "ä",
            "sub/c",
            &"long".repeat(50),
            "z\"q",
        ];
        std::fs::create_dir(dir.path().join("sub")).expect("a directory");
        let mut bases = vec![None];
        let (mut tried, mut differ) = (0, 0);
        for (number, name) in names.iter().enumerate() {
            for version in ["compat=0.10", "compat=1.1", "compat=1.1,cluster_size=512"] {
                for base in bases.clone() {
                    for relative in [false, true] {
                        let path = dir.path().join(format!("{name}-{tried}.qcow2"));
                        let mut create = Command::new("qemu-img");
                        create.args(["create", "-q", "-f", "qcow2", "-o", version]);
                        if let Some(base) = &base {
                            let base: &PathBuf = base;
                            let inside = base.strip_prefix(dir.path()).expect("inside");
                            let reference = if relative && !name.contains('/') {
                                Path::new(".").join(inside)
                            } else {
                                base.clone()
                            };
                            create.args(["-F", "qcow2", "-b"]).arg(reference);
                        }
                        let made = create.arg(&path).arg("1M").status().expect("qemu-img");
                        assert!(made.success(), "{}", path.display());
                        tried += 1;
                        let clean = |path: PathBuf| path.components().collect::<PathBuf>();
                        let (ours, qemus) = (file(&path).expect("a header"), by_qemu(&path));
                        if ours.clone().map(clean) != qemus.clone().map(clean) {
                            eprintln!("{}: {ours:?}, QEMU: {qemus:?}", path.display());
                            differ += 1;
                        }
                        if version == "compat=1.1" && !relative && number < 4 && bases.len() < 4 {
                            bases.push(Some(path));
                        }
                    }
                }
            }
        }
        println!("{tried} files, {differ} read otherwise than QEMU reads them");
        assert_eq!(differ, 0);
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f");
        assert_eq!(file(&path).expect("no file needs nothing"), None);
        for bad in [&b""[..], b"QFI\xfb", b"no qcow2 file, but a long one"] {
            std::fs::write(&path, bad).expect("a file");
            assert!(file(&path).is_err(), "{bad:?}");
        }
        let status = Command::new("qemu-img")
            .args([
                "create",
                "-q",
                "-u",
                "-f",
                "qcow2",
                "-F",
                "raw",
                "-b",
                "nbd://localhost/x",
            ])
            .arg(&path)
            .arg("1M")
            .status();
        assert!(status.expect("qemu-img").success());
        assert!(file(&path).is_err());
    }
}

//! Binaries that skills need: by URL and digest, possibly out of an archive.

use std::io::Write as _;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::key::hex;
use super::kit;
use crate::recipe::Binary;

/// The binary's content. What the URL holds must have the digest that the recipe names.
pub async fn fetch(binary: &Binary) -> Result<Vec<u8>> {
    let url = &binary.url;
    let bytes = if let Some(path) = url.strip_prefix("file://") {
        std::fs::read(path).with_context(|| format!("reading {path}"))?
    } else {
        let response = reqwest::get(url)
            .await
            .and_then(reqwest::Response::error_for_status);
        response
            .with_context(|| format!("fetching {url}"))?
            .bytes()
            .await?
            .to_vec()
    };
    let digest = hex(&Sha256::digest(&bytes));
    if digest != *binary.sha256 {
        bail!(
            "{url} has the sha256 {digest}, the recipe wants {}: if the release is the one you mean, \
             correct `sha256` of the binary `{}`",
            binary.sha256,
            binary.name
        );
    }
    let Some(path) = &binary.member else {
        return Ok(bytes);
    };
    member(&bytes, path).await.with_context(|| {
        format!(
            "{url} does not hold the binary `{}`; correct its `member`",
            binary.name
        )
    })
}

/// One file of a gzip'd tar.
async fn member(archive: &[u8], path: &str) -> Result<Vec<u8>> {
    let mut file = tempfile::NamedTempFile::new().context("making a temporary file")?;
    file.write_all(archive)
        .context("writing a temporary file")?;
    let mut command = Command::new("sh");
    command.args(["-c", kit::MEMBER, "member.sh"]);
    let output = command
        .arg(file.path())
        .arg(path)
        .kill_on_drop(true)
        .output();
    let output = output.await.context("starting sh")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn binary(url: &str, sha256: &str, member: Option<&str>) -> Binary {
        Binary {
            name: "gog".into(),
            url: url.into(),
            sha256: sha256.parse().unwrap(),
            member: member.map(|m| m.parse().unwrap()),
        }
    }

    fn archive(dir: &Path) -> (String, String) {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o755);
        builder
            .append_data(&mut header, "./bin/gog", &b"hello"[..])
            .unwrap();
        let bytes = builder.into_inner().unwrap().finish().unwrap();
        let path = dir.join("gog.tar.gz");
        std::fs::write(&path, &bytes).unwrap();
        (
            format!("file://{}", path.display()),
            hex(&Sha256::digest(&bytes)),
        )
    }

    #[tokio::test]
    async fn a_member_comes_out_of_an_archive_with_the_right_digest() {
        let dir = tempfile::tempdir().unwrap();
        let (url, sha256) = archive(dir.path());
        let found = fetch(&binary(&url, &sha256, Some("bin/gog")))
            .await
            .unwrap();
        assert_eq!(found, b"hello");
        let missing = fetch(&binary(&url, &sha256, Some("gog"))).await;
        let missing = format!("{:#}", missing.unwrap_err());
        let told =
            "does not hold the binary `gog`; correct its `member`: the member gog is not there";
        assert!(missing.contains(told), "{missing}");
    }

    #[tokio::test]
    async fn a_wrong_digest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (url, sha256) = archive(dir.path());
        let error = fetch(&binary(&url, &"0".repeat(64), None))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&sha256) && error.contains(&"0".repeat(64)),
            "{error}"
        );
    }

    /// Archives as GNU tar makes them: in every format of it, with and without `./`, whatever `bin/gog` is
    /// in them. With each what its `member` has to say: content, or why not.
    const ARCHIVES: &str = r#"
set -eu
mkdir -p bin "bin dir" && printf hello >bin/file
head -c 3000000 /dev/zero >bin/sparse && printf end >>bin/sparse
ln -s file bin/symlink; ln -s /etc/passwd bin/absolute; ln -s ../../x bin/outside; ln bin/file bin/hardlink
mkdir bin/directory; mkfifo bin/fifo; long=$(printf 'x%.0s' $(seq 90))/$(printf 'y%.0s' $(seq 90))
mkdir "$(dirname "$long")"; printf long >"$long"
: >empty
n=0
archive() { # EXPECTED MEMBER TAR-ARGUMENTS...
  expected=$1 member=$2; shift 2
  n=$((n + 1)); tar -czf "$n.tar.gz" "$@"; printf '%s\t%s\t%s.tar.gz\n' "$expected" "$member" "$n"
}
for format in gnu oldgnu pax posix ustar; do
  for dot in '' ./; do
    f=--format=$format
    archive file bin/file "$f" "${dot}bin/file"
    archive sparse bin/sparse "$f" "${dot}bin/sparse"
    [ $format = ustar ] || archive sparse bin/sparse "$f" --sparse "${dot}bin/sparse"
    archive long "$long" "$f" "${dot}$long"
    archive empty empty "$f" "${dot}empty"
    archive file bin/file "$f" "${dot}bin"
    archive link bin/hardlink "$f" "${dot}bin/file" "${dot}bin/hardlink"
    archive link bin/symlink "$f" "${dot}bin/symlink"
    archive link bin/absolute "$f" "${dot}bin/absolute"
    archive link bin/outside "$f" "${dot}bin/outside"
    archive none bin/directory "$f" "${dot}bin/directory"
    archive no bin/fifo "$f" "${dot}bin/fifo"
    archive none bin/gog "$f" "${dot}bin/file"
    archive none bin "$f" "${dot}bin/file"
    archive twice bin/file "$f" "${dot}bin/file" --hard-dereference bin/./file bin/file
  done
  archive none bin/file "$f" -P "$PWD/bin/file"
  archive none bin/file "$f" -P "bin/../bin/file"
  archive file bin/file "$f" --owner='a b:7' --group='c d:8' bin/file
done
"#;

    #[tokio::test]
    async fn a_member_is_a_file_or_the_words_say_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut tar = std::process::Command::new("sh");
        let made = tar
            .args(["-c", ARCHIVES])
            .current_dir(&dir)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let (mut tries, mut differences) = (0, Vec::new());
        for line in String::from_utf8(made.stdout).unwrap().lines() {
            let [expected, path, archive] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let expected = match expected {
                "link" => Err("is a link and no file"),
                "none" => Err("is not there"),
                "twice" => Err("more than once"),
                "no" => Err("is no file"),
                _ => Ok(std::fs::read(dir.path().join(path)).unwrap()),
            };
            let bytes = std::fs::read(dir.path().join(archive)).unwrap();
            let found = member(&bytes, path).await;
            tries += 1;
            let as_expected = match (&found, &expected) {
                (Ok(found), Ok(expected)) => found == expected,
                (Err(found), Err(expected)) => found.to_string().contains(expected),
                _ => false,
            };
            if !as_expected {
                differences.push(format!("{line}: {found:?}"));
            }
        }
        assert_eq!((tries, differences), (163, Vec::new()));
    }
}

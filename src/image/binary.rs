//! Binaries that skills need: by URL and digest, possibly out of an archive.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use super::key::hex;
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
    match &binary.member {
        None => Ok(bytes),
        Some(member) => extract(&bytes, member)
            .with_context(|| format!("reading the archive {url}"))?
            .with_context(|| {
                format!(
                    "{url} holds no {member}: correct `member` of the binary `{}`",
                    binary.name
                )
            }),
    }
}

/// The file at `member` of a gzip'd tar, with or without a leading `./`.
fn extract(archive: &[u8], member: &str) -> std::io::Result<Option<Vec<u8>>> {
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        if path.strip_prefix("./").unwrap_or(&path) == Path::new(member) {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            return Ok(Some(content));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
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
        let missing = fetch(&binary(&url, &sha256, Some("gog")))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            missing.ends_with("holds no gog: correct `member` of the binary `gog`"),
            "{missing}"
        );
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
}

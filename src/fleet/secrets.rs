//! A deployment's secrets: stored in Secret Manager, readable by the VM's account.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use gce::{Kind, Replication, Secret, SecretBytes};

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::image::key::hex;

/// The role that allows an account to read the value of a secret, and nothing else.
pub const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
/// Random bytes of a generated secret, which has two hex digits for each.
const BYTES: usize = 32;
/// Secret Manager's limit for a value, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// What a secret is for. It decides what the value may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The gateway's token: clients send it in an HTTP header.
    Token,
    /// One line.
    Line,
    /// Several lines, such as a key.
    Text,
}

/// Refuses a value that the gateway could not use; the error does not show the value. [`store`] refuses
/// what no secret may contain.
pub fn check(name: &str, value: &[u8], form: Form) -> Result<()> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let strange = |c: char| form == Form::Token && !c.is_ascii_graphic();
    let what = match text.chars().find(|&c| strange(c)) {
        _ if text.starts_with('\u{feff}') => "begins with a byte order mark",
        _ if form != Form::Text && text.contains('\r') => {
            "holds a carriage return, as files from Windows do"
        }
        _ if form != Form::Text && text.contains('\n') => "has several lines",
        Some(' ' | '\t') => "holds a blank, which no token may",
        Some(_) => "holds a character that no HTTP header carries",
        None => return Ok(()),
    };
    let remedy = match form {
        Form::Token => format!(
            "a token is one line of visible ASCII, such as `clawbake secrets generate {name}` makes"
        ),
        _ if what.starts_with("begins") => "save it as UTF-8 without the mark".to_owned(),
        _ => "--allow-multiline stores a key as it is".to_owned(),
    };
    bail!("the value of secret {name} {what}: nothing was stored; {remedy}")
}

/// How often to retry when others change the policy at the same time. Each time, one of them succeeds.
const GRANTS: u32 = 16;

/// Names of the deployment's secrets that do not exist.
pub async fn missing(deployment: &Deployment, cloud: &Cloud) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for secret in deployment.secrets.values() {
        if cloud.client.secrets().find(&secret.name).await?.is_none() {
            missing.push(secret.name.to_string());
        }
    }
    Ok(missing)
}

/// Stores a new version of a secret, creates the secret if there is none, and lets the VM's account read
/// it. Returns the number of the version.
pub async fn store(cloud: &Cloud, name: &str, value: SecretBytes) -> Result<String> {
    let bytes = value.expose();
    ensure!(
        !bytes.is_empty(),
        "the value of secret {name} is empty: nothing was stored"
    );
    ensure!(
        bytes.len() <= MAX_BYTES,
        "the value of secret {name} has {} bytes, Secret Manager takes {MAX_BYTES}",
        bytes.len()
    );
    ensure!(
        std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')),
        "the value of secret {name} is not text, and cannot become an environment variable"
    );
    let secrets = cloud.client.secrets();
    let mut fresh = secrets.find(name).await?.is_none();
    if fresh {
        match define(cloud, name, BTreeMap::new()).await {
            Err(error) if error.kind == Kind::AlreadyExists => fresh = false,
            made => made?,
        }
    }
    let version = match secrets.add_version(name, &value).await {
        // Whoever may create secrets need not be allowed to add versions.
        Err(error) if fresh && error.kind == Kind::PermissionDenied => {
            return Err(undone(cloud, name, error).await);
        }
        version => version?,
    };
    grant(cloud, name).await?;
    let version = version.name.context("a secret version without a name")?;
    Ok(version.rsplit('/').next().unwrap_or_default().to_owned())
}

/// Deletes a secret that has got no value. If that is refused too, the error says so.
async fn undone(cloud: &Cloud, name: &str, error: gce::Error) -> anyhow::Error {
    let error = anyhow::Error::new(error);
    match cloud.client.secrets().delete(name).await {
        Ok(()) => error,
        Err(_) => error.context(format!(
            "secret {name} is left without a value: `gcloud secrets delete {name} --project={}`",
            cloud.client.project_id()
        )),
    }
}

/// Creates a secret without a version.
pub async fn define(
    cloud: &Cloud,
    name: &str,
    labels: BTreeMap<String, String>,
) -> gce::Result<()> {
    let secret = Secret {
        replication: Some(Replication {
            automatic: Some(gce::Automatic::default()),
        }),
        labels,
    };
    cloud.client.secrets().create(name, &secret).await.map(drop)
}

/// Stores a random value.
pub async fn generate(cloud: &Cloud, name: &str) -> Result<String> {
    store(cloud, name, random()?).await
}

/// A random value, as hexadecimal text.
pub fn random() -> Result<SecretBytes> {
    let mut bytes = [0u8; BYTES];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .context("asking the kernel for random bytes")?;
    Ok(hex(&bytes).into_bytes().into())
}

/// Lets the VM's account read a secret. Leaves other bindings alone.
pub async fn grant(cloud: &Cloud, name: &str) -> Result<()> {
    let member = format!("serviceAccount:{}", cloud.service_account);
    let secrets = cloud.client.secrets();
    let mut tries = 0;
    loop {
        let mut policy = secrets.iam_policy(name).await?;
        if !policy.grant(ACCESSOR, &member, None) {
            return Ok(());
        }
        match secrets.set_iam_policy(name, &policy).await {
            Err(error) if changed_meanwhile(&error) && tries < GRANTS => tries += 1,
            set => return Ok(set.map(drop)?),
        }
    }
}

/// Whether the policy has changed since it was read.
fn changed_meanwhile(error: &gce::Error) -> bool {
    matches!(error.kind, Kind::PreconditionFailed | Kind::Conflict)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn refusal(value: &str, form: Form) -> String {
        check("s", value.as_bytes(), form)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_value_is_refused_for_what_it_would_break_and_never_told() {
        use Form::{Line, Text, Token};
        for (value, form, words) in [
            ("c4n4ry", Token, ""),
            ("c4n4ry\nline", Token, "has several lines"),
            ("c4n4ry\r", Token, "carriage return"),
            ("\u{feff}c4n4ry", Token, "byte order mark"),
            ("c4n4ry two", Token, "holds a blank"),
            ("c4n4ry-\u{e9}", Token, "no HTTP header carries"),
            ("c4n4ry\u{7f}", Token, "no HTTP header carries"),
            ("c4n4ry \u{e9}\t", Line, ""),
            ("c4n4ry\nline", Line, "--allow-multiline"),
            ("c4n4ry\r", Line, "carriage return"),
            ("\u{feff}c4n4ry", Line, "byte order mark"),
            ("c4n4ry\r\nline\n", Text, ""),
            ("\u{feff}c4n4ry", Text, "byte order mark"),
        ] {
            let refusal = refusal(value, form);
            assert_eq!(refusal.is_empty(), words.is_empty(), "{value:?} {form:?}");
            assert!(refusal.contains(words), "{refusal}");
            assert!(!refusal.contains("c4n4ry"), "{refusal}");
        }
    }

    #[test]
    fn a_token_that_is_let_through_is_one_that_a_header_carries() {
        let (mut tries, mut accepted, mut differences) = (0, 0, 0);
        for code in 0..=0x2fff_u32 {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            for token in [
                format!("{c}"),
                format!("a{c}"),
                format!("a{c}b"),
                format!("{c}b"),
            ] {
                tries += 1;
                if refusal(&token, Form::Token).is_empty() {
                    accepted += 1;
                    let header = HeaderValue::from_str(&format!("Bearer {token}"));
                    let same = |header: HeaderValue| header.to_str().is_ok_and(|h| h[7..] == token);
                    differences += u32::from(!header.is_ok_and(same));
                }
            }
        }
        assert_eq!((tries, accepted, differences), (4 * 0x3000, 4 * 94, 0));
    }
}

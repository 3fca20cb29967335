//! A deployment's secrets: stored in Secret Manager, readable by the VM's account.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use gce::{Kind, Replication, Secret, SecretBytes};

use crate::cloud::Cloud;
use crate::deployment::Deployment;
use crate::image::key::hex;

/// The role that lets an account read a secret's value, and nothing else.
pub const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
/// Random bytes of a generated secret, written as twice as many hex digits.
const BYTES: usize = 32;
/// Secret Manager's limit of a value, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// How often a policy is read again that others change at the same time. Each time one of them is done.
const GRANTS: u32 = 16;

/// Names of the deployment's secrets that do not exist.
pub async fn missing(deployment: &Deployment, cloud: &Cloud) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for secret in deployment.secrets.values() {
        if cloud.client.secrets().find(&secret.secret).await?.is_none() {
            missing.push(secret.secret.to_string());
        }
    }
    Ok(missing)
}

/// Stores a new version of a secret, which is made if there is none, and lets the VM's account read
/// it. Returns the version's number.
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
        // Who may make secrets need not be allowed to fill them.
        Err(error) if fresh && error.kind == Kind::PermissionDenied => {
            return Err(undone(cloud, name, error).await);
        }
        version => version?,
    };
    grant(cloud, name).await?;
    let version = version.name.context("a secret version without a name")?;
    Ok(version.rsplit('/').next().unwrap_or_default().to_owned())
}

/// Takes back a secret that has got no value, and says so if that is refused as well.
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

/// Makes a secret that has no version yet.
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
        ..Secret::default()
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

/// Lets the VM's account read a secret. Other people's bindings stay as they are.
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

/// Whether somebody else has written the policy since it was read.
fn changed_meanwhile(error: &gce::Error) -> bool {
    matches!(error.kind, Kind::PreconditionFailed | Kind::Conflict)
}

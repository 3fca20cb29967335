//! Which cloud a deployment is for, and with which credentials.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::document::{Cursor, Refusal, Value};
use crate::names::{BucketName, EnvName, ProjectId, ResourceName, ServiceAccount, Zone};

/// Which cloud a deployment is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The engine on this machine.
    Local,
    /// Google.
    Gce(Box<Gce>),
}

/// A place on Google Cloud. What is left out has Google's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gce {
    /// The project's id.
    pub project: ProjectId,
    /// The zone of VM and disks.
    pub zone: Zone,
    /// The bucket that image archives are uploaded to.
    pub bucket: Option<BucketName>,
    /// The VPC network's name.
    pub network: Option<ResourceName>,
    /// The subnetwork's name, in the zone's region.
    pub subnetwork: Option<ResourceName>,
    /// The VM's service account.
    pub service_account: Option<ServiceAccount>,
    /// Whether the VM has an address of its own; without one it needs Cloud NAT.
    pub external_ip: bool,
    /// Whether instance templates are those of the region, and not global.
    pub regional_templates: bool,
    /// Where images are kept: a region or a multi-region, such as `us`.
    pub storage_locations: Vec<String>,
    /// The Cloud KMS key of disks and images, as `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
    pub kms_key: Option<String>,
    /// The caller's credentials.
    pub credentials: Access,
    /// Base URL of all APIs, with `{api}` for each one's name.
    pub endpoint: Option<Endpoint>,
}

/// The caller's credentials, and the account that they impersonate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Whose credentials are used.
    pub identity: Identity,
    /// The service account to impersonate with them.
    pub impersonate: Option<ServiceAccount>,
}

/// Where credentials are. The deployment itself holds none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Identity {
    /// Where Google's own tools look.
    ApplicationDefault,
    /// A credentials file of any kind that Google issues: a key, a login, workload identity federation.
    File(PathBuf),
    /// A file that holds an access token and nothing else.
    TokenFile(PathBuf),
    /// An environment variable that holds an access token.
    TokenEnv(EnvName),
}

/// A base URL; plain HTTP is for loopback only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// With `{api}` where each API's name goes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        endpoint(text).map(|()| Self(text.to_owned()))
    }
}

fn endpoint(text: &str) -> Result<(), Refusal> {
    let hint =
        "such as `https://{api}-NAME.p.googleapis.com`, `{api}` standing for compute, iam, ...";
    let not = |what: &str, hint: &str| Err(Refusal::new(format!("`{text}` {what}"), hint));
    let Some((scheme, rest)) = text.split_once("://") else {
        return not("is not a base URL", hint);
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if name.is_empty() || rest.contains(['?', '#', '@']) {
        return not("is not a base URL", hint);
    }
    match scheme {
        "https" => Ok(()),
        "http" if matches!(name, "127.0.0.1" | "localhost" | "[::1]") => Ok(()),
        "http" => not(
            "would carry the access token in the clear",
            "https://; plain http is for a loopback address alone",
        ),
        _ => not("is not a base URL", hint),
    }
}

const KEYS: [&str; 12] = [
    "project",
    "zone",
    "bucket",
    "network",
    "subnetwork",
    "service_account",
    "external_ip",
    "templates",
    "storage_locations",
    "kms_key",
    "credentials",
    "endpoint",
];

/// Reads a target; paths in it are relative to `dir`.
pub(super) fn read(at: &Cursor, dir: &Path) -> Option<Target> {
    if let Value::Text(text) = &at.node().value {
        if text == "local" {
            return Some(Target::Local);
        }
        at.report(
            format!("`{text}` is not a target"),
            "`local`, or {gce: {project: my-project, zone: us-central1-a}}",
        );
        return None;
    }
    let gce_at = at.fields(&["gce"])?.required("gce", "{project, zone}")?;
    let keys = gce_at.fields(&KEYS)?;
    let project = keys
        .required("project", "the project's id")
        .and_then(|c| c.parse());
    let zone = keys
        .required("zone", "such as us-central1-a")
        .and_then(|c| c.parse());
    let endpoint: Option<Endpoint> = keys.optional("endpoint").and_then(|c| c.parse());
    let own = Access {
        identity: Identity::ApplicationDefault,
        impersonate: None,
    };
    let credentials = keys.or("credentials", own, |c| access(&c, dir));
    Some(Target::Gce(Box::new(Gce {
        project: project?,
        zone: zone?,
        bucket: keys.optional("bucket").and_then(|c| c.parse()),
        network: keys.optional("network").and_then(|c| c.parse()),
        subnetwork: keys.optional("subnetwork").and_then(|c| c.parse()),
        service_account: keys.optional("service_account").and_then(|c| c.parse()),
        external_ip: keys.or("external_ip", true, |c| c.flag())?,
        regional_templates: keys.or("templates", false, |c| regional(&c))?,
        storage_locations: keys
            .optional("storage_locations")
            .map(|c| storage_locations(&c))
            .unwrap_or_default(),
        kms_key: keys.optional("kms_key").and_then(|c| kms_key(&c)),
        credentials: credentials?,
        endpoint,
    })))
}

/// Whether templates are regional: `regional` or `global`.
fn regional(at: &Cursor) -> Option<bool> {
    let text = at.text()?;
    match text.as_str() {
        "global" => Some(false),
        "regional" => Some(true),
        _ => {
            at.report(
                format!("`{text}` is not a scope of instance templates"),
                "`global`, or `regional` where an organisation wants them kept in the region",
            );
            None
        }
    }
}

/// A list as in Google's API, though it takes only one location.
fn storage_locations(at: &Cursor) -> Vec<String> {
    let items = at.items();
    if let Some(second) = items.get(1) {
        second.report(
            "is one location too many",
            "Compute Engine keeps an image in one region or multi-region",
        );
    }
    items
        .first()
        .and_then(storage_location)
        .into_iter()
        .collect()
}

fn storage_location(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let place = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(letters);
    if place && text.parse::<Zone>().is_err() {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not a place that Cloud Storage keeps images in"),
        "a multi-region such as `us`, or a region such as `europe-west4`",
    );
    None
}

fn kms_key(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    let parts: Vec<_> = text.split('/').collect();
    if let [
        "projects",
        p,
        "locations",
        l,
        "keyRings",
        r,
        "cryptoKeys",
        k,
    ] = *parts
        && [p, l, r, k].iter().all(|part| !part.is_empty())
    {
        return Some(text);
    }
    let hint = if text.contains("/cryptoKeyVersions/") {
        "the key without its version: Google uses the primary one"
    } else {
        "projects/P/locations/L/keyRings/R/cryptoKeys/K, as `gcloud kms keys list` shows it"
    };
    at.report(format!("`{text}` is not a key of Cloud KMS"), hint);
    None
}

/// The keys that say where credentials are; at most one may be given.
const IDENTITIES: [&str; 3] = ["file", "token_file", "token_env"];

fn access(at: &Cursor, dir: &Path) -> Option<Access> {
    if let Value::Text(_) = at.node().value {
        at.report(
            "is no mapping: where credentials are, never what they are",
            "{file: key.json}, {token_file: PATH}, {token_env: VARIABLE} or {impersonate: ACCOUNT}",
        );
        return None;
    }
    let keys = at.fields(&["file", "token_file", "token_env", "impersonate"])?;
    let given: Vec<_> = IDENTITIES
        .iter()
        .filter_map(|key| Some((*key, keys.optional(key)?)))
        .collect();
    if let Some((_, second)) = given.get(1) {
        second.report(
            format!("`{}` is given as well", given[0].0),
            "one of file, token_file and token_env: a call has one caller",
        );
    }
    let path = |at: &Cursor| Some(dir.join(plain_path(at)?));
    let identity = match given.first() {
        None => Identity::ApplicationDefault,
        Some(("file", at)) => Identity::File(path(at)?),
        Some(("token_file", at)) => Identity::TokenFile(path(at)?),
        Some((_, at)) => Identity::TokenEnv(at.parse()?),
    };
    let impersonate = keys.optional("impersonate");
    if let (Some(at), Identity::TokenFile(_) | Identity::TokenEnv(_)) = (&impersonate, &identity) {
        at.report(
            "an access token is of one account, and cannot become another",
            "drop one of the two, or give a token of the account itself",
        );
    }
    Some(Access {
        identity,
        impersonate: impersonate.and_then(|c| c.parse()),
    })
}

fn plain_path(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    if text.starts_with(['~', '$']) {
        at.report(
            format!("`{text}` is not expanded: no shell reads this file"),
            "an absolute path, or one relative to this file",
        );
        return None;
    }
    Some(text)
}

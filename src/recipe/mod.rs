//! A recipe: what goes into an image. It is checked completely before anything is built.

mod compose;
mod environment;
mod exact;
mod files;
mod image_json;
mod load;
mod read;
mod shipped;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

pub(crate) use environment::environment;
pub use files::Files;
pub use shipped::names as shipped_names;

use serde::Serialize;

use crate::document::Refusal;
use crate::names::{
    EnvName, ImageDigest, LabelKey, LabelValue, MachineType, NpmPackage, PackageName, RelativePath,
    ResourceName, ServiceAccount, Sha256,
};
use crate::release::{Channel, Schema, Source, Version};

/// The file that makes a directory a recipe.
pub const FILE_NAME: &str = "recipe.yaml";

/// Where the container has the recipe's own files.
pub const FILES_DIR: &str = "/opt/clawbake";

/// A validated recipe and the files it came with.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Names the container image and the cache; the shipped recipe's name.
    pub name: ResourceName,
    /// The image family that bakes are promoted into.
    pub family: ResourceName,
    /// Description for people.
    pub description: Option<String>,
    /// The distribution that it is based on.
    pub base: Base,
    /// Size of the image's disk in GiB.
    pub disk_gb: u32,
    /// Labels of the image.
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Compute Engine licences of the image, as URLs or partial URLs.
    pub licenses: Vec<String>,
    /// The builder VM, for bakes in a VM.
    pub builder: BuilderVm,
    /// The gateway.
    pub gateway: Gateway,
    /// Debian packages in addition to the base's.
    pub packages: Vec<PackageName>,
    /// The recipe's provision scripts, which run after the base's, in order.
    pub provision: Vec<RelativePath>,
    /// Commands that must succeed before the image is sealed, in order.
    pub verify: Vec<Verify>,
    /// The recipe's own files.
    pub files: Files,
}

/// A recipe whose release is known exactly: what an image is made from.
#[derive(Debug, Clone)]
pub struct Exact {
    /// The recipe.
    pub recipe: Recipe,
    /// The gateway's version.
    pub version: Version,
    /// The schemas that it writes; absent where the release names none.
    pub schema: Option<Schema>,
}

/// The distribution that an image is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// trixie
    Debian13,
    /// bookworm
    Debian12,
}

/// A builder VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderVm {
    /// Its machine type.
    pub machine_type: MachineType,
    /// Minutes that a bake may take in it.
    pub deadline_minutes: u32,
    /// The account that it runs as. The bake itself needs none.
    pub service_account: Option<ServiceAccount>,
    /// Whether it has an external address; without one its network needs Cloud NAT.
    pub external_ip: bool,
}

/// The gateway: where it comes from, how it runs, how to tell that it works.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The release that upstream published.
    pub release: Release,
    /// How its container image is built.
    pub container: Container,
    /// The container's command, word by word.
    pub command: Vec<String>,
    /// Prefix of the gateway's own environment variables.
    pub env_prefix: String,
    /// The variable that carries the gateway's token; always a secret.
    pub token_env: EnvName,
    /// Where it listens.
    pub ports: Ports,
    /// Fixed environment of the container; never a secret.
    pub env: BTreeMap<EnvName, String>,
    /// What is kept when the VM is replaced.
    pub state: State,
    /// The probe that tells a working gateway from one that merely listens.
    pub health: Health,
    /// Seconds that the gateway gets to stop before it is killed.
    pub stop_seconds: u32,
    /// Plugins that upstream publishes beside the gateway, baked in.
    pub plugins: Option<Plugins>,
    /// Binaries that skills need, baked in.
    pub binaries: Vec<Binary>,
}

/// Plugins of the gateway's own version. An offline start finds them, and trusts them as its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    /// The directory in the gateway's package where it looks for them.
    pub into: RelativePath,
    /// The npm packages; each is put below `into` by its name without a scope.
    pub npm: Vec<NpmPackage>,
}

/// A release on npm.
#[derive(Debug, Clone)]
pub struct Release {
    /// The npm package.
    pub npm: NpmPackage,
    /// Its version; without one, the newest of the channel when it is first baked, and from then on what
    /// the lock says.
    pub version: Option<Version>,
    /// The channel to look for newer versions on.
    pub channel: Channel,
    /// Where it is announced.
    pub source: Source,
    /// npm's `overrides`: package to version specification.
    pub overrides: BTreeMap<NpmPackage, String>,
    /// Paths under `node_modules` to leave out of the image.
    pub prune: Vec<RelativePath>,
}

/// How the gateway's container image is built.
#[derive(Debug, Clone)]
pub struct Container {
    /// A registry's image with Node in it, by digest; without one, the base is Debian with npm's Node.
    pub base: Option<ImageDigest>,
    /// Debian packages of a container based on Debian, in addition to the essential ones.
    pub packages: Vec<PackageName>,
    /// Template of the Containerfile, in place of the base's.
    pub file: Option<RelativePath>,
    /// The recipe's own files that it gets, below [`FILES_DIR`].
    pub files: Vec<RelativePath>,
    /// Node's version: `22`, `22.12` or `22.12.0`.
    pub node: String,
    /// How the install scripts of the gateway's npm packages are run.
    pub scripts: Scripts,
    /// Whether the gateway is started once while building, to fill its caches.
    pub warm: bool,
}

/// How install scripts are run, after the packages are fetched and unpacked. They are the code of some
/// hundred packages' authors, and run as nobody on the machine that bakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// Not at all.
    None,
    /// Without network.
    Offline,
    /// With network, for packages that download what they need.
    Online,
}

/// The gateway listens on `inner`, and a proxy forwards what arrives at `front`, so that all clients come
/// from loopback. Behind Docker's NAT the gateway would ask its own users for pairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// What users reach.
    pub front: u16,
    /// Where the gateway listens, on loopback.
    pub inner: u16,
}

/// What lives on the state disk.
#[derive(Debug, Clone)]
pub struct State {
    /// Directories relative to the home directory.
    pub dirs: Vec<RelativePath>,
    /// Files that are written once, if they do not exist.
    pub seeds: Vec<Seed>,
    /// Takes from a clone of the state whatever claims that a gateway elsewhere still runs on it.
    pub lease: Option<Command>,
    /// Asks the release whether it takes the state, before it may write.
    pub preflight: Option<Preflight>,
    /// Mends a state that the release refuses.
    pub doctor: Option<Doctor>,
    /// Prints what the state holds, as one JSON object of numbers.
    pub counts: Option<Command>,
    /// The other gateway whose state this one takes over.
    pub adopts: Option<Adopts>,
}

/// Another gateway's state, and how it becomes this one's. `clawbake migrate` asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adopts {
    /// npm's package of the other gateway.
    pub from: NpmPackage,
    /// What is moved, in this order. In the container the old paths are links to the new ones.
    pub moves: Vec<Move>,
    /// Does the rest, before the gateway's first start on that state.
    #[serde(flatten)]
    pub command: Option<Command>,
}

/// A directory that gets another name. Both are relative to the home directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Where the other gateway has it.
    pub from: RelativePath,
    /// Where this one has it.
    pub to: RelativePath,
}

/// A command that the guest runs in the gateway's own container, with the state mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// Word by word.
    pub run: Vec<String>,
    /// Seconds that it may take.
    pub seconds: u32,
}

/// A command whose exit status is the release's verdict on the state: 0 takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preflight {
    /// The command. The last line that it prints is told as the reason.
    #[serde(flatten)]
    pub command: Command,
    /// Exit statuses that refuse the state. With another one the command itself has failed.
    pub refused: Vec<u8>,
}

/// A command that is run once, with the gateway stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doctor {
    /// The command.
    #[serde(flatten)]
    pub command: Command,
    /// The authorised call's status that asks for it.
    pub when: u16,
}

/// A JSON file that a fresh state begins with.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Relative to the home directory, inside one of the state directories.
    pub path: RelativePath,
    /// The file's content.
    pub content: serde_json::Value,
}

/// An HTTP request whose answer depends on the token.
#[derive(Debug, Clone)]
pub struct Health {
    /// The request.
    pub probe: Probe,
    /// The status without a token or with a wrong one.
    pub without: u16,
    /// The status with the right token.
    pub with: u16,
    /// Seconds from start to the first right answer, at most.
    pub start_seconds: u32,
}

/// Method, path and body of the probe.
#[derive(Debug, Clone)]
pub enum Probe {
    /// `GET path`
    Get(String),
    /// `POST path` with a JSON body.
    Post(String, serde_json::Value),
}

/// A binary by URL and digest.
#[derive(Debug, Clone)]
pub struct Binary {
    /// The command's name in the container.
    pub name: String,
    /// `https`, `http` or `file`.
    pub url: String,
    /// SHA-256 of the download.
    pub sha256: Sha256,
    /// The file within the archive, if the download is one.
    pub member: Option<RelativePath>,
}

/// A command that must succeed in the finished image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// Whether it runs in the gateway's container instead of the machine.
    pub in_gateway: bool,
    /// For `sh -c`; one line.
    pub run: String,
}

impl Release {
    /// Whether the recipe wants this version of this package, or might.
    #[must_use]
    pub fn admits(&self, npm: &NpmPackage, version: Version) -> bool {
        let wanted = self.version.map(|wanted| wanted == version);
        *npm == self.npm && wanted.unwrap_or_else(|| self.channel.admits(version))
    }

    /// What the recipe names, for people: the version, or the channel.
    #[must_use]
    pub fn wanted(&self) -> String {
        let version = self.version.map(|version| version.to_string());
        version.unwrap_or_else(|| self.channel.to_string())
    }
}

impl Default for BuilderVm {
    fn default() -> Self {
        Self {
            machine_type: "e2-standard-4".parse().expect("a machine type"),
            deadline_minutes: 60,
            service_account: None,
            external_ip: true,
        }
    }
}

impl Scripts {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Offline, Self::Online];

    /// Its name in recipes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Offline => "offline",
            Self::Online => "online",
        }
    }
}

impl Plugins {
    /// The packages, separated by commas.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<_> = self.npm.iter().map(ToString::to_string).collect();
        names.join(",")
    }
}

impl Container {
    /// The Debian packages, separated by commas as mmdebstrap takes them.
    #[must_use]
    pub fn packages(&self) -> String {
        let names: Vec<_> = self.packages.iter().map(ToString::to_string).collect();
        names.join(",")
    }
}

impl Base {
    /// Debian's code name, as in its archive.
    #[must_use]
    pub fn suite(self) -> &'static str {
        match self {
            Self::Debian13 => "trixie",
            Self::Debian12 => "bookworm",
        }
    }
}

impl FromStr for Base {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "debian-13" => Ok(Self::Debian13),
            "debian-12" => Ok(Self::Debian12),
            _ => Err(Refusal::new(
                format!("`{text}` is not a base"),
                "debian-13 or debian-12",
            )),
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debian13 => "debian-13",
            Self::Debian12 => "debian-12",
        })
    }
}

//! What goes into the gateway's container.

use std::collections::BTreeMap;

use super::path::existing;
use crate::document::Cursor;
use crate::names::NpmPackage;
use crate::recipe::{Binary, Container, Files, Plugins, Release, Scripts};
use crate::release::{Channel, Source, Version};

pub(super) fn release(at: &Cursor) -> Option<Release> {
    let keys = at.fields(&["npm", "version", "channel", "source", "overrides", "prune"])?;
    let npm = keys
        .required("npm", "the gateway's npm package")
        .and_then(|c| c.parse());
    let version_at = keys.optional("version");
    let version: Option<Option<Version>> = match &version_at {
        Some(at) => at.parse().map(Some),
        None => Some(None),
    };
    let channel: Option<Channel> = keys
        .required("channel", "stable, beta, dev or extended-stable")
        .and_then(|c| c.parse());
    if let (Some(at), Some(Some(version)), Some(channel)) = (&version_at, version, channel)
        && !channel.admits(version)
    {
        let hint = format!(
            "it is a release of {}: change `channel` or the version",
            version.channel()
        );
        at.report(format!("{version} is not on the {channel} channel"), hint);
    }
    let source = keys.or("source", Source::Npm, |c| source(&c));
    let overrides = keys
        .optional("overrides")
        .map(|c| c.entries())
        .unwrap_or_default();
    Some(Release {
        npm: npm?,
        version: version?,
        channel: channel?,
        source: source?,
        overrides: overrides
            .iter()
            .filter_map(|(key, value)| Some((key.parse()?, value.text()?)))
            .collect(),
        prune: keys.list("prune", |c| c.parse()),
    })
}

/// `npm`, or one key with its place.
fn source(at: &Cursor) -> Option<Source> {
    const HINT: &str = "`npm`, {github: owner/name}, {image: registry/name} or {git: https://...}";
    if at.node().text() == Some("npm") {
        return Some(Source::Npm);
    }
    let keys = at.fields(&["github", "image", "git"])?;
    let places = ["github", "image", "git"].map(|key| keys.optional(key));
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._/:".contains(c))
    };
    let (source, place, good) = match places {
        [Some(at), None, None] => {
            let text = at.text()?;
            let good = text.split('/').count() == 2;
            (Source::Github(text.clone()), (at, text), good)
        }
        [None, Some(at), None] => {
            let text = at.text()?;
            let host = text.split_once('/').map(|(host, _)| host);
            let good = host.is_some_and(|host| host.contains(['.', ':']));
            (Source::Image(text.clone()), (at, text), good)
        }
        [None, None, Some(at)] => {
            let text = at.text()?;
            let good = ["https://", "http://"]
                .iter()
                .any(|it| text.starts_with(it));
            (Source::Git(text.clone()), (at, text), good)
        }
        _ => {
            at.report("is not one place", HINT);
            return None;
        }
    };
    let (at, text) = place;
    if !good || !plain(&text) || text.split('/').any(|part| part == "..") {
        at.report(format!("`{text}` is no place of releases"), HINT);
        return None;
    }
    Some(source)
}

/// Packages that gateways and their skills expect.
const PACKAGES: [&str; 5] = ["ca-certificates", "curl", "git", "jq", "procps"];

pub(super) fn container(at: &Cursor, files: &Files) -> Option<Container> {
    let keys = at.fields(&[
        "base", "file", "files", "node", "packages", "scripts", "warm",
    ])?;
    let file = keys.or("file", None, |c| existing(&c, files).map(Some));
    let node = keys
        .required("node", "such as \"22\"")
        .and_then(|c| node_version(&c));
    let warm = keys.or("warm", true, |c| c.flag());
    let scripts = keys.or("scripts", Scripts::Offline, |c| scripts(&c));
    let base = keys.or("base", None, |c| c.parse().map(Some));
    let packages = match keys.optional("packages") {
        Some(_) => keys.list("packages", |c| c.parse()),
        None => PACKAGES
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect(),
    };
    Some(Container {
        packages,
        base: base?,
        file: file?,
        files: keys.list("files", |c| existing(&c, files)),
        node: node?,
        scripts: scripts?,
        warm: warm?,
    })
}

pub(super) fn plugins(at: &Cursor) -> Option<Plugins> {
    let keys = at.fields(&["into", "npm"])?;
    let into = keys.required(
        "into",
        "the directory in the gateway's package: dist/extensions",
    );
    let npm = keys.required(
        "npm",
        "a list of npm packages, which have the gateway's version",
    )?;
    let mut names = BTreeMap::new();
    let packages = npm.items();
    let packages = packages.iter().filter_map(|at| {
        let package: NpmPackage = at.parse()?;
        let name = package.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(line) = names.insert(name.clone(), at.node().line) {
            at.report(
                format!("`{name}` is already there in line {line}"),
                "drop one of the two: their names without a scope have to differ",
            );
        }
        Some(package)
    });
    let packages = packages.collect();
    Some(Plugins {
        into: into.and_then(|c| c.parse())?,
        npm: packages,
    })
}

fn scripts(at: &Cursor) -> Option<Scripts> {
    let text = at.text()?;
    let found = Scripts::ALL.into_iter().find(|it| it.name() == text);
    if found.is_none() {
        at.report(
            format!("`{text}` is no way to run install scripts"),
            "none, offline or online",
        );
    }
    found
}

fn node_version(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    let parts: Vec<&str> = text.split('.').collect();
    let digits = |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    if parts.len() <= 3 && parts.iter().all(digits) {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not a version of Node"),
        "\"22\", \"22.12\" or \"22.12.0\"",
    );
    None
}

pub(super) fn binary(at: &Cursor, seen: &mut BTreeMap<String, u64>) -> Option<Binary> {
    let keys = at.fields(&["name", "url", "sha256", "member"])?;
    let name_at = keys.required("name", "the command's name");
    let name = name_at.as_ref().and_then(command_name);
    let url = keys
        .required("url", "a release asset's versioned URL")
        .and_then(|c| url(&c));
    let sha256 = keys.required(
        "sha256",
        "`curl -fsSL URL | sha256sum`; a download is never trusted without it",
    );
    let sha256 = sha256.and_then(|c| c.parse());
    let member = keys.or("member", None, |c| c.parse().map(Some));
    if let (Some(at), Some(name)) = (&name_at, &name)
        && let Some(line) = seen.insert(name.clone(), at.node().line)
    {
        at.report(
            format!("`{name}` is already defined in line {line}"),
            "drop one of the two",
        );
    }
    Some(Binary {
        name: name?,
        url: url?,
        sha256: sha256?,
        member: member?,
    })
}

fn command_name(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    if text.chars().all(plain) && !text.starts_with(['-', '.']) {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not a command's name"),
        "the bare name, such as `gog`",
    );
    None
}

fn url(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    let rest = ["https://", "http://", "file://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    if rest.is_some_and(|rest| !rest.is_empty()) && !text.contains(char::is_whitespace) {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not a URL"),
        "begins with https://, http:// or file://",
    );
    None
}

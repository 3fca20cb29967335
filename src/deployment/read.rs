use std::collections::BTreeMap;
use std::path::Path;

use super::{Deployment, Machine, Secret, Snapshots, State, Updates, target};
use crate::document::{Cursor, Fields, Log, Value};
use crate::names::EnvName;
use crate::recipe::{self, Recipe};
use crate::release::{Channel, Version};

const KEYS: [&str; 8] = [
    "name", "target", "recipe", "machine", "state", "updates", "secrets", "env",
];

/// How many snapshots of changes are kept by default.
const KEEP_CHANGES: u32 = 5;

pub(super) fn deployment(root: &Cursor, dir: &Path, log: &Log) -> Option<Deployment> {
    let top = root.fields(&KEYS)?;
    let name = top
        .required("name", "such as `clawdbot-gateway`")
        .and_then(|c| c.parse());
    let target = top
        .required("target", "`local`, or {gce: {project, zone}}")
        .and_then(|c| target::read(&c, dir));
    let mut recipe = top
        .required("recipe", "a shipped recipe's name, or a path")
        .and_then(|c| named(&c, dir, log));
    let machine = top.required("machine", "{type: e2-small, boot_disk_gb: 20}");
    let machine = machine.and_then(|c| machine_of(&c, recipe.as_ref()));
    let state = top
        .required("state", "{disk_gb: 10}")
        .and_then(|c| state(&c));
    let updates = top.or("updates", Updates::default(), |c| {
        updates(&c, recipe.as_mut())
    });
    let secrets_at = top.required("secrets", "name in .env: secret in Secret Manager");
    let secrets = secrets_at.as_ref().map(secrets).unwrap_or_default();
    if let (Some(at), Some(recipe)) = (&secrets_at, &recipe) {
        let token = &recipe.gateway.token_env;
        if at.node().get(token).is_none() {
            at.report(
                format!("`{token}` is missing"),
                format!(
                    "the gateway's token is always a secret: `{token}: {}-token`",
                    recipe.family
                ),
            );
        }
    }
    let env = environment(&top, &secrets);
    Some(Deployment {
        dir: dir.to_owned(),
        name: name?,
        target: target?,
        recipe: recipe?,
        machine: machine?,
        state: state?,
        updates: updates?,
        secrets,
        env,
    })
}

/// A name is that of a shipped recipe; anything with a `/` or `.` is a path.
fn named(at: &Cursor, dir: &Path, log: &Log) -> Option<Recipe> {
    let text = at.text()?;
    let loaded = if text.contains(['/', '.']) {
        let path = dir.join(&text);
        if !path.exists() {
            at.report(
                format!("`{text}` does not exist"),
                "the path is relative to this file",
            );
            return None;
        }
        Recipe::load(&path)
    } else {
        let Some(shipped) = Recipe::shipped(&text) else {
            let names = recipe::shipped_names().join(", ");
            at.report(
                format!("`{text}` is not a shipped recipe"),
                format!("one of {names}, or a path such as `./{text}`"),
            );
            return None;
        };
        shipped
    };
    loaded.map_err(|findings| log.adopt(findings)).ok()
}

fn machine_of(at: &Cursor, recipe: Option<&Recipe>) -> Option<Machine> {
    let keys = at.fields(&["type", "boot_disk_gb"])?;
    let machine_type = keys
        .required("type", "such as e2-small")
        .and_then(|c| c.parse());
    let boot_at = keys.required("boot_disk_gb", "in GiB, such as 20");
    let boot_disk_gb = boot_at
        .as_ref()
        .and_then(|c| c.number(1..=65536, "a disk size in GiB"));
    if let (Some(at), Some(size), Some(recipe)) = (&boot_at, boot_disk_gb, recipe)
        && size < recipe.disk_gb
    {
        at.report(
            format!("{size} GiB cannot hold the image"),
            format!(
                "the recipe's image has {} GiB: give at least that",
                recipe.disk_gb
            ),
        );
    }
    Some(Machine {
        r#type: machine_type?,
        boot_disk_gb: boot_disk_gb?,
    })
}

fn state(at: &Cursor) -> Option<State> {
    let keys = at.fields(&["disk_gb", "keep_changes", "snapshots"])?;
    let disk_gb = keys.required("disk_gb", "in GiB, such as 10");
    let disk_gb = disk_gb.and_then(|c| c.number(1..=65536, "a disk size in GiB"));
    let keep_changes = keys.or("keep_changes", KEEP_CHANGES, |c| {
        c.number(1..=1000, "a number of snapshots")
    });
    let snapshots = keys.or("snapshots", None, |c| snapshots(&c).map(Some));
    Some(State {
        disk_gb: disk_gb?,
        keep_changes: keep_changes?,
        snapshots: snapshots?,
    })
}

/// A channel and a pin go into the recipe: they replace what it says.
fn updates(at: &Cursor, recipe: Option<&mut Recipe>) -> Option<Updates> {
    let keys = at.fields(&[
        "channel",
        "pin",
        "ignore",
        "minimum_age_days",
        "soak_minutes",
    ])?;
    let channel: Option<Option<Channel>> = keys.or("channel", None, |c| c.parse().map(Some));
    let pin_at = keys.optional("pin");
    let pin: Option<Option<Version>> = keys.or("pin", None, |c| c.parse().map(Some));
    let default = Updates::default();
    let minimum_age_days = keys.or("minimum_age_days", default.minimum_age_days, |c| {
        c.number(0..=3650, "a number of days")
    });
    let soak_minutes = keys.or("soak_minutes", default.soak_minutes, |c| {
        c.number(0..=1440, "a number of minutes")
    });
    let ignore = keys.list("ignore", |c| c.parse());
    if let (Some(recipe), Some(channel), Some(pin)) = (recipe, channel, pin) {
        let release = &mut recipe.gateway.release;
        if let Some(channel) = channel {
            (release.channel, release.version) = (channel, None);
        }
        release.version = pin.or(release.version);
        if let (Some(at), Some(pin)) = (pin_at, pin)
            && !release.channel.admits(pin)
        {
            let hint = format!(
                "it is a release of {}: name that `channel` as well",
                pin.channel()
            );
            at.report(
                format!("{pin} is not on the {} channel", release.channel),
                hint,
            );
        }
    }
    Some(Updates {
        ignore,
        minimum_age_days: minimum_age_days?,
        soak_minutes: soak_minutes?,
    })
}

fn snapshots(at: &Cursor) -> Option<Snapshots> {
    let keys = at.fields(&["daily", "keep"])?;
    let daily = keys
        .required("daily", "the hour in UTC: \"04:00\"")
        .and_then(|c| hour(&c));
    let keep = keys
        .required("keep", "how many days")
        .and_then(|c| c.number(1..=65535, "a number of days"));
    Some(Snapshots {
        daily: daily?,
        keep: keep?,
    })
}

fn hour(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    let hours = text.strip_suffix(":00").filter(|hour| hour.len() == 2);
    if hours
        .and_then(|hour| hour.parse::<u8>().ok())
        .is_some_and(|hour| hour < 24)
    {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not an hour of the day"),
        "\"HH:00\" in UTC, such as \"04:00\": Google's snapshot schedules begin on the hour",
    );
    None
}

fn secrets(at: &Cursor) -> BTreeMap<EnvName, Secret> {
    let entry = |(key, value): &(Cursor, Cursor)| {
        let name = key.parse();
        let secret = secret(value);
        Some((name?, secret?))
    };
    at.entries().iter().filter_map(entry).collect()
}

fn secret(at: &Cursor) -> Option<Secret> {
    if !matches!(at.node().value, Value::Map(_)) {
        return Some(Secret {
            name: at.parse()?,
            version: "latest".to_owned(),
        });
    }
    let keys = at.fields(&["secret", "version"])?;
    let name = keys
        .required("secret", "the secret's name in Secret Manager")
        .and_then(|c| c.parse());
    let version = keys.or("version", "latest".to_owned(), |c| {
        let text = c.scalar()?;
        let number = !text.starts_with('0') && text.chars().all(|d| d.is_ascii_digit());
        if text == "latest" || (number && !text.is_empty()) {
            return Some(text);
        }
        c.report(
            format!("`{text}` is not a secret's version"),
            "a number from 1, or `latest`",
        );
        None
    });
    Some(Secret {
        name: name?,
        version: version?,
    })
}

fn environment(top: &Fields, secrets: &BTreeMap<EnvName, Secret>) -> BTreeMap<EnvName, String> {
    let Some(at) = top.optional("env") else {
        return BTreeMap::new();
    };
    for (key, _) in at.entries() {
        let name = key.node().text().unwrap_or_default();
        if secrets.keys().any(|secret| **secret == *name) {
            key.report("is among the secrets as well", "drop one of the two");
        }
    }
    recipe::environment(&at)
}

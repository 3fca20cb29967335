mod adopts;
mod builder;
mod commands;
mod path;
mod release;
mod runtime;

use std::collections::BTreeMap;

use path::existing;

use super::{Files, Gateway, Ports, Recipe, Verify, environment};
use crate::document::{Cursor, Fields, Value};
use crate::names::EnvName;

/// The version of the schema that this program reads.
const SCHEMA: u64 = 1;

const KEYS: [&str; 13] = [
    "recipe",
    "name",
    "family",
    "description",
    "base",
    "disk_gb",
    "labels",
    "licenses",
    "builder",
    "gateway",
    "packages",
    "provision",
    "verify",
];
const GATEWAY_KEYS: [&str; 12] = [
    "release",
    "container",
    "command",
    "env_prefix",
    "token_env",
    "ports",
    "env",
    "state",
    "health",
    "stop_seconds",
    "plugins",
    "binaries",
];

pub(super) fn recipe(root: &Cursor, files: Files) -> Option<Recipe> {
    let top = root.fields(&KEYS)?;
    schema(&top)?;
    let name = top
        .required("name", "such as `clawdbot`")
        .and_then(|c| c.parse());
    let family = top
        .required("family", "such as `clawdbot-gateway`")
        .and_then(|c| c.parse());
    let base = top
        .required("base", "debian-13 or debian-12")
        .and_then(|c| c.parse());
    let disk_gb = top.or("disk_gb", 10, |c| c.number(2..=65536, "a disk size in GiB"));
    let builder = builder::builder(top.optional("builder"));
    let gateway = top
        .required("gateway", "what the image is for")
        .and_then(|c| gateway(&c, &files));
    let labels = top
        .optional("labels")
        .map(|c| c.entries())
        .unwrap_or_default();
    Some(Recipe {
        description: top.optional("description").and_then(|c| c.text()),
        labels: labels
            .iter()
            .filter_map(|(key, value)| Some((key.parse()?, value.parse()?)))
            .collect(),
        licenses: top.list("licenses", |c| c.text()),
        packages: top.list("packages", |c| c.parse()),
        provision: top.list("provision", |c| existing(&c, &files)),
        verify: top.list("verify", |c| verify(&c)),
        name: name?,
        family: family?,
        base: base?,
        disk_gb: disk_gb?,
        builder: builder?,
        gateway: gateway?,
        files,
    })
}

fn schema(top: &Fields) -> Option<()> {
    let at = top.required("recipe", "the schema's version comes first: `recipe: 1`")?;
    let version: u64 = at.number(1..=u64::MAX, "a schema version")?;
    if version != SCHEMA {
        at.report(
            format!("schema version {version} is newer than this program"),
            "upgrade clawbake; this one reads `recipe: 1`",
        );
        return None;
    }
    Some(())
}

fn gateway(at: &Cursor, files: &Files) -> Option<Gateway> {
    let keys = at.fields(&GATEWAY_KEYS)?;
    let release = keys
        .required("release", "{npm, channel, version}")
        .and_then(|c| release::release(&c));
    let container = keys
        .required("container", "{node}")
        .and_then(|c| release::container(&c, files));
    let ports = keys
        .required("ports", "{front: 18789, inner: 28789}")
        .and_then(|c| runtime::ports(&c));
    let command = keys.required("command", "a list: [node, dist/index.js, ...]");
    let words: Vec<String> = command
        .iter()
        .flat_map(Cursor::items)
        .filter_map(|word| word.text())
        .collect();
    if let (Some(at), Some(ports)) = (&command, ports) {
        check_command(at, &words, ports);
    }
    let env_prefix = keys.required("env_prefix", "such as `CLAWDBOT_`");
    let env_prefix = env_prefix.and_then(|c| env_prefix_of(&c));
    let token_env = keys.required("token_env", "the variable that holds the gateway's token");
    let token_at = token_env.clone();
    let token_env: Option<EnvName> = token_env.and_then(|c| c.parse());
    if let (Some(prefix), Some(token), Some(at)) = (&env_prefix, &token_env, token_at)
        && !token.starts_with(prefix.as_str())
    {
        at.report(
            format!("`{token}` does not begin with the gateway's prefix"),
            format!("the gateway reads variables that begin with `{prefix}` only"),
        );
    }
    let state_at = keys.required("state", "{dirs: [...], seeds: [...]}");
    let files_of = container.as_ref().map(|it| &*it.files);
    let state = state_at
        .as_ref()
        .and_then(|c| runtime::state(c, files_of.unwrap_or_default()));
    let health = keys
        .required("health", "the request that proves the token works")
        .and_then(|c| runtime::health(&c));
    if let (Some(at), Some(state), Some(health)) = (&state_at, &state, &health)
        && let Some(doctor) = &state.doctor
    {
        commands::check_doctor(at, doctor, health);
    }
    if let (Some(at), Some(state), Some(release)) = (&state_at, &state, &release)
        && let Some(adopts) = &state.adopts
    {
        adopts::check_package(at, adopts, &release.npm);
    }
    let plugins = keys.or("plugins", None, |c| release::plugins(&c).map(Some));
    let stop_seconds = keys.or("stop_seconds", 30, |c| {
        c.number(1..=3600, "a number of seconds")
    });
    let env = keys.optional("env").map(|at| {
        let env = environment(&at);
        if env.values().any(|value| value.contains(['\n', '\r'])) {
            at.report(
                "a value has more than one line",
                "a Containerfile cannot carry it; the deployment's `env` can",
            );
        }
        env
    });
    let mut names = BTreeMap::new();
    let binaries = keys.list("binaries", |c| release::binary(&c, &mut names));
    Some(Gateway {
        release: release?,
        container: container?,
        command: words,
        env_prefix: env_prefix?,
        token_env: token_env?,
        ports: ports?,
        env: env.unwrap_or_default(),
        state: state?,
        health: health?,
        stop_seconds: stop_seconds?,
        plugins: plugins?,
        binaries,
    })
}

fn check_command(at: &Cursor, words: &[String], ports: Ports) {
    if at.node().items().is_empty() {
        if matches!(at.node().value, Value::List(_)) {
            at.report(
                "is empty",
                "the gateway's command, such as [node, dist/index.js, gateway]",
            );
        }
    } else if !words
        .iter()
        .any(|word| word.contains(&ports.inner.to_string()))
    {
        at.report(
            format!("does not mention the inner port {}", ports.inner),
            format!(
                "the gateway listens on ports.inner; {} is taken by the proxy in front of it",
                ports.front
            ),
        );
    }
    if words
        .iter()
        .any(|word| word.contains("{{") || word.contains("{%"))
    {
        at.report(
            "holds template syntax",
            "the command is taken literally; write the value",
        );
    }
}

fn env_prefix_of(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    if text.ends_with('_') && text.parse::<EnvName>().is_ok() {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not a prefix of variables"),
        "letters, ending in `_`: `CLAWDBOT_`",
    );
    None
}

fn verify(at: &Cursor) -> Option<Verify> {
    let keys = at.fields(&["in", "run"])?;
    let in_gateway = keys.or("in", false, |c| match c.text()?.as_str() {
        "gateway" => Some(true),
        other => {
            c.report(
                format!("`{other}` is no place to run in"),
                "`in: gateway`, or no `in` for the machine",
            );
            None
        }
    });
    let run = keys
        .required("run", "a shell command that must succeed")
        .and_then(|c| {
            let command = c.text()?;
            if command.contains(['\n', '\t']) {
                c.report(
                    "is more than one line, or holds a tab",
                    "one step per command, or a script in `provision`",
                );
            }
            Some(command)
        });
    Some(Verify {
        in_gateway: in_gateway?,
        run: run?,
    })
}

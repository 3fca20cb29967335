//! How the gateway runs: ports, state, health.

use super::{adopts, commands};
use crate::document::{Cursor, Value};
use crate::names::RelativePath;
use crate::recipe::{Health, Ports, Probe, Seed, State};

pub(super) fn ports(at: &Cursor) -> Option<Ports> {
    let keys = at.fields(&["front", "inner"])?;
    let port = |key, hint| {
        let port = keys.required(key, hint);
        port.and_then(|c| c.number(1..=65535, "a TCP port"))
    };
    let front = port("front", "the port that users reach");
    let inner = port("inner", "the port that the gateway listens on, on loopback");
    let ports = Ports {
        front: front?,
        inner: inner?,
    };
    if ports.front == ports.inner {
        at.report(
            "front and inner are the same port",
            "the proxy listens on front, the gateway on inner",
        );
    }
    Some(ports)
}

/// `files` are those that the container has.
pub(super) fn state(at: &Cursor, files: &[RelativePath]) -> Option<State> {
    let keys = at.fields(&[
        "dirs",
        "seeds",
        "lease",
        "preflight",
        "doctor",
        "counts",
        "adopts",
    ])?;
    let dirs_at = keys.required(
        "dirs",
        "directories below the home directory: [.clawdbot, clawd]",
    )?;
    let dirs: Vec<RelativePath> = dirs_at.items().iter().filter_map(Cursor::parse).collect();
    if matches!(&dirs_at.node().value, Value::List(items) if items.is_empty()) {
        dirs_at.report(
            "is empty",
            "without a directory on the state disk nothing outlives the machine",
        );
    }
    let seeds = keys.list("seeds", |c| seed(&c, &dirs));
    let command = |key| keys.or(key, None, |c| commands::command(&c, files).map(Some));
    let (lease, counts) = (command("lease"), command("counts"));
    let preflight = keys.or("preflight", None, |c| {
        commands::preflight(&c, files).map(Some)
    });
    let doctor = keys.or("doctor", None, |c| commands::doctor(&c, files).map(Some));
    let adopts = keys.or("adopts", None, |c| {
        adopts::adopts(&c, &dirs, files).map(Some)
    });
    Some(State {
        dirs,
        seeds,
        lease: lease?,
        preflight: preflight?,
        doctor: doctor?,
        counts: counts?,
        adopts: adopts?,
    })
}

fn seed(at: &Cursor, dirs: &[RelativePath]) -> Option<Seed> {
    let keys = at.fields(&["path", "content"])?;
    let path_at = keys.required("path", "relative to the home directory");
    let path: Option<RelativePath> = path_at.as_ref().and_then(Cursor::parse);
    let content = keys.required("content", "a mapping, written as JSON");
    if let (Some(at), Some(path)) = (&path_at, &path) {
        let within = |dir: &RelativePath| {
            path.strip_prefix(&**dir)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if !dirs.iter().any(within) {
            let list: Vec<&str> = dirs.iter().map(|dir| &**dir).collect();
            at.report(
                format!("`{path}` is in none of the state's directories"),
                format!("put it into one of: {}", list.join(", ")),
            );
        }
    }
    let content = content?;
    // Reports what is not a mapping.
    let _ = content.entries();
    Some(Seed {
        path: path?,
        content: content.node().json(),
    })
}

pub(super) fn health(at: &Cursor) -> Option<Health> {
    let keys = at.fields(&["authorised", "start_seconds"])?;
    let start_seconds = keys.or("start_seconds", 60, |c| {
        c.number(1..=3600, "a number of seconds")
    });
    let probe_at = keys.required(
        "authorised",
        "{post: /path, body: {...}, without: 401, with: 200}",
    )?;
    let keys = probe_at.fields(&["get", "post", "body", "without", "with"])?;
    let body = keys.optional("body");
    let probe = match (keys.optional("get"), keys.optional("post")) {
        (Some(get), None) => {
            if let Some(body) = body {
                body.report("a GET has no body", "use `post`, or drop the body");
            }
            url_path(&get).map(Probe::Get)
        }
        (None, Some(post)) => {
            let body = body.map_or_else(|| serde_json::json!({}), |c| c.node().json());
            url_path(&post).map(|path| Probe::Post(path, body))
        }
        (None, None) => {
            probe_at.report(
                "neither `get` nor `post` is there",
                "one request: `get: /path` or `post: /path`",
            );
            None
        }
        (Some(_), Some(post)) => {
            post.report("both `get` and `post` are there", "one request is enough");
            None
        }
    };
    let status = |key, hint| {
        let at = keys.required(key, hint);
        at.and_then(|c| c.number::<u16>(100..=599, "an HTTP status"))
    };
    let without = status("without", "the status without a token: 401");
    let with = status("with", "the status with the right token: 200");
    if without.is_some() && without == with {
        probe_at.report(
            "answers the same with and without the token",
            "choose a request that the token decides about, or a wrong token would pass as healthy",
        );
    }
    Some(Health {
        probe: probe?,
        without: without?,
        with: with?,
        start_seconds: start_seconds?,
    })
}

fn url_path(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    if text.starts_with('/') && !text.contains(char::is_whitespace) {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not a URL's path"),
        "begins with `/`, without scheme and host",
    );
    None
}

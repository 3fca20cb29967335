//! From a lock's text to a lock (pure).

use super::{Debian, Gateway, Lock, Package};
use crate::document::{Cursor, Fields, Findings, Log, Node};
use crate::release::Schema;

/// The version of the schema that this program reads and writes.
pub(super) const SCHEMA: u64 = 1;

const KEYS: [&str; 8] = [
    "lock", "gateway", "node", "npm", "base", "debian", "image", "template",
];

impl Lock {
    /// Reads a lock's text; findings call it `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Findings> {
        let document = Node::parse(file, text)?;
        let log = Log::new(file);
        let lock = lock(&Cursor::root(&document, &log));
        log.close(lock)
    }
}

fn lock(root: &Cursor) -> Option<Lock> {
    // A newer schema has keys that this one does not know: that it is newer is what matters.
    if let Some(version) = root.node().get("lock").and_then(|it| it.json().as_u64())
        && version > SCHEMA
    {
        root.report(
            format!("`lock: {version}` is newer than this program"),
            "upgrade clawbake; this one reads `lock: 1`",
        );
        return None;
    }
    let top = root.fields(&KEYS)?;
    let schema = top
        .required("lock", "the schema's version comes first: `lock: 1`")
        .and_then(|c| c.number::<u64>(SCHEMA..=SCHEMA, "a version of the schema"));
    let section = |key: &str, read: &dyn Fn(&Cursor) -> Option<Package>| {
        let at = top.required(key, "{version, integrity}");
        at.and_then(|c| read(&c))
    };
    let gateway = top
        .required("gateway", "{npm, version, integrity}")
        .and_then(|c| gateway(&c));
    let node = section("node", &package);
    let npm = section("npm", &package);
    let base = top.required("base", "debian-13 or debian-12");
    let base = base.and_then(|c| c.parse());
    let debian = top
        .required("debian", "{suite, security}")
        .and_then(|c| debian(&c));
    let image = top.or("image", None, |c| c.parse().map(Some));
    let template = top.or("template", None, |c| c.parse().map(Some));
    schema?;
    Some(Lock {
        gateway: gateway?,
        node: node?,
        npm: npm?,
        base: base?,
        debian: debian?,
        image: image?,
        template: template?,
    })
}

fn gateway(at: &Cursor) -> Option<Gateway> {
    let keys = at.fields(&["npm", "version", "integrity", "schema", "engines"])?;
    let npm = keys
        .required("npm", "the gateway's npm package")
        .and_then(|c| c.parse());
    let version = keys.required("version", "such as 2026.9.6");
    let version = version.and_then(|c| c.parse());
    let integrity = integrity(&keys);
    let schema = keys.or("schema", None, |c| schema(&c).map(Some));
    let engines = keys.or("engines", None, |c| c.text().map(Some));
    Some(Gateway {
        npm: npm?,
        version: version?,
        integrity: integrity?,
        schema: schema?,
        engines: engines?,
    })
}

fn integrity(keys: &Fields) -> Option<crate::release::Integrity> {
    let at = keys.required("integrity", "npm's digest of the package");
    at.and_then(|c| c.parse())
}

fn schema(at: &Cursor) -> Option<Schema> {
    let keys = at.fields(&["state", "agent"])?;
    let number = |key| {
        let at = keys.required(key, "the schema's version");
        at.and_then(|c| c.number(0..=u32::MAX.into(), "a schema's version"))
    };
    let (state, agent) = (number("state"), number("agent"));
    Some(Schema {
        state: state?,
        agent: agent?,
    })
}

fn package(at: &Cursor) -> Option<Package> {
    let keys = at.fields(&["version", "integrity"])?;
    let version = keys
        .required("version", "such as 24.18.0")
        .and_then(|c| exact(&c));
    let integrity = integrity(&keys);
    Some(Package {
        version: version?,
        integrity: integrity?,
    })
}

/// Three numbers.
fn exact(at: &Cursor) -> Option<String> {
    let text = at.text()?;
    if is_exact(&text) {
        return Some(text);
    }
    at.report(
        format!("`{text}` is not an exact version"),
        "such as 24.18.0",
    );
    None
}

/// Whether it is a version of three numbers.
pub(super) fn is_exact(text: &str) -> bool {
    let number = |part: &str| part.parse::<u32>().is_ok_and(|n| n.to_string() == part);
    text.split('.').count() == 3 && text.split('.').all(number)
}

fn debian(at: &Cursor) -> Option<Debian> {
    let keys = at.fields(&["suite", "security"])?;
    let digest = |key| {
        let at = keys.required(key, "digest of InRelease");
        at.and_then(|c| c.parse())
    };
    let (suite, security) = (digest("suite"), digest("security"));
    Some(Debian {
        suite: suite?,
        security: security?,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Digest;
    use super::*;

    /// A lock with every fact.
    pub fn lock() -> Lock {
        let integrity = |byte: u8| {
            use base64::prelude::{BASE64_STANDARD, Engine as _};
            format!("sha512-{}", BASE64_STANDARD.encode([byte; 64]))
                .parse()
                .unwrap()
        };
        let package = |version: &str, byte| Package {
            version: version.into(),
            integrity: integrity(byte),
        };
        Lock {
            gateway: Gateway {
                npm: "openclaw".parse().unwrap(),
                version: "2026.9.6".parse().unwrap(),
                integrity: integrity(1),
                schema: Some(Schema {
                    state: 18,
                    agent: 23,
                }),
                engines: Some(">=24.16.0 <25 || >=26.1.0".into()),
            },
            node: package("24.18.0", 2),
            npm: package("10.9.4", 3),
            base: crate::recipe::Base::Debian13,
            debian: Debian {
                suite: Digest::of_label(&"a".repeat(60)).unwrap(),
                security: Digest::of_label(&"1".repeat(60)).unwrap(),
            },
            image: Some("openclaw-gateway-2026-9-6-01234567".parse().unwrap()),
            template: Some("openclaw-0123456789".parse().unwrap()),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut locks = vec![lock()];
        for npm in [
            "@openclaw/x",
            "1e3",
            "true",
            "0x10",
            "null",
            "12",
            "a.b_c~d",
            "1.5",
        ] {
            let Ok(npm) = npm.parse() else { continue };
            let mut lock = lock();
            lock.gateway.npm = npm;
            locks.push(lock);
        }
        let mut bare = lock();
        (bare.gateway.schema, bare.gateway.engines) = (None, None);
        (bare.image, bare.template) = (None, None);
        locks.push(bare);
        for engines in ["", "*", ": #", "\"", "\\", "é\t\n\u{85}", "~", "'"] {
            let mut lock = lock();
            lock.gateway.engines = (!engines.is_empty()).then(|| engines.to_owned());
            locks.push(lock);
        }
        for lock in locks {
            let text = lock.text();
            assert_eq!(Lock::parse("clawbake.lock", &text), Ok(lock), "{text}");
        }
    }
}

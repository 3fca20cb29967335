//! A lock as labels of an image, and back (pure).

use std::collections::BTreeMap;

use gce::Image;

use super::read::is_exact;
use super::{Debian, Digest, Gateway, Lock, Package};
use crate::labels;
use crate::release::{Integrity, Version};

impl Lock {
    /// The labels of the image that this is the lock of. What has no room in a label is shortened
    /// (digests) or left out (`engines`).
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        let Self {
            gateway,
            node,
            npm,
            base,
            debian,
            ..
        } = self;
        let package = |[version, integrity]: [&'static str; 2], package: &Package| {
            [
                (version, package.version.replace('.', "-")),
                (integrity, package.integrity.label().to_owned()),
            ]
        };
        let [suite, security] = labels::DEBIAN;
        let schema = gateway.schema.map(|it| (labels::SCHEMA, it.label()));
        [
            (labels::PACKAGE, labels::escape(&gateway.npm)),
            (labels::GATEWAY, gateway.version.label()),
            (
                labels::GATEWAY_INTEGRITY,
                gateway.integrity.label().to_owned(),
            ),
            (labels::BASE, base.to_string()),
            (suite, debian.suite.label().to_owned()),
            (security, debian.security.label().to_owned()),
        ]
        .into_iter()
        .chain(package(labels::NODE, node))
        .chain(package(labels::NPM, npm))
        .chain(schema)
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    /// What an image says about itself in its labels. `None`: it does not, as one from an archive that was
    /// built elsewhere, or by a version of clawbake without locks.
    #[must_use]
    pub fn of_image(image: &Image) -> Option<Self> {
        let label = |key: &str| image.labels.get(key).map(String::as_str);
        let package = |[version, integrity]: [&str; 2]| {
            let version = label(version)?.replace('-', ".");
            Some(Package {
                version: is_exact(&version).then_some(version)?,
                integrity: Integrity::of_label(label(integrity)?)?,
            })
        };
        let [suite, security] = labels::DEBIAN;
        let schema = match label(labels::SCHEMA) {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        };
        Some(Self {
            gateway: Gateway {
                npm: labels::unescape(label(labels::PACKAGE)?)?.parse().ok()?,
                version: Version::of_label(label(labels::GATEWAY)?)?,
                integrity: Integrity::of_label(label(labels::GATEWAY_INTEGRITY)?)?,
                schema,
                engines: None,
            },
            node: package(labels::NODE)?,
            npm: package(labels::NPM)?,
            base: label(labels::BASE)?.parse().ok()?,
            debian: Debian {
                suite: Digest::of_label(label(suite)?)?,
                security: Digest::of_label(label(security)?)?,
            },
            image: Some(image.name.as_deref()?.parse().ok()?),
            template: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::tests::lock;
    use super::*;

    fn image(lock: &Lock) -> Image {
        Image {
            name: lock.image.as_deref().map(str::to_owned),
            labels: lock.labels(),
            ..Image::default()
        }
    }

    #[test]
    fn an_image_tells_its_lock_but_for_what_has_no_room() {
        let lock = lock();
        let found = Lock::of_image(&image(&lock)).unwrap();
        assert_eq!(
            lock.diff(&found),
            [
                "gateway.engines: >=24.16.0 <25 || >=26.1.0 -> none",
                "template: openclaw-0123456789 -> none"
            ]
        );
        assert_eq!(Lock::parse("clawbake.lock", &found.text()), Ok(found));
    }

    #[test]
    fn every_label_fits() {
        let mut lock = lock();
        lock.gateway.npm = "@open.claw/gate_way".parse().unwrap();
        lock.gateway.version = "2026.10.10-beta.10".parse().unwrap();
        for (key, value) in lock.labels() {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
            assert!(
                value.len() <= 63 && value.chars().all(fits),
                "{key}: {value}"
            );
            assert!(key.len() <= 63 && key.chars().all(fits), "{key}");
        }
        assert_eq!(
            Lock::of_image(&image(&lock)).unwrap().gateway.npm,
            lock.gateway.npm
        );
    }

    #[test]
    fn an_image_that_lacks_a_fact_or_holds_nonsense_has_no_lock() {
        let whole = image(&lock());
        for key in whole.labels.keys() {
            let mut image = whole.clone();
            image.labels.insert(key.clone(), "nonsense_".into());
            assert_eq!(Lock::of_image(&image), None, "{key}");
            image.labels.remove(key);
            let optional = key == labels::SCHEMA;
            assert_eq!(Lock::of_image(&image).is_some(), optional, "{key}");
        }
    }
}

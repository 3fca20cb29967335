//! Names that Google, Linux or npm restrict: checked once, where they enter.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::document::Refusal;

macro_rules! guarded {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = Refusal;
            fn from_str(text: &str) -> Result<Self, Refusal> {
                $check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse()
                    .map_err(|refusal: Refusal| serde::de::Error::custom(refusal.message))
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

guarded!(
    /// A Compute Engine resource's name: `[a-z]([-a-z0-9]{0,61}[a-z0-9])?`.
    ResourceName, resource_name
);
guarded!(
    /// A secret's name in Secret Manager: `[A-Za-z0-9_-]{1,255}`.
    SecretName, secret_name
);
guarded!(
    /// An environment variable's name.
    EnvName, env_name
);
guarded!(
    /// A label's key: as its value, and it begins with a letter.
    LabelKey, label_key
);
guarded!(
    /// A label's value: lower case, digits, `_` and `-`, at most 63.
    LabelValue, label_value
);
guarded!(
    /// A path that stays below the directory it is joined to.
    RelativePath, relative_path
);
guarded!(
    /// A SHA-256 digest, 64 lower-case hex digits.
    Sha256, sha256
);
guarded!(
    /// A container image of a registry by digest: `docker.io/library/node@sha256:...`.
    ImageDigest, image_digest
);
guarded!(
    /// A Debian package, with an optional `=version`.
    PackageName, package_name
);
guarded!(
    /// An npm package, scoped or not.
    NpmPackage, npm_package
);
guarded!(
    /// A project's id; not its number.
    ProjectId, project_id
);
guarded!(
    /// A zone, such as `us-central1-a`.
    Zone, zone
);
guarded!(
    /// A machine type, such as `e2-small` or `n2-custom-4-8192-ext`.
    MachineType, machine_type
);
guarded!(
    /// A Cloud Storage bucket's name, without `gs://`.
    BucketName, bucket_name
);
guarded!(
    /// A service account's e-mail address.
    ServiceAccount, service_account
);

fn all(text: &str, extra: &str, letters: fn(char) -> bool) -> bool {
    text.chars()
        .all(|c| letters(c) || c.is_ascii_digit() || extra.contains(c))
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase()
}

fn letter(c: char) -> bool {
    c.is_ascii_alphabetic()
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn begins(text: &str, with: fn(char) -> bool) -> bool {
    text.chars().next().is_some_and(with)
}

fn ends_alphanumeric(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn verdict(good: bool, text: &str, what: &str, hint: &str) -> Result<(), Refusal> {
    if good {
        return Ok(());
    }
    Err(Refusal::new(format!("`{text}` is not {what}"), hint))
}

fn resource_name(text: &str) -> Result<(), Refusal> {
    let hint = "1-63 of a-z, 0-9 and `-`; begins with a letter, does not end with `-`";
    let good = text.len() <= 63 && begins(text, lower) && ends_alphanumeric(text);
    verdict(
        good && all(text, "-", lower),
        text,
        "a name that Compute Engine accepts",
        hint,
    )
}

fn secret_name(text: &str) -> Result<(), Refusal> {
    if looks_secret(text) {
        // The value itself must not be repeated in a message.
        return Err(Refusal::new(
            "this looks like a secret's value; put its name",
            "store the value with `clawbake secrets set NAME`, then write NAME here; \
             treat this value as leaked if the file was shared",
        ));
    }
    let good = (1..=255).contains(&text.len()) && all(text, "_-", letter);
    let hint = "1-255 letters, digits, `_` and `-`; the bare name, not `projects/...`";
    verdict(good, text, "a name that Secret Manager accepts", hint)
}

fn env_name(text: &str) -> Result<(), Refusal> {
    let good = !begins(text, digit) && all(text, "_", letter) && !text.is_empty();
    let hint = "letters, digits and `_`, not beginning with a digit";
    verdict(good, text, "an environment variable's name", hint)
}

fn label_key(text: &str) -> Result<(), Refusal> {
    let good = begins(text, lower) && text.len() <= 63 && all(text, "_-", lower);
    let hint = "1-63 of a-z, 0-9, `_` and `-`, beginning with a letter";
    verdict(good, text, "a label's key", hint)
}

fn label_value(text: &str) -> Result<(), Refusal> {
    let good = text.len() <= 63 && all(text, "_-", lower);
    verdict(
        good,
        text,
        "a label's value",
        "at most 63 of a-z, 0-9, `_` and `-`",
    )
}

fn relative_path(text: &str) -> Result<(), Refusal> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.starts_with('-');
    // Nothing that a shell, a compose file or a mount would take for syntax.
    let good = text.split('/').all(plain) && all(text, "/._@+-", letter);
    let hint = "letters, digits and `._@+-` between slashes; no leading `/`, no `.` or `..`";
    verdict(good, text, "a path below this directory", hint)
}

fn sha256(text: &str) -> Result<(), Refusal> {
    let hex = |c: char| matches!(c, 'a'..='f');
    let good = text.len() == 64 && all(text, "", hex);
    let hint = "64 lower-case hex digits, as `sha256sum` prints them";
    verdict(good, text, "a SHA-256 digest", hint)
}

fn image_digest(text: &str) -> Result<(), Refusal> {
    let good = text.split_once("@sha256:").is_some_and(|(name, digest)| {
        sha256(digest).is_ok()
            && name.contains('/')
            && begins(name, |c| lower(c) || digit(c))
            && all(name, "-._/:", lower)
    });
    let hint = "registry, name and digest: a tag alone can move, `docker.io/library/node@sha256:...` cannot";
    verdict(good, text, "a container image by digest", hint)
}

fn package_name(text: &str) -> Result<(), Refusal> {
    let (name, version) = text.split_once('=').unwrap_or((text, "0"));
    let good = name.len() >= 2
        && begins(name, |c| lower(c) || digit(c))
        && all(name, "+-.", lower)
        && begins(version, digit)
        && all(version, "+-.~:", letter);
    let hint = "one package per item: `docker.io` or `docker.io=26.1.5+dfsg1-9`";
    verdict(good, text, "a Debian package", hint)
}

fn npm_package(text: &str) -> Result<(), Refusal> {
    let part = |part: &str| begins(part, |c| lower(c) || digit(c)) && all(part, "-._", lower);
    let good = text.len() <= 214
        && match text.strip_prefix('@') {
            Some(scoped) => scoped
                .split_once('/')
                .is_some_and(|(s, name)| part(s) && part(name)),
            None => part(text),
        };
    let hint = "the bare name, `clawdbot` or `@scope/name`; the version has a key of its own";
    verdict(good, text, "an npm package", hint)
}

fn project_id(text: &str) -> Result<(), Refusal> {
    let hint = if all(text, "", |_| false) {
        "this is a project's number; put its id, as `gcloud projects list` shows it"
    } else {
        "6-30 of a-z, 0-9 and `-`, beginning with a letter"
    };
    // Ids of the oldest projects carry a domain: `example.com:name`.
    let (domain, id) = text.split_once(':').unwrap_or(("", text));
    let good = (6..=30).contains(&text.len()) && begins(id, lower) && ends_alphanumeric(id);
    verdict(
        good && all(id, "-", lower) && all(domain, "-.", lower),
        text,
        "a project's id",
        hint,
    )
}

fn zone(text: &str) -> Result<(), Refusal> {
    let parts: Vec<&str> = text.split('-').collect();
    let ends_in_digit = |part: &&str| part.ends_with(|c: char| c.is_ascii_digit());
    let clean = parts
        .iter()
        .all(|part| !part.is_empty() && all(part, "", lower));
    if clean && parts.len() == 2 && ends_in_digit(&parts[1]) {
        let hint = format!("add the zone's letter: `{text}-a`");
        return Err(Refusal::new(
            format!("`{text}` is a region, not a zone"),
            hint,
        ));
    }
    let good = clean && parts.len() == 3 && ends_in_digit(&parts[1]) && begins(parts[2], lower);
    verdict(
        good,
        text,
        "a zone",
        "such as `us-central1-a`; see `gcloud compute zones list`",
    )
}

fn machine_type(text: &str) -> Result<(), Refusal> {
    let mut parts = text.split('-');
    let family = parts.next().unwrap_or_default();
    let named = begins(family, lower)
        && (family == "custom" || family.contains(|c: char| c.is_ascii_digit()));
    let rest: Vec<&str> = parts.collect();
    let good = named && !rest.is_empty() && rest.iter().all(|part| !part.is_empty());
    let hint = "such as `e2-small`, `n2-standard-4` or `e2-custom-2-4096`";
    verdict(good && all(text, "-", lower), text, "a machine type", hint)
}

fn bucket_name(text: &str) -> Result<(), Refusal> {
    let good = (3..=63).contains(&text.len())
        && begins(text, |c| lower(c) || digit(c))
        && ends_alphanumeric(text)
        && all(text, "-_.", lower);
    let hint = "3-63 of a-z, 0-9, `-`, `_` and `.`; without `gs://`";
    verdict(good, text, "a bucket's name", hint)
}

fn service_account(text: &str) -> Result<(), Refusal> {
    let good = text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && all(name, "-._", lower)
            && domain.contains('.')
            && all(domain, "-.", lower)
    });
    let hint = "its e-mail address: `gateway@my-project.iam.gserviceaccount.com`";
    verdict(good, text, "a service account", hint)
}

/// Prefixes of the tokens that end up in files most often.
const TOKEN_PREFIXES: [&str; 11] = [
    "sk-",
    "ghp_",
    "gho_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "AIza",
    "ya29.",
    "GOCSPX-",
    "eyJ",
    "npm_",
];

/// Whether one word could be a secret's value: a known token prefix, or long and random.
#[must_use]
pub fn looks_secret(word: &str) -> bool {
    let count = |kind: fn(&char) -> bool| word.chars().filter(kind).count();
    let digits = count(char::is_ascii_digit);
    let (uppers, lowers) = (
        count(char::is_ascii_uppercase),
        count(char::is_ascii_lowercase),
    );
    let prefixed = TOKEN_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    let hex = word.len() >= 32 && word.chars().all(|c| c.is_ascii_hexdigit());
    // People write words between separators; random text has long runs without any.
    let run = word.split(['-', '_', '.']).map(str::len).max().unwrap_or(0);
    let mixed = run >= 20 && digits >= 3 && uppers >= 3 && lowers >= 3;
    let low_mixed = run >= 24 && digits >= 4 && lowers >= 4;
    (prefixed && word.len() >= 20) || (hex && digits >= 4) || mixed || low_mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text} was accepted");
        }
    }

    fn accepted<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_ok(), "{text} was refused");
        }
    }

    #[test]
    fn names_follow_google_and_linux() {
        let longest = "a".repeat(63);
        accepted::<ResourceName>(&["a", "clawdbot-gateway", &longest]);
        refused::<ResourceName>(&["", "A", "1a", "a-", "a_b", &"a".repeat(64)]);
        accepted::<MachineType>(&[
            "e2-small",
            "n2-standard-4",
            "custom-2-4096",
            "c4a-highmem-8-lssd",
        ]);
        refused::<MachineType>(&["e2", "small", "e2-", "E2-small", "e2_small"]);
        accepted::<Zone>(&["us-central1-a", "europe-west12-b", "us-central1-ai1a"]);
        refused::<Zone>(&["us-central1", "us", "us-central-a", "us-central1-"]);
        accepted::<RelativePath>(&[".config/openclaw", "dist/index.js"]);
        refused::<RelativePath>(&[
            "/etc", "../x", "a/../b", "a//b", "", "./a", "a/", "a b", "-rf", "$x",
        ]);
        accepted::<ProjectId>(&["my-project", "example.com:thing-1"]);
        refused::<ProjectId>(&["short", "123456789012", "My-project", "my-project-"]);
    }

    #[test]
    fn secrets_are_told_from_names() {
        for value in [
            "sk-ant-api03-abcdefghijkl",
            "3f2a9c0d4b7e61f8a5c2d9e0b1f47a36",
            "q8Zr2LwX0nTb7VhKc4Md9s",
        ] {
            assert!(looks_secret(value), "{value}");
            let message = value.parse::<SecretName>().unwrap_err().message;
            assert!(!message.contains(value));
        }
        for name in [
            "clawdbot-gateway-token",
            "GOG_KEYRING_PASSWORD",
            "prod-2026-11-gateway-token-v2",
        ] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}

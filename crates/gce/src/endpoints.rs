use reqwest::Url;

use crate::{Error, Kind, Result};

/// Base URLs of the three services; the paths below them are Google's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Base of `/compute/v1/...`.
    pub compute: String,
    /// Base of `/v1/...`.
    pub secret_manager: String,
    /// Base of `/storage/v1/...` and `/upload/storage/v1/...`.
    pub storage: String,
}

impl Endpoints {
    /// Google's public endpoints.
    #[must_use]
    pub fn google() -> Self {
        Self {
            compute: "https://compute.googleapis.com".into(),
            secret_manager: "https://secretmanager.googleapis.com".into(),
            storage: "https://storage.googleapis.com".into(),
        }
    }

    /// All three services under one base URL, such as `http://127.0.0.1:8787`.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self {
            compute: url.into(),
            secret_manager: url.into(),
            storage: url.into(),
        }
    }

    /// Whether all three are on this machine, where no proxy can reach them.
    pub(crate) fn are_loopback(&self) -> bool {
        [&self.compute, &self.secret_manager, &self.storage]
            .into_iter()
            .all(|base| {
                Url::parse(base).ok().is_some_and(|url| {
                    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
                    host == "localhost"
                        || host
                            .parse::<std::net::IpAddr>()
                            .is_ok_and(|ip| ip.is_loopback())
                })
            })
    }
}

/// `base` with `segments` below it, each encoded.
///
/// A segment that is empty or a dot would address the parent instead: a mistyped name must not
/// turn one resource's URL into its collection's.
pub(crate) fn join<'a>(base: &str, segments: impl IntoIterator<Item = &'a str>) -> Result<Url> {
    let invalid = |message: String| Error::new(Kind::Invalid, "making a URL", message);
    let mut url =
        Url::parse(base).map_err(|error| invalid(format!("base URL {base:?}: {error}")))?;
    {
        let mut path = url
            .path_segments_mut()
            .map_err(|()| invalid(format!("base URL {base:?} cannot have paths below it")))?;
        path.pop_if_empty();
        for segment in segments {
            if matches!(segment, "" | "." | "..") {
                return Err(invalid(format!(
                    "{segment:?} is not the name of a resource"
                )));
            }
            path.push(segment);
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_change_the_path() {
        let url = join("http://h/base/", ["o", "a/b?c#d", "s:access"]).unwrap();
        assert_eq!(url.as_str(), "http://h/base/o/a%2Fb%3Fc%23d/s:access");
        for name in ["", ".", ".."] {
            assert_eq!(
                join("http://h", ["images", name]).unwrap_err().kind,
                Kind::Invalid
            );
        }
    }

    #[test]
    fn loopback_is_told_from_the_internet() {
        assert!(Endpoints::at("http://127.0.0.1:1").are_loopback());
        assert!(Endpoints::at("http://[::1]:1").are_loopback());
        assert!(!Endpoints::google().are_loopback());
        assert!(!Endpoints::at("http://localhost.example.com").are_loopback());
    }
}

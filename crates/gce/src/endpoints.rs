use reqwest::Url;

use crate::{Error, Kind, Result};

/// Base URLs of the services. Each has a host of its own; the paths below are Google's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Base of `/compute/v1/...`.
    pub compute: String,
    /// Base of Secret Manager's `/v1/...`.
    pub secret_manager: String,
    /// Base of `/storage/v1/...` and `/upload/storage/v1/...`.
    pub storage: String,
    /// Base of Service Usage's `/v1/...`.
    pub service_usage: String,
    /// Base of Resource Manager's `/v3/...`.
    pub resource_manager: String,
    /// Base of Cloud Billing's `/v1/...`.
    pub billing: String,
    /// Base of IAM's `/v1/...`.
    pub iam: String,
    /// Base of Security Token Service's `/v1/...`.
    pub sts: String,
}

impl Endpoints {
    /// Google's public endpoints.
    #[must_use]
    pub fn google() -> Self {
        Self::at("https://{api}.googleapis.com")
    }

    /// All services below one URL, such as `http://127.0.0.1:8787`. `{api}` in it stands for the name
    /// of each service: a Private Service Connect endpoint has `https://{api}-NAME.p.googleapis.com`.
    #[must_use]
    pub fn at(url: &str) -> Self {
        let of = |api| url.replace("{api}", api);
        Self {
            compute: of("compute"),
            secret_manager: of("secretmanager"),
            storage: of("storage"),
            service_usage: of("serviceusage"),
            resource_manager: of("cloudresourcemanager"),
            billing: of("cloudbilling"),
            iam: of("iam"),
            sts: of("sts"),
        }
    }

    /// Whether all are on this machine, where a proxy must not be used.
    #[must_use]
    pub fn are_loopback(&self) -> bool {
        let bases = [
            &self.compute,
            &self.secret_manager,
            &self.storage,
            &self.service_usage,
            &self.resource_manager,
            &self.billing,
            &self.iam,
            &self.sts,
        ];
        bases.into_iter().all(|base| {
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
/// An empty segment or one of dots would address the parent: a mistyped name must not turn the URL
/// of a resource into that of its collection.
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

    #[test]
    fn each_api_of_google_has_its_own_host() {
        let google = Endpoints::google();
        assert_eq!(google.compute, "https://compute.googleapis.com");
        assert_eq!(google.billing, "https://cloudbilling.googleapis.com");
        let private = Endpoints::at("https://{api}-claw.p.googleapis.com");
        assert_eq!(private.iam, "https://iam-claw.p.googleapis.com");
    }
}

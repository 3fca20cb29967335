//! The archive that an image is made from: a Cloud Storage object, given by URL.

use rusqlite::Connection;

use crate::error::Error;
use crate::store::objects::{self, Object};

/// The object at a URL.
pub fn find(tx: &Connection, url: &str) -> Result<Object, Error> {
    let (bucket, name) = bucket_and_object(url).ok_or_else(|| {
        Error::field(
            "resource.rawDisk.source",
            url,
            "Must be a URL of a Cloud Storage object, https://storage.googleapis.com/BUCKET/OBJECT.",
        )
    })?;
    objects::get(tx, bucket, &name)?.ok_or_else(|| {
        Error::missing(format!(
            "The resource '{url}' was not found: no such object in Cloud Storage"
        ))
    })
}

/// Bucket and object of a Cloud Storage URL, in any form that Google accepts.
pub fn bucket_and_object(url: &str) -> Option<(&str, String)> {
    let path = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let path = path.or_else(|| url.strip_prefix("gs://"))?;
    let rest = match path.split_once('/')? {
        (
            "storage.googleapis.com"
            | "storage.cloud.google.com"
            | "commondatastorage.googleapis.com",
            rest,
        ) => rest,
        // gcloud uses the endpoint that it was configured with.
        (_, rest) if rest.starts_with("storage/v1/b/") => rest,
        _ if url.starts_with("gs://") => path,
        _ => return None,
    };
    let rest = rest.strip_prefix("storage/v1/b/").unwrap_or(rest);
    let (bucket, name) = rest.split_once('/')?;
    let name = name.strip_prefix("o/").unwrap_or(name);
    let name = name.replace("%2F", "/").replace("%2f", "/");
    (!name.is_empty()).then_some((bucket, name))
}

#[cfg(test)]
mod tests {
    use super::bucket_and_object;

    #[test]
    fn urls_of_objects() {
        for url in [
            "https://storage.googleapis.com/b/dir/o.tar.gz",
            "https://storage.googleapis.com/storage/v1/b/b/o/dir%2Fo.tar.gz",
            "https://www.googleapis.com/storage/v1/b/b/o/dir%2Fo.tar.gz",
            "http://127.0.0.1:8080/storage/v1/b/b/o/dir%2Fo.tar.gz",
            "gs://b/dir/o.tar.gz",
        ] {
            assert_eq!(
                bucket_and_object(url),
                Some(("b", "dir/o.tar.gz".into())),
                "{url}"
            );
        }
        for url in [
            "",
            "b/o",
            "https://example.com/b/o",
            "gs://b",
            "https://storage.googleapis.com/b/",
        ] {
            assert_eq!(bucket_and_object(url), None, "{url}");
        }
    }
}

//! Discovery documents: <https://developers.google.com/discovery/v1/reference/apis>.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

macro_rules! documents {
    ($($file:literal),* $(,)?) => {
        [$(($file, include_str!(concat!("../discovery/", $file, ".json")))),*]
    };
}

static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    documents![
        "compute",
        "secretmanager",
        "storage",
        "iam",
        "iamcredentials",
        "sts",
        "serviceusage",
        "cloudresourcemanager.v1",
        "cloudresourcemanager.v3",
        "cloudbilling",
    ]
    .into_iter()
    .map(|(file, text)| {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("discovery/{file}.json: {error}"))
    })
    .collect()
});

/// A trimmed document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    pub name: String,
    version: String,
    revision: String,
    service_path: String,
    batch_path: String,
    /// Query parameters of every method.
    pub parameters: BTreeMap<String, Schema>,
    methods: BTreeMap<String, Method>,
    pub schemas: BTreeMap<String, Schema>,
}

/// A method of an API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Method {
    #[serde(rename = "httpMethod")]
    verb: String,
    path: String,
    pub parameters: BTreeMap<String, Schema>,
    pub request: Option<Schema>,
    pub response: Option<Schema>,
    #[serde(default)]
    uploads: Vec<String>,
    #[serde(default)]
    supports_media_download: bool,
}

/// The type of a value or of a parameter.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Schema {
    #[serde(rename = "$ref")]
    pub reference: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub format: Option<String>,
    /// Of a parameter.
    pub pattern: Option<String>,
    #[serde(rename = "enum")]
    pub values: Option<Vec<String>>,
    #[serde(rename = "default")]
    pub default_value: Option<String>,
    pub properties: BTreeMap<String, Schema>,
    pub additional_properties: Option<Box<Schema>>,
    pub items: Option<Box<Schema>>,
    /// Where a parameter is: `path` or `query`.
    pub location: Option<String>,
    pub required: bool,
    pub repeated: bool,
    pub annotations: Annotations,
}

/// What a schema says of its use.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Annotations {
    /// Methods whose request must have it.
    pub required: Vec<String>,
}

/// The way that a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// JSON in, JSON out.
    Plain,
    /// Contents go in with it.
    Upload,
    /// Contents may come out.
    Download,
}

/// The method that a request calls.
#[derive(Debug)]
pub(crate) struct Found {
    pub document: &'static Document,
    /// Such as `compute.images.insert`.
    pub id: &'static str,
    pub method: &'static Method,
    pub way: Way,
}

/// The method that is called by a verb at a path; `resuming` if the query names an upload.
pub(crate) fn find(verb: &str, path: &str, resuming: bool) -> Option<Found> {
    let mut best: Option<(usize, Found)> = None;
    for document in DOCUMENTS.iter() {
        for (id, method) in &document.methods {
            for (way, template) in document.templates(method) {
                let resumed = resuming && way == Way::Upload && matches!(verb, "PUT" | "DELETE");
                let same_verb = method.verb == verb;
                let Some(literals) = (same_verb || resumed)
                    .then(|| fit(&template, path))
                    .flatten()
                else {
                    continue;
                };
                if best.as_ref().is_none_or(|(most, _)| literals > *most) {
                    let found = Found {
                        document,
                        id,
                        method,
                        way,
                    };
                    best = Some((literals, found));
                }
            }
        }
    }
    best.map(|(_, found)| found)
}

/// The id of the method that is called by a verb at a path, such as `compute.images.insert`.
#[must_use]
pub fn method_id(verb: &str, path: &str) -> Option<&'static str> {
    find(verb, path, false).map(|found| found.id)
}

/// Whether a path takes batches of calls.
pub(crate) fn is_batch(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    DOCUMENTS.iter().any(|document| document.batch_path == path)
}

/// The documents, each with its version and revision.
#[must_use]
pub fn revisions() -> Vec<String> {
    let line = |d: &Document| format!("{} {} {}", d.name, d.version, d.revision);
    DOCUMENTS.iter().map(line).collect()
}

impl Document {
    /// A schema, or what it refers to.
    pub fn resolve<'a>(&'a self, schema: &'a Schema) -> &'a Schema {
        let Some(name) = &schema.reference else {
            return schema;
        };
        self.schemas
            .get(name)
            .unwrap_or_else(|| panic!("{} has no schema {name}", self.name))
    }

    /// The paths at which a method is called.
    fn templates(&self, method: &Method) -> Vec<(Way, String)> {
        let plain = format!("/{}{}", self.service_path, method.path);
        let mut all = Vec::new();
        if method.supports_media_download {
            all.push((Way::Download, format!("/download{plain}")));
            all.push((Way::Download, plain));
        } else {
            all.push((Way::Plain, plain));
        }
        all.extend(
            method
                .uploads
                .iter()
                .map(|path| (Way::Upload, path.clone())),
        );
        all
    }
}

/// How many characters of the path are the template's own; none if it is another path.
fn fit(template: &str, path: &str) -> Option<usize> {
    let (wanted, given) = (template.split('/'), path.split('/'));
    if wanted.clone().count() != given.clone().count() {
        return None;
    }
    wanted
        .zip(given)
        .map(|(wanted, given)| match wanted.strip_prefix('{') {
            None => (wanted == given).then_some(wanted.len()),
            Some(variable) => {
                let (_, verb) = variable.split_once('}')?;
                let value = given.strip_suffix(verb)?;
                (!value.is_empty()).then_some(verb.len())
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENTS, Way, find, fit, is_batch, method_id};
    use crate::syntax;

    #[test]
    fn the_path_that_is_most_literal_wins() {
        for (verb, path, id) in [
            (
                "GET",
                "/compute/v1/projects/p/global/images/i",
                Some("compute.images.get"),
            ),
            (
                "GET",
                "/compute/v1/projects/p/global/images/family/f",
                Some("compute.images.getFromFamily"),
            ),
            ("PUT", "/compute/v1/projects/p/global/images/i", None),
            ("GET", "/compute/v1/projects/p/global/images/", None),
            (
                "GET",
                "/v1/projects/p/secrets/s",
                Some("secretmanager.projects.secrets.get"),
            ),
            (
                "GET",
                "/v1/projects/p/secrets/s:getIamPolicy",
                Some("secretmanager.projects.secrets.getIamPolicy"),
            ),
            (
                "GET",
                "/storage/v1/b/b/o/a%2Fb",
                Some("storage.objects.get"),
            ),
            ("GET", "/storage/v1/b/b/o/a/b", None),
        ] {
            assert_eq!(method_id(verb, path), id, "{verb} {path}");
        }
    }

    #[test]
    fn contents_go_their_own_way() {
        let upload = "/upload/storage/v1/b/b/o";
        assert_eq!(find("POST", upload, false).unwrap().way, Way::Upload);
        assert_eq!(
            find("PUT", upload, true).unwrap().id,
            "storage.objects.insert"
        );
        assert!(find("PUT", upload, false).is_none());
        let download = find("GET", "/download/storage/v1/b/b/o/o", false).unwrap();
        assert_eq!(download.way, Way::Download);
        assert!(is_batch("/batch/compute/v1") && !is_batch("/compute/v1"));
    }

    #[test]
    fn a_variable_is_one_segment_and_not_empty() {
        assert_eq!(fit("/a/{b}/c", "/a/x/c"), Some(2));
        assert_eq!(fit("/a/{b}:go", "/a/x:go"), Some(4));
        assert_eq!(fit("/a/{b}", "/a/x/y"), None);
        assert_eq!(fit("/a/{b}:go", "/a/:go"), None);
    }

    #[test]
    fn every_pattern_can_be_held_against_a_value() {
        let methods = DOCUMENTS
            .iter()
            .flat_map(|document| document.methods.values());
        let parameters = methods.flat_map(|method| method.parameters.values());
        let mut patterns = parameters.filter_map(|parameter| parameter.pattern.as_deref());
        assert_eq!(patterns.find(|pattern| syntax::matches(pattern, "")), None);
        let device = r"\w[\w.-]{0,254}";
        assert!(syntax::matches(device, "a.b-c") && !syntax::matches(device, "ä"));
    }
}

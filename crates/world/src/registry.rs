use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::{Compression, GzBuilder};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha512};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// npm's own variable for a registry, and the registry without it.
const VARIABLE: &str = "npm_config_registry";
const PUBLIC: &str = "https://registry.npmjs.org";
/// When everything was published: long ago, so that nothing is too young.
const PUBLISHED: &str = "2020-01-01T00:00:00.000Z";

type Answer = Response<Full<Bytes>>;

/// A registry of npm's on a loopback port, until it is dropped: it serves what a test publishes, and
/// sends whoever asks for anything else to the registry of the environment.
///
/// Whatever cannot be done panics: it is for tests.
pub struct Registry {
    url: String,
    shelf: Arc<Shelf>,
    runtime: Option<Runtime>,
}

/// What it serves, and where the rest is.
struct Shelf {
    elsewhere: String,
    packages: Mutex<BTreeMap<String, Published>>,
}

/// A package: its versions' manifests and tarballs, and its tags.
#[derive(Default)]
struct Published {
    manifests: Map<String, Value>,
    tarballs: BTreeMap<String, Bytes>,
    tags: Map<String, Value>,
}

impl Registry {
    /// Listens.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn start() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("making a thread for the registry");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listening on loopback");
        listener.set_nonblocking(true).expect("a socket for async");
        let url = format!("http://{}", listener.local_addr().expect("the own port"));
        let elsewhere = std::env::var(VARIABLE).unwrap_or_else(|_| PUBLIC.into());
        let shelf = Arc::new(Shelf {
            elsewhere: elsewhere.trim_end_matches('/').into(),
            packages: Mutex::default(),
        });
        runtime.spawn(accept(listener, Arc::clone(&shelf)));
        Self {
            url,
            shelf,
            runtime: Some(runtime),
        }
    }

    /// Npm's variable and its value, for a program that is to ask this registry.
    #[must_use]
    pub fn variable(&self) -> (&'static str, &str) {
        (VARIABLE, &self.url)
    }

    /// Publishes a release of the package in `source`: `RELEASE.json` is its package.json, and what is
    /// no JSON belongs to all releases. Its tags become those of `tags`. Returns its version.
    ///
    /// The same files have the same digest in every run.
    ///
    /// # Panics
    /// When there is no such release, or its version was published before.
    pub fn publish(&self, source: &Path, release: &str, tags: &[&str]) -> String {
        let manifest = fs::read(source.join(format!("{release}.json"))).expect("a release");
        let mut own: Value = serde_json::from_slice(&manifest).expect("a package.json");
        let tarball = pack(source, &manifest);
        let text = |value: &Value| value.as_str().expect("name and version").to_owned();
        let (name, version) = (text(&own["name"]), text(&own["version"]));
        own["dist"] = json!({
            "tarball": format!("{}/{name}/-/{name}-{version}.tgz", self.url),
            "integrity": format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(&tarball))),
        });
        let mut packages = self.shelf.packages.lock().unwrap();
        let package = packages.entry(name).or_default();
        let before = package.manifests.insert(version.clone(), own);
        assert!(before.is_none(), "{version} is published already");
        package.tarballs.insert(version.clone(), tarball.into());
        for tag in tags {
            package.tags.insert((*tag).into(), version.as_str().into());
        }
        version
    }

    /// Leads a tag of a package to another version.
    ///
    /// # Panics
    /// When that was not published.
    pub fn tag(&self, name: &str, tag: &str, version: &str) {
        let mut packages = self.shelf.packages.lock().unwrap();
        let package = packages.get_mut(name).expect("a package");
        assert!(package.manifests.contains_key(version), "{version}");
        package.tags.insert(tag.into(), version.into());
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// As `npm pack` does it, without times and owners.
fn pack(source: &Path, manifest: &[u8]) -> Vec<u8> {
    let mut files = BTreeMap::from([("package.json".to_owned(), manifest.to_owned())]);
    for entry in fs::read_dir(source).expect("a package") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|it| it != "json") {
            let name = path.file_name().expect("a name").to_string_lossy();
            files.insert(name.into(), fs::read(&path).expect("a file"));
        }
    }
    let gzip = GzBuilder::new().mtime(0);
    let mut tar = tar::Builder::new(gzip.write(Vec::new(), Compression::default()));
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("package/{name}");
        tar.append_data(&mut header, path, &*content)
            .expect("a tarball");
    }
    let gzip = tar.into_inner().expect("a tarball");
    gzip.finish().expect("a tarball")
}

async fn accept(listener: std::net::TcpListener, shelf: Arc<Shelf>) {
    let listener = TcpListener::from_std(listener).expect("a socket for async");
    while let Ok((stream, _)) = listener.accept().await {
        let shelf = Arc::clone(&shelf);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = shelf.answer(&request);
            async { Ok::<_, Infallible>(answer) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

impl Shelf {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        let path = request.uri().path().trim_start_matches('/');
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let packages = self.packages.lock().unwrap();
        let Some(package) = packages.get(name) else {
            return self.lead_on(request);
        };
        let found = match rest.split_once("-/") {
            Some(("", file)) => package.tarball(name, file),
            Some(_) => None,
            None if rest.is_empty() => Some(json_of(&package.packument(name))),
            None => package.manifest(rest).map(json_of),
        };
        found.unwrap_or_else(|| status(StatusCode::NOT_FOUND))
    }

    /// To where the same is asked for elsewhere.
    fn lead_on(&self, request: &Request<Incoming>) -> Answer {
        let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
        let mut answer = status(StatusCode::FOUND);
        let there = HeaderValue::from_str(&format!("{}{path}", self.elsewhere));
        answer.headers_mut().insert(LOCATION, there.expect("a URL"));
        answer
    }
}

impl Published {
    fn packument(&self, name: &str) -> Value {
        let times = self.manifests.keys();
        let times: Map<_, _> = times.map(|it| (it.clone(), PUBLISHED.into())).collect();
        json!({
            "name": name,
            "dist-tags": self.tags,
            "versions": self.manifests,
            "time": times,
        })
    }

    /// By a version or a tag.
    fn manifest(&self, wanted: &str) -> Option<&Value> {
        let tagged = self.tags.get(wanted).and_then(Value::as_str);
        self.manifests.get(tagged.unwrap_or(wanted))
    }

    fn tarball(&self, name: &str, file: &str) -> Option<Answer> {
        let version = file.strip_suffix(".tgz")?.strip_prefix(name)?;
        let tarball = self.tarballs.get(version.strip_prefix('-')?)?;
        Some(answer_of("application/octet-stream", tarball.clone()))
    }
}

fn json_of(value: &Value) -> Answer {
    answer_of("application/json", value.to_string().into())
}

/// Nobody keeps it: tags move.
fn answer_of(kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    for (header, value) in [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")] {
        answer
            .headers_mut()
            .insert(header, HeaderValue::from_static(value));
    }
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

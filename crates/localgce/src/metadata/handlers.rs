//! Requests and answers, in the metadata server's manners.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION, SERVER};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

use super::guest::{Guest, Refusal};
use super::tree::{Format, Node};

const FLAVOR: &str = "metadata-flavor";
const HTML: &str = "text/html; charset=UTF-8";
const JSON: &str = "application/json";
const TEXT: &str = "application/text";

/// Google's limit of one value, in bytes.
const VALUE_LIMIT: usize = 256 << 10;

type Machine = State<Arc<dyn Guest>>;

pub(super) fn router(guest: Arc<dyn Guest>) -> Router {
    let attribute = get(attribute).put(set_attribute).delete(delete_attribute);
    Router::new()
        .route("/", get(([(CONTENT_TYPE, TEXT)], "computeMetadata/\n")))
        .route("/computeMetadata/", get(([(CONTENT_TYPE, TEXT)], "v1/\n")))
        .route("/computeMetadata", get(slash))
        .route("/computeMetadata/v1", get(slash))
        .route("/computeMetadata/v1/", get(root))
        .route("/computeMetadata/v1/{*path}", get(read))
        .route(
            "/computeMetadata/v1/instance/service-accounts/{account}/token",
            get(token),
        )
        .route(
            "/computeMetadata/v1/instance/guest-attributes/{namespace}/{key}",
            attribute,
        )
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(VALUE_LIMIT))
        .layer(CatchPanicLayer::custom(|_| {
            error(StatusCode::INTERNAL_SERVER_ERROR, "")
        }))
        .layer(from_fn(manners))
        .with_state(guest)
}

/// Whoever can be made to fetch a URL for somebody else cannot send this header, or adds one that
/// tells: so metadata stay with the machine. The root is how a machine finds out where it is.
async fn manners(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let flavored = headers.get(FLAVOR).is_some_and(|flavor| flavor == "Google");
    let mut response = if headers.contains_key("x-forwarded-for") {
        forbidden(request.uri(), "Request is forwarded.")
    } else if !flavored && request.uri().path() != "/" {
        forbidden(request.uri(), "Missing Metadata-Flavor:Google header.")
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(FLAVOR, HeaderValue::from_static("Google"));
    headers.insert(SERVER, HeaderValue::from_static("Metadata Server for VM"));
    response
}

/// What a client may add to any path.
struct Options {
    recursive: bool,
    alt: Option<Format>,
    wait_for_change: bool,
    last_etag: Option<String>,
    timeout: Option<Duration>,
}

impl Options {
    fn parse(query: &HashMap<String, String>) -> Result<Self, &'static str> {
        let truth = |name| {
            query
                .get(name)
                .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        };
        Ok(Self {
            recursive: truth("recursive"),
            alt: match query.get("alt").map(String::as_str) {
                None => None,
                Some("json") => Some(Format::Json),
                Some("text") => Some(Format::Text),
                Some(_) => return Err("alt must be json or text."),
            },
            wait_for_change: truth("wait_for_change"),
            last_etag: query.get("last_etag").cloned(),
            timeout: match query.get("timeout_sec").map(|seconds| seconds.parse()) {
                None => None,
                Some(Ok(seconds)) => Some(Duration::from_secs(seconds)),
                Some(Err(_)) => return Err("timeout_sec must be a number of seconds."),
            },
        })
    }
}

type Parameters = Query<HashMap<String, String>>;

async fn root(guest: Machine, uri: Uri, parameters: Parameters) -> Response {
    read(guest, Path("/".into()), uri, parameters).await
}

async fn read(
    State(guest): Machine,
    Path(path): Path<String>,
    uri: Uri,
    Query(query): Parameters,
) -> Response {
    let options = match Options::parse(&query) {
        Ok(options) => options,
        Err(reason) => return error(StatusCode::BAD_REQUEST, reason),
    };
    let directory = path.ends_with('/');
    let path = path.strip_suffix('/').unwrap_or(&path);
    let mut tree = guest.tree();
    if options.wait_for_change {
        let change = change(&mut tree, path, options.last_etag);
        match options.timeout {
            Some(timeout) => drop(tokio::time::timeout(timeout, change).await),
            None => change.await,
        }
    }
    let tree = Arc::clone(&tree.borrow());
    match Node::find(&tree, path) {
        Some(node) if node.is_directory() && !directory => slash(uri).await,
        Some(node) if node.is_directory() || !directory => {
            let (format, body) = node.render(options.recursive, options.alt);
            let content_type = if format == Format::Json { JSON } else { TEXT };
            ([(CONTENT_TYPE, content_type), (ETAG, &node.etag())], body).into_response()
        }
        _ => not_found(uri).await,
    }
}

/// Waits until what is at `path` differs from `last_etag`, or from what is there now.
async fn change(tree: &mut watch::Receiver<Arc<Value>>, path: &str, mut last_etag: Option<String>) {
    loop {
        let Some(etag) = Node::find(&tree.borrow_and_update(), path).map(Node::etag) else {
            return;
        };
        if *last_etag.get_or_insert_with(|| etag.clone()) != etag || tree.changed().await.is_err() {
            return;
        }
    }
}

async fn token(State(guest): Machine, Path(account): Path<String>, uri: Uri) -> Response {
    let Some(token) = guest.token(&account) else {
        return not_found(uri).await;
    };
    let body = json!({
        "access_token": token.access_token,
        "expires_in": token.expires_in,
        "token_type": "Bearer",
    });
    ([(CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

type Attribute = Path<(String, String)>;

async fn attribute(State(guest): Machine, Path((namespace, key)): Attribute, uri: Uri) -> Response {
    if let Some(refused) = refusal(&*guest, &uri, [&namespace, &key]) {
        return refused;
    }
    match guest.guest_attribute(&namespace, &key) {
        Some(value) => ([(CONTENT_TYPE, TEXT)], value).into_response(),
        None => not_found(uri).await,
    }
}

async fn set_attribute(
    State(guest): Machine,
    Path((namespace, key)): Attribute,
    uri: Uri,
    value: String,
) -> Response {
    write(&*guest, &uri, &namespace, &key, Some(value))
}

async fn delete_attribute(
    State(guest): Machine,
    Path((namespace, key)): Attribute,
    uri: Uri,
) -> Response {
    write(&*guest, &uri, &namespace, &key, None)
}

fn write(
    guest: &dyn Guest,
    uri: &Uri,
    namespace: &str,
    key: &str,
    value: Option<String>,
) -> Response {
    if let Some(refused) = refusal(guest, uri, [namespace, key]) {
        return refused;
    }
    match guest.set_guest_attribute(namespace, key, value) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(Refusal(reason)) => forbidden(uri, &reason),
    }
}

/// Guest attributes must have been enabled by the machine's or the project's metadata.
fn refusal(guest: &dyn Guest, uri: &Uri, names: [&str; 2]) -> Option<Response> {
    let tree = Arc::clone(&guest.tree().borrow());
    let enabled = ["instance", "project"].iter().any(|level| {
        let value = &tree[level]["attributes"]["enable-guest-attributes"];
        value
            .as_str()
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    });
    if !enabled {
        let reason = "Guest attributes endpoint access is disabled.";
        return Some(forbidden(uri, reason));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let valid = |name: &str| (1..=128).contains(&name.len()) && name.chars().all(allowed);
    if !names.into_iter().all(valid) {
        let reason = "A namespace and a key have 1 to 128 letters, digits, hyphens, underscores \
                      or dots.";
        return Some(error(StatusCode::BAD_REQUEST, reason));
    }
    None
}

/// Sends the client to the directory's proper name.
async fn slash(uri: Uri) -> Response {
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let location = format!("{}/{query}", uri.path());
    (StatusCode::MOVED_PERMANENTLY, [(LOCATION, location)]).into_response()
}

async fn not_found(uri: Uri) -> Response {
    let path = escape(uri.path());
    let sentence = format!("The requested URL <code>{path}</code> was not found on this server.");
    error(StatusCode::NOT_FOUND, &sentence)
}

fn forbidden(uri: &Uri, reason: &str) -> Response {
    let path = escape(uri.path());
    let sentence = format!(
        "Your client does not have permission to get URL <code>{path}</code> from this server. {}",
        escape(reason)
    );
    error(StatusCode::FORBIDDEN, &sentence)
}

/// Google's error page, without its looks.
fn error(status: StatusCode, sentence: &str) -> Response {
    let (code, name) = (
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
    );
    let page = format!(
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  \
         <title>Error {code} ({name})!!1</title>\n  \
         <p><b>{code}.</b> <ins>That’s an error.</ins>\n  \
         <p>{sentence}  <ins>That’s all we know.</ins>\n"
    );
    (status, [(CONTENT_TYPE, HTML)], page).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

//! Every method of Google's documents that the engine serves, asked nonsense: each field of its body, its
//! queries and the parts of its path take values of every wrong kind. It refuses, and goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::engine::{Engine, GLOBAL, ZONE};

const DOCUMENTS: [&str; 10] = [
    include_str!("../../../contract/discovery/cloudbilling.json"),
    include_str!("../../../contract/discovery/cloudresourcemanager.v1.json"),
    include_str!("../../../contract/discovery/cloudresourcemanager.v3.json"),
    include_str!("../../../contract/discovery/compute.json"),
    include_str!("../../../contract/discovery/iam.json"),
    include_str!("../../../contract/discovery/iamcredentials.json"),
    include_str!("../../../contract/discovery/secretmanager.json"),
    include_str!("../../../contract/discovery/serviceusage.json"),
    include_str!("../../../contract/discovery/storage.json"),
    include_str!("../../../contract/discovery/sts.json"),
];

/// Requests on their way at once.
const AT_ONCE: usize = 8;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    service_path: String,
    methods: BTreeMap<String, Described>,
    schemas: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    http_method: String,
    path: String,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    request: Option<Value>,
}

/// One request.
struct Try {
    method: Method,
    path: String,
    body: String,
}

/// What there is, so that a request gets as far as it can.
async fn world(engine: &Engine) -> String {
    let disk = json!({"name": "d", "sizeGb": "1"});
    engine
        .mutate(Method::POST, &format!("{ZONE}/disks"), &disk)
        .await;
    engine.insert_instance("vm", &json!({})).await;
    let stop = format!("{ZONE}/instances/vm/stop?noGracefulShutdown=true");
    engine.mutate(Method::POST, &stop, &json!({})).await;
    let image =
        json!({"name": "i", "family": "f", "sourceDisk": format!("{}/disks/d", &ZONE[12..])});
    engine
        .mutate(Method::POST, &format!("{GLOBAL}/images"), &image)
        .await;
    let template = json!({"name": "g", "properties": {
        "machineType": "e2-micro",
        "disks": [{"boot": true, "initializeParams": {"diskSizeGb": "1"}}],
        "networkInterfaces": [{"network": "global/networks/default"}],
    }});
    let templates = format!("{GLOBAL}/instanceTemplates");
    engine.mutate(Method::POST, &templates, &template).await;
    let firewall = json!({"name": "g", "allowed": [{"IPProtocol": "tcp", "ports": ["1"]}]});
    engine
        .mutate(Method::POST, &format!("{GLOBAL}/firewalls"), &firewall)
        .await;
    let project = "/v1/projects/clawbake-local";
    let bucket = json!({"name": "nonsense"});
    engine
        .post("/storage/v1/b?project=clawbake-local", &bucket)
        .await;
    engine
        .post(
            "/upload/storage/v1/b/nonsense/o?uploadType=media&name=o",
            &json!({}),
        )
        .await;
    let secret = json!({"replication": {"automatic": {}}});
    engine
        .post(&format!("{project}/secrets?secretId=s"), &secret)
        .await;
    let version = json!({"payload": {"data": "aGVsbG8="}});
    engine
        .post(&format!("{project}/secrets/s:addVersion"), &version)
        .await;
    let role = json!({"roleId": "nonsense", "role": {"title": "g"}});
    engine.post(&format!("{project}/roles"), &role).await;
    let account = json!({"accountId": "nonsense"});
    let account = engine
        .post(&format!("{project}/serviceAccounts"), &account)
        .await;
    account["email"].as_str().unwrap().to_owned()
}

/// What stands for a variable of a path.
fn part<'a>(variable: &str, path: &str, email: &'a str) -> &'a str {
    match variable {
        "zone" => "us-central1-a",
        "region" => "us-central1",
        "v1Id" => "projects",
        "project" | "projectId" | "projectsId" | "v1Id1" => "clawbake-local",
        "resource" if path.starts_with("v1/projects") => "clawbake-local",
        "serviceAccountsId" => email,
        "servicesId" => "storage.googleapis.com",
        "versionsId" => "1",
        "rolesId" => "nonsense",
        "secretsId" => "s",
        "disk" | "resource" => "d",
        "image" => "i",
        "family" => "f",
        "instance" => "vm",
        "machineType" => "e2-micro",
        name if name.to_lowercase().ends_with("bucket") => "nonsense",
        name if name.to_lowercase().ends_with("object") => "o",
        _ => "g",
    }
}

fn filled(path: &str, part: impl Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (variable, behind) = after.split_once('}').unwrap();
        filled += before;
        filled += &part(variable.trim_start_matches('+'));
        rest = behind;
    }
    filled + rest
}

/// Values of which at most one kind is right.
fn wrong() -> Vec<Value> {
    let deep = |value: Value, wrap: fn(Value) -> Value| (0..90).fold(value, |value, _| wrap(value));
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("x"),
        json!("é/../%00\u{0}\u{2028}"),
        json!("9".repeat(400)),
        json!([]),
        json!([null]),
        json!([{}]),
        json!({}),
        json!({"a": "b"}),
        json!({"": {"enabled": [1]}}),
        deep(json!(1), |value| json!([value])),
        deep(json!(1), |value| json!({"enabled": value})),
    ]
}

/// Texts for a query or a part of a path.
const TEXTS: [&str; 10] = [
    "",
    "x",
    "-1",
    "99999999999999999999",
    "%00",
    "%FF%FE",
    "..%2F..",
    "((((((((%22",
    "projects/-/zones/-/disks/-",
    "true",
];

impl Document {
    /// The fields of a type.
    fn fields(&self, schema: &Value) -> Map<String, Value> {
        let schema = match schema["$ref"].as_str() {
            Some(name) => self.schemas.get(name).unwrap_or(&Value::Null),
            None => schema,
        };
        schema["properties"]
            .as_object()
            .cloned()
            .unwrap_or_default()
    }

    /// Bodies of a method, each with one field that is wrong.
    fn bodies(&self, method: &Described) -> Vec<String> {
        let Some(request) = &method.request else {
            return Vec::new();
        };
        let wrong = wrong();
        let mut bodies: Vec<_> = wrong.iter().map(Value::to_string).collect();
        for text in ["{", "[[[[", "\u{7f}", "{\"a\":1e999}", "nul"] {
            bodies.push(text.into());
        }
        bodies.push("{\"a\":".repeat(10_000));
        for (field, schema) in self.fields(request) {
            bodies.extend(wrong.iter().map(|value| json!({&field: value}).to_string()));
            // In what a request wraps, and in the items of a list.
            let (inner, list) = match schema["items"].as_object() {
                Some(_) => (&schema["items"], true),
                None => (&schema, false),
            };
            for below in self.fields(inner).keys() {
                bodies.extend(wrong.iter().step_by(5).map(|value| {
                    let value = json!({below: value});
                    let value = if list { json!([value]) } else { value };
                    json!({"name": "wrong", &field: value}).to_string()
                }));
            }
        }
        bodies
    }

    /// Everything that one method is asked.
    fn tries(&self, described: &Described, email: &str) -> Vec<Try> {
        let template = format!("/{}{}", self.service_path, described.path);
        let at = |variable: &str| part(variable, &described.path, email).to_owned();
        let path = filled(&template, at);
        let method: Method = described.http_method.parse().unwrap();
        let ask = |path: String, body: &str| Try {
            method: method.clone(),
            path,
            body: body.into(),
        };
        let mut tries: Vec<_> = self
            .bodies(described)
            .iter()
            .map(|body| ask(path.clone(), body))
            .collect();
        let parameters = described.parameters.iter();
        for (name, _) in parameters.filter(|(_, schema)| schema["location"] != "path") {
            for text in TEXTS.iter().chain([&"(".repeat(5_000).as_str()]) {
                tries.push(ask(format!("{path}?{name}={text}"), "{}"));
            }
        }
        for name in described.parameters.keys() {
            for text in TEXTS.iter().chain([&"x".repeat(5_000).as_str()]) {
                let other = |variable: &str| {
                    if variable == name {
                        (*text).to_owned()
                    } else {
                        at(variable)
                    }
                };
                let other = filled(&template, other);
                if other != path {
                    tries.push(ask(other, "{}"));
                }
            }
        }
        tries
    }
}

/// What takes away what others need comes last; a machine that starts only costs time.
fn rank(id: &str) -> Option<u8> {
    let name = id.rsplit('.').next().unwrap_or_default().to_lowercase();
    match name.as_str() {
        "start" | "reset" | "resume" => None,
        name if ["delete", "disable", "destroy", "billing"]
            .iter()
            .any(|end| name.contains(end)) =>
        {
            Some(1)
        }
        _ => Some(0),
    }
}

#[tokio::test]
async fn no_request_ends_the_engine_or_breaks_it() {
    let engine = Engine::start();
    let email = world(&engine).await;
    let documents: Vec<Document> = DOCUMENTS
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    let mut asked: Vec<_> = documents
        .iter()
        .flat_map(|document| {
            document
                .methods
                .iter()
                .map(move |method| (document, method))
        })
        .filter_map(|(document, (id, method))| Some((rank(id)?, id, document, method)))
        .collect();
    asked.sort_by_key(|(rank, ..)| *rank);
    // Some by somebody without any role, whose requests are looked at on the way to the methods.
    let path = format!("/v1/projects/-/serviceAccounts/{email}:generateAccessToken");
    let scope = json!({"scope": ["https://www.googleapis.com/auth/cloud-platform"]});
    let nobody = engine.post(&path, &scope).await["accessToken"].clone();
    let nobody = nobody.as_str().unwrap().to_owned();
    let client = Client::new();
    let (mut count, mut failures) = (0, Vec::new());
    let owner = engine.endpoint.token.clone();
    let rounds = [(nobody, 5), (owner, 1)].into_iter();
    for ((token, step), (_, id, document, method)) in
        rounds.flat_map(|round| asked.iter().map(move |asked| (round.clone(), asked)))
    {
        let tries = document.tries(method, &email).into_iter();
        let tries: Vec<_> = tries.step_by(step).collect();
        count += tries.len();
        let tries = Arc::new(std::sync::Mutex::new(tries));
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (tries, client) = (Arc::clone(&tries), client.clone());
            let (url, token) = (engine.direct.clone(), token.clone());
            tasks.spawn(async move {
                let mut failures = Vec::new();
                loop {
                    let Some(Try { method, path, body }) = tries.lock().unwrap().pop() else {
                        return failures;
                    };
                    let request = client
                        .request(method, format!("{url}{path}"))
                        .bearer_auth(&token)
                        .header("content-type", "application/json")
                        .body(body.clone());
                    // The server closes a connection whose request it refused unread: another one.
                    let again = request.try_clone().unwrap();
                    let answer = match request.send().await {
                        Err(_) => again.send().await,
                        answer => answer,
                    };
                    let outcome = match answer {
                        Ok(answer) if answer.status().as_u16() < 500 => continue,
                        Ok(answer) => answer.text().await.unwrap_or_default(),
                        Err(error) => format!("{error:?}"),
                    };
                    let short = |text: &str| text.chars().take(200).collect::<String>();
                    failures.push([short(&path), short(&body), short(&outcome)].join("\n  "));
                }
            });
        }
        for failed in tasks.join_all().await.into_iter().flatten() {
            failures.push(format!("{id} {failed}"));
        }
    }
    eprintln!(
        "nonsense: {} methods, {count} requests, {} failures",
        asked.len(),
        failures.len()
    );
    assert_eq!(failures, [] as [String; 0]);
    let alive = engine.http.get(&engine.direct).send().await.unwrap();
    assert_eq!(alive.status(), 401);
}

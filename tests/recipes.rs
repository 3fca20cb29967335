//! The recipes' scripts as root runs them: whatever a path is called, and whatever runs in a sandbox.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/base");

/// What splits words, ends a quotation or runs a program where a path is not taken for a path.
const NAMES: [&str; 12] = [
    "plain",
    "a b",
    "a'b",
    "a\"b",
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "a\nb",
    "a:b,c",
    "a\\b",
    "-rf",
    "ü*?[x]",
];

/// `nobody.sh DIR CACHE SCRIPT WORDS...` in namespaces of its own, as the builders run it.
fn nobody(dir: &Path, cache: &Path, script: &str, words: &[&str]) -> Output {
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
    ]);
    command
        .arg(format!("{SCRIPTS}/nobody.sh"))
        .arg(dir)
        .arg(cache);
    command.arg(script).args(words).output().unwrap()
}

fn stdout(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn make(temporary: &TempDir, name: &str) -> std::path::PathBuf {
    let dir = temporary.path().join(name);
    fs::create_dir(&dir).unwrap();
    dir
}

#[test]
#[ignore = "takes root"]
fn a_path_is_a_path_whatever_it_is_called() {
    let temporary = tempfile::tempdir().unwrap();
    let mut differences = 0;
    for name in NAMES {
        let (dir, cache) = (
            make(&temporary, name),
            make(&temporary, &format!("{name}-cache")),
        );
        fs::write(
            dir.join("script"),
            "printf %s \"$1\" >/mnt/out; echo >/mnt/cache/out",
        )
        .unwrap();
        let output = nobody(&dir, &cache, "script", &[name]);
        let written = fs::read_to_string(dir.join("out")).unwrap_or_default();
        let whole = output.status.success() && written == name && cache.join("out").exists();
        differences += usize::from(!whole);
        // The results are root's again.
        assert_eq!(dir.join("out").metadata().unwrap().uid(), 0);
    }
    println!(
        "nobody.sh in strange paths: {} tries, {differences} differences",
        NAMES.len()
    );
    assert_eq!(differences, 0);
    for dir in [temporary.path(), Path::new(".")] {
        assert!(!dir.join("pwned").exists());
    }
}

#[test]
#[ignore = "takes root"]
fn what_the_sandbox_runs_is_nobody_on_this_machine() {
    let temporary = tempfile::tempdir().unwrap();
    let (dir, cache) = (make(&temporary, "dir"), make(&temporary, "cache"));
    // A root's own, to read and to write; another's process; links that a result may be.
    let (secret, open) = (temporary.path().join("secret"), make(&temporary, "open"));
    fs::write(&secret, "s3cret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut neighbour = Command::new("sleep").arg("600").spawn().unwrap();
    let host = fs::read_link("/proc/self/ns/pid").unwrap();
    let tries = [
        format!("cat '{}'", secret.display()),
        format!("echo x >'{}/x'", open.display()),
        format!("kill -9 {}", neighbour.id()),
        "test -w /etc".into(),
        "test -w /proc/sys/kernel/hostname".into(),
        "mknod /mnt/disk b 254 0 || mknod /mnt/disk b 8 0".into(),
        "mount -o remount,rw /".into(),
        "umount /tmp".into(),
        "chown 0:0 /etc/hostname".into(),
        "nsenter --target 1 --mount --pid true".into(),
        "cat /proc/1/environ".into(),
        format!(
            "test \"$(readlink /proc/self/ns/pid)\" = '{}'",
            host.display()
        ),
    ];
    let script: String = tries
        .iter()
        .enumerate()
        .map(|(index, it)| format!("if ({it}) >/dev/null 2>&1; then echo {index}; fi\n"))
        .collect();
    fs::write(dir.join("script"), format!("id -u\n{script}")).unwrap();
    let output = nobody(&dir, &cache, "script", &[]);
    let alive = neighbour.try_wait().unwrap().is_none();
    neighbour.kill().unwrap();
    neighbour.wait().unwrap();
    let printed = stdout(&output);
    let succeeded: Vec<_> = printed.lines().skip(1).collect();
    println!(
        "ways out of the sandbox: {} tries, {} successes",
        tries.len(),
        succeeded.len()
    );
    assert_eq!(
        printed.lines().next(),
        Some("0"),
        "root, of its own namespace"
    );
    assert_eq!(succeeded, Vec::<&str>::new());
    assert!(alive && fs::read_dir(&open).unwrap().next().is_none());

    // What it leaves is taken over only if it is a file or a directory, and nothing of it goes on.
    fs::write(
        dir.join("script"),
        format!(
            "(sleep 600; touch /mnt/late) & ln -s '{}' /mnt/gateway.tar",
            secret.display()
        ),
    )
    .unwrap();
    let output = nobody(&dir, &cache, "script", &[]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("neither a file nor a directory"), "{told}");
}

/// A container whose `node` is a shell script that says what it is let to do: as npm, for the install
/// scripts that it runs, and as the gateway.
const CONTAINERFILE: &str = r#"FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY npm /opt/npm
COPY node /bin/node
RUN mkdir -p /app/cache /root /home/node && ls /run/npm-cache && id -u >/app/built
USER 1000:1000
"#;
const NODE: &str = r#"#!/bin/sh
echo "ran: $* as $(id -u) of $(awk '{ print $2 }' /proc/self/uid_map) with $(grep -c : /proc/net/dev) networks"
ls /run/npm-cache/marker 2>/dev/null
touch /app/installed 2>/dev/null
exit 0
"#;

#[test]
#[ignore = "takes root, buildah and Debian's archive"]
fn install_scripts_run_as_nobody_and_without_network() {
    let temporary = tempfile::tempdir().unwrap();
    let fetched = Command::new("sh")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/busybox.sh"))
        .current_dir(&temporary)
        .status();
    assert!(fetched.unwrap().success());
    let run = |scripts: &str| {
        let dir = make(&temporary, &format!("{scripts} 'dir"));
        let cache = make(&temporary, &format!("{scripts}-cache"));
        fs::write(cache.join("marker"), "").unwrap();
        fs::create_dir_all(dir.join("context/npm/bin")).unwrap();
        fs::copy(
            temporary.path().join("bin/busybox"),
            dir.join("context/busybox"),
        )
        .unwrap();
        fs::write(dir.join("context/node"), NODE).unwrap();
        fs::write(dir.join("context/Containerfile"), CONTAINERFILE).unwrap();
        for executable in ["busybox", "node"] {
            let path = dir.join("context").join(executable);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::copy(format!("{SCRIPTS}/container.sh"), dir.join("container.sh")).unwrap();
        let settings = format!(
            "image=docker.io/clawbake/test:1\nregistry=https://registry.npmjs.org\nscripts={scripts}\n\
             plugins=\nplugins_into=\nwarm=\nhealth_url=http://127.0.0.1:1/\ntoken_variable=TOKEN\n"
        );
        fs::write(dir.join("settings"), settings).unwrap();
        let printed = stdout(&nobody(&dir, &cache, "container.sh", &[]));
        assert!(dir.join("gateway.tar").metadata().unwrap().is_file());
        let ran = |line: &str| line.starts_with("ran: ") || line.starts_with("/run/npm-cache/");
        printed
            .lines()
            .filter(|line| ran(line))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rebuild = "ran: /opt/npm/bin/npm-cli.js rebuild --foreground-scripts --no-update-notifier as 0 of 1878982656";
    assert_eq!(run("none"), Vec::<String>::new());
    assert_eq!(run("offline"), [format!("{rebuild} with 1 networks")]);
    let online = run("online");
    assert!(
        online[0].starts_with(rebuild) && online.len() == 1,
        "{online:?}"
    );
    assert_ne!(online, [format!("{rebuild} with 1 networks")]);
}

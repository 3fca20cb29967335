//! Real machines, emulated, so that the tests run anywhere.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::watch;

use super::acceleration::Outlook;
use super::connect_command::ConnectCommand;
use super::*;

fn hypervisor() -> Hypervisor {
    Hypervisor {
        connect_command: ConnectCommand::open(vec!["/bin/true".into()])
            .expect("a program")
            .into(),
        outlook: watch::Sender::new(Outlook::emulated(None)),
        net: None,
    }
}

/// A machine that finds nothing to boot, and stays that way.
async fn idle_machine(dir: &Path) -> Machine {
    let mut machine = probe::probing_machine(dir).await;
    let path = dir.join("blank.qcow2");
    disk::blank(&path, 1).await.expect("a disk");
    machine.drives = vec![Drive {
        device_name: "blank".into(),
        path,
        boot: true,
    }];
    machine
}

#[tokio::test]
async fn life_of_a_machine() {
    let dir = tempfile::tempdir().expect("a directory");
    let machine = probe::probing_machine(dir.path()).await;
    let said = || std::fs::read_to_string(qemu::serial_log(dir.path())).expect("a log");
    for boot in 1..=2 {
        let vm = hypervisor()
            .start(&machine)
            .await
            .expect("a running machine");
        let exit = tokio::time::timeout(Duration::from_mins(1), vm.wait()).await;
        assert_eq!(exit.expect("the guest powers off"), Exit::PoweredOff);
        assert_eq!(
            said().matches(probe::LAST).count(),
            boot,
            "all boots in one log"
        );
        vm.press_power_button()
            .await
            .expect_err("there is no machine any more");
    }

    let machine = idle_machine(dir.path()).await;
    let vm = hypervisor()
        .start(&machine)
        .await
        .expect("a running machine");
    vm.reset().await.expect("a reset");
    vm.press_power_button()
        .await
        .expect("a press of the button");
    let still = tokio::time::timeout(Duration::from_millis(200), vm.wait()).await;
    still.expect_err("the firmware does not heed the button");
    vm.kill().await;
    assert_eq!(vm.wait().await, Exit::PoweredOff);
}

#[tokio::test]
async fn a_command_that_is_given_up_does_not_spoil_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let machine = idle_machine(dir.path()).await;
    let vm = hypervisor().start(&machine).await.expect("it runs");
    let run = vm.run();
    let mut given_up = 0;
    for microseconds in 0..100 {
        let hasty = run.execute("query-name", json!({}));
        let hasty = tokio::time::timeout(Duration::from_micros(microseconds), hasty);
        given_up += u32::from(hasty.await.is_err());
        let answer = run.execute("query-status", json!({})).await;
        assert_eq!(answer.expect("an answer")["status"], "running");
    }
    assert!(given_up > 0, "nothing was tried");
    vm.kill().await;
}

#[tokio::test]
async fn refusals_are_in_qemus_words() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut machine = idle_machine(dir.path()).await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host: SocketAddr = taken.local_addr().expect("an address");
    machine.forwards = vec![Forward {
        host,
        guest_port: 80,
    }];
    let error = hypervisor()
        .start(&machine)
        .await
        .expect_err("the port is taken");
    let error = format!("{error:#}");
    assert!(
        error.contains("probe") && error.contains(&host.to_string()),
        "{error}"
    );
}

/// The engine that is killed in [`no_machine_outlives_the_engine`].
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of another test, which runs it"]
async fn an_engine() {
    let dir = std::env::var_os("MACHINE_DIR").expect("run by the other test");
    let machine = idle_machine(Path::new(&dir)).await;
    let _vm = hypervisor()
        .start(&machine)
        .await
        .expect("a running machine");
    // Longer than the runtime keeps an idle thread: the machine must not depend on one.
    tokio::time::sleep(Duration::from_secs(11)).await;
    println!("\nrunning");
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[test]
fn no_machine_outlives_the_engine() {
    let dir = tempfile::tempdir().expect("a directory");
    let name = dir.path().to_str().expect("a name in UTF-8");
    let mut engine = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "vm::tests::an_engine",
            "--ignored",
            "--nocapture",
        ])
        .env("MACHINE_DIR", name)
        .stdout(Stdio::piped())
        .spawn()
        .expect("an engine");
    let output = BufReader::new(engine.stdout.take().expect("its output"));
    assert!(
        output
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "running")
    );
    assert_eq!(processes(name), 1, "QEMU runs");

    engine.kill().expect("kill -9");
    engine.wait().expect("its end");
    let start = Instant::now();
    while processes(name) > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "QEMU outlives the engine"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How many processes have `word` in their command line.
pub(super) fn processes(word: &str) -> usize {
    process_dirs(word).len()
}

/// The directories in `/proc` of the processes that have `word` in their command line.
fn process_dirs(word: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir("/proc").expect("/proc");
    let all = all.filter_map(|entry| Some(entry.ok()?.path()));
    all.filter(|dir| {
        std::fs::read_to_string(dir.join("cmdline")).is_ok_and(|command| command.contains(word))
    })
    .collect()
}

#[tokio::test]
async fn a_machine_has_no_capability() {
    let dir = tempfile::tempdir().expect("a directory");
    let machine = idle_machine(dir.path()).await;
    let disk = &machine.drives[0].path;
    std::fs::set_permissions(disk, Permissions::from_mode(0o600)).expect("a private disk");
    let vm = hypervisor()
        .start(&machine)
        .await
        .expect("a running machine");
    let qemu = process_dirs(dir.path().to_str().expect("a name in UTF-8"));
    assert_eq!(qemu.len(), 1);
    let status = std::fs::read_to_string(qemu[0].join("status")).expect("its status");
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a field").trim_start_matches(':').trim()
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(value(set), "0000000000000000", "{set}");
    }
    // Only root can and must give up what it could get by running a program.
    if rustix::process::geteuid().is_root() {
        assert_eq!(value("CapBnd"), "0000000000000000");
    }
    assert_eq!((value("NoNewPrivs"), value("Seccomp")), ("1", "2"));

    // What the engine asks of it goes on working.
    vm.grow(0, 2).await.expect("a larger disk");
    let copy = dir.path().join("copy.qcow2");
    vm.copy(0, &copy).await.expect("a copy");
    assert!(copy.exists());
    vm.kill().await;
}

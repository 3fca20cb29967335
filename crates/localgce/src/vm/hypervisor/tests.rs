//! KVM's part is played by an emulated processor that does not say it is one, so that a guest can
//! tell, and the tests run anywhere; the last one takes the host's own KVM.

use super::super::accelerator::{Accelerator, KVM};
use super::super::{probe, tests::processes};
use super::*;

const SUSPECT: Accelerator = Accelerator {
    acceleration: Acceleration::Kvm,
    cpu: "max,-hypervisor",
    ..TCG
};

/// Hangs where it is not told of a hypervisor; elsewhere says `L`, and lives on.
#[rustfmt::skip]
pub(crate) const HANGS_UNDER_SUSPECT: [u8; 23] = [
    0x66, 0xb8, 1, 0, 0, 0,       //       mov eax, 1
    0x0f, 0xa2,                   //       cpuid
    0x66, 0x0f, 0xba, 0xe1, 0x1f, //       bt ecx, 31
    0x73, 0xfe,                   //       jnc .
    0xba, 0xf8, 0x03,             //       mov dx, 0x3f8
    0xb0, b'L',                   //       mov al, 'L'
    0xee,                         //       out dx, al
    0xeb, 0xfe,                   //       jmp .
];

const HANGS: [u8; 2] = [0xeb, 0xfe]; // jmp .

const PATIENCE: Duration = Duration::from_secs(1);

fn hypervisor(dir: &Path, accelerator: Accelerator) -> Hypervisor {
    Hypervisor {
        connect_command: ConnectCommand::open(vec!["/bin/true".into()])
            .unwrap()
            .into(),
        outlook: watch::Sender::new(Outlook {
            accelerator,
            why: None,
        }),
        net: Some(Net {
            patience: PATIENCE,
            poll: Duration::from_millis(50),
            dir: dir.to_owned(),
        }),
    }
}

/// One whose KVM is the suspect.
pub(crate) fn suspicious(dir: &Path) -> Hypervisor {
    hypervisor(dir, SUSPECT)
}

pub(crate) async fn machine(dir: &Path, boot_sector: &[u8]) -> Machine {
    let mut disk = vec![0; 512];
    disk[..boot_sector.len()].copy_from_slice(boot_sector);
    disk[510..].copy_from_slice(&[0x55, 0xaa]);
    probe::machine(dir, &disk).await.expect("a machine")
}

async fn within<T>(seconds: u64, what: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_secs(seconds), what)
        .await
        .ok()
}

#[tokio::test]
async fn a_machine_that_hangs_is_restarted_under_emulation_and_kvm_distrusted() {
    let dir = tempfile::tempdir().expect("a directory");
    let hypervisor = suspicious(dir.path());
    let machine = machine(dir.path(), &HANGS_UNDER_SUSPECT).await;
    let vm = hypervisor.start(&machine).await.expect("it runs");
    assert_eq!(vm.acceleration(), Acceleration::Kvm);
    let why = within(20, vm.falls_back()).await.expect("a restart");
    assert!(why.contains("within 1 s of power-on"), "{why}");
    assert_eq!(vm.acceleration(), Acceleration::Tcg);

    within(20, hypervisor.emulates()).await.expect("distrust");
    assert_eq!(said(&machine, 0), b"L");
    let (acceleration, told) = hypervisor.acceleration();
    assert_eq!(acceleration, Acceleration::Tcg);
    assert!(told.is_some_and(|told| told.ends_with(&why)));
    // The next engine of this boot does not try again.
    let next = acceleration::detect(Accel::Auto, dir.path(), &["true".into()]).await;
    let next = next.expect("QEMU is installed");
    assert_eq!(next.accelerator.acceleration, Acceleration::Tcg);
    assert!(distrust::read(dir.path()).is_some_and(|told| told.ends_with(&why)));
    vm.kill().await;
    assert_eq!(vm.wait().await, Exit::PoweredOff);

    // The next machine is emulated at once.
    let vm = hypervisor.start(&machine).await.expect("it runs");
    assert_eq!(vm.acceleration(), Acceleration::Tcg);
    vm.kill().await;
}

#[tokio::test]
async fn kvm_is_not_to_blame_for_a_guest_that_never_speaks() {
    let dir = tempfile::tempdir().expect("a directory");
    let hypervisor = suspicious(dir.path());
    let machine = machine(dir.path(), &HANGS).await;
    let vm = hypervisor.start(&machine).await.expect("it runs");
    within(20, vm.falls_back()).await.expect("a restart");
    let blamed = within(2, hypervisor.emulates()).await;
    assert!(blamed.is_none() && distrust::read(dir.path()).is_none());
    vm.kill().await;
}

#[tokio::test]
async fn neither_an_emulated_machine_nor_a_choice_of_the_users_is_second_guessed() {
    for (accelerator, net) in [(TCG, true), (SUSPECT, false)] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut hypervisor = hypervisor(dir.path(), accelerator);
        hypervisor.net = hypervisor.net.filter(|_| net);
        let machine = machine(dir.path(), &HANGS).await;
        let vm = hypervisor.start(&machine).await.expect("it runs");
        assert_eq!(within(3, vm.falls_back()).await, None);
        assert_eq!(vm.acceleration(), accelerator.acceleration);
        vm.kill().await;
    }
}

/// Stopped at any moment of its restart, a machine is gone and stays so.
#[tokio::test]
async fn a_machine_that_is_killed_is_not_restarted() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut hypervisor = suspicious(dir.path());
    hypervisor.net = hypervisor.net.map(|net| Net {
        patience: Duration::ZERO,
        poll: Duration::from_millis(1),
        ..net
    });
    let machine = machine(dir.path(), &HANGS).await;
    for delay in 0..20 {
        let vm = hypervisor.start(&machine).await.expect("it runs");
        tokio::time::sleep(Duration::from_millis(delay * 10)).await;
        within(20, vm.kill()).await.expect("its end");
        assert_eq!(
            vm.wait().await,
            Exit::PoweredOff,
            "killed after {delay}0 ms"
        );
        let name = dir.path().to_str().expect("a name in UTF-8");
        assert_eq!(processes(name), 0, "killed after {delay}0 ms");
    }
}

/// Where KVM works, the machine runs to its end; where it only seems to, it is restarted and does so.
/// (QEMU's plainest processor: a KVM may refuse to begin with more.)
#[tokio::test]
async fn the_hosts_own_kvm_runs_a_machine_or_is_distrusted() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = Accelerator {
        cpu: "qemu64",
        ..KVM
    };
    if let Err(error) = acceleration::open(Path::new("/dev/kvm")) {
        let found = acceleration::detect(Accel::Auto, dir.path(), &["true".into()]).await;
        let why = found.expect("QEMU is installed").why;
        assert_eq!(why, Some(format!("{error:#}")));
        return;
    }
    let works = probe::run(plain, &["true".into()]).await;
    eprintln!("the probe under this host's KVM: {works:?}");
    let mut hypervisor = hypervisor(dir.path(), plain);
    hypervisor.net = hypervisor.net.map(|net| Net {
        patience: Duration::from_secs(15),
        ..net
    });
    let mut machine = probe::probing_machine(dir.path()).await;
    machine.uefi = qemu::has_uefi();
    let Ok(vm) = hypervisor.start(&machine).await else {
        works.expect_err("QEMU refuses");
        return;
    };
    assert_eq!(within(90, vm.wait()).await, Some(Exit::PoweredOff));
    let said = String::from_utf8(said(&machine, 0)).expect("text");
    assert!(said.ends_with(probe::LAST), "{said}");
    let expected = if works.is_ok() {
        Acceleration::Kvm
    } else {
        Acceleration::Tcg
    };
    assert_eq!(hypervisor.acceleration().0, expected);
}

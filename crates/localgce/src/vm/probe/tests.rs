use std::process::Command;
use std::time::Instant;

use super::super::accelerator::TCG;
use super::*;

/// Nobody needs an assembler to build, but what is in the house is what its source says.
#[test]
fn the_probe_is_what_its_source_assembles_to() {
    let dir = tempfile::tempdir().expect("a directory");
    let (object, image) = (dir.path().join("probe.o"), dir.path().join("probe.img"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/vm/probe.s");
    let run = |command: &mut Command| {
        let status = command.status().expect("binutils are installed");
        assert!(status.success(), "{command:?}");
    };
    run(Command::new("as")
        .args(["--64", "-o"])
        .arg(&object)
        .arg(source));
    run(Command::new("objcopy")
        .args(["-O", "binary", "-j", ".text"])
        .args([&object, &image]));
    let assembled = std::fs::read(image).expect("an image");
    assert!(
        assembled == IMAGE,
        "assemble probe.s anew: its head says how"
    );
}

/// Emulated, so that it runs anywhere, and with every step, as the emulator has BMI2 and AVX.
#[tokio::test]
async fn the_probe_takes_every_step_by_both_firmwares() {
    let connect = ["true".into()];
    for (uefi, bound) in [(false, 5), (true, 60)] {
        let start = Instant::now();
        let run = attempt(uefi, TCG, &connect, Duration::from_secs(bound)).await;
        run.unwrap_or_else(|error| panic!("uefi: {uefi}, {error:#}"));
        eprintln!("uefi: {uefi}, {:.1} s", start.elapsed().as_secs_f64());
    }
}

#[tokio::test]
async fn a_processor_without_vex_is_not_asked_for_it() {
    let plain = Accelerator {
        cpu: "qemu64",
        ..TCG
    };
    let run = attempt(false, plain, &["true".into()], Duration::from_secs(5)).await;
    run.expect("every step");
}

#[test]
fn the_step_that_fails_is_named() {
    let mut said = String::from("\x1b[2JBdsDxe: starting Boot0001\r\n");
    assert_eq!(failed_step(&said, false), Some("long mode with paging"));
    assert_eq!(failed_step(&said, true), Some("UEFI's firmware"));
    let mut named = Vec::new();
    for (word, _) in STEPS {
        said += word;
        named.extend(failed_step(&said, true));
    }
    let rest: Vec<_> = STEPS[1..].iter().map(|(_, step)| *step).collect();
    assert_eq!(named, rest);
}

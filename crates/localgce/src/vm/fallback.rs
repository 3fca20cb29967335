//! When a machine that runs under KVM is restarted under emulation (pure).
//!
//! The probe cannot test everything that a guest will do. A machine is restarted if KVM gives up on it, or if
//! it has run for a while without output and without writing to its disks: then no kernel has started yet,
//! and a restart loses nothing.

use std::fmt;
use std::time::Duration;

/// A boot loader may write its environment block. Only an operating system writes more.
const LOADER: u64 = 64 << 10;

/// The state of a machine that runs under KVM.
#[derive(Debug)]
pub(super) struct Look<'a> {
    /// How long it has run.
    pub age: Duration,
    /// What it has written to its serial port since power-on.
    pub serial: &'a [u8],
    /// How many bytes it has written to its disks since power-on.
    pub written: u64,
}

/// Why a machine does not run under KVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// KVM gave up; QEMU's message.
    InternalError(String),
    /// It had no output for this long. KVM is to blame only if the machine has output under emulation.
    Silence(Duration),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::InternalError(words) => write!(f, "{words}"),
            Self::Silence(age) => write!(
                f,
                "nothing came from its serial port within {} s of power-on",
                age.as_secs()
            ),
        }
    }
}

/// A judgment about a machine's state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too early to say.
    Wait,
    /// It runs.
    Lives,
    /// Its time is over.
    Silent,
}

/// Judges a machine's state. It has `patience` for its first output.
pub(super) fn judge(look: &Look, patience: Duration) -> Verdict {
    if speaks(look.serial) || look.written > LOADER {
        Verdict::Lives
    } else if look.age < patience {
        Verdict::Wait
    } else {
        Verdict::Silent
    }
}

/// QEMU's words, if its status says that KVM has given the guest up.
pub(super) fn internal_error(status: &str, log: impl FnOnce() -> String) -> Option<String> {
    let words = || {
        let log = log();
        // Before it dumps the registers.
        let line = log.lines().find(|line| line.starts_with("KVM"));
        line.unwrap_or("KVM has given it up").to_owned()
    };
    (status == "internal-error").then(words)
}

/// Whether there is more in a serial output than what UEFI's firmware says before it hands over:
/// sequences that clear the screen, and what it loads.
pub(super) fn speaks(serial: &[u8]) -> bool {
    let text = String::from_utf8_lossy(serial);
    text.split(['\r', '\n'])
        .map(without_escapes)
        .any(|line| !line.trim().is_empty() && !line.starts_with("BdsDxe: "))
}

/// A line without its control sequences (ECMA-48: ESC, `[`, parameters, a final byte).
fn without_escapes(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece
            .trim_start_matches(|c| !('@'..='~').contains(&c))
            .get(1..)
            .unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn verdict(age: Duration, serial: &str, written: u64) -> Verdict {
        let serial = serial.as_bytes();
        let look = Look {
            age,
            serial,
            written,
        };
        judge(&look, PATIENCE)
    }

    #[test]
    fn a_machine_without_a_word_is_given_up_in_time_and_not_before() {
        let before = PATIENCE.saturating_sub(Duration::from_millis(1));
        assert_eq!(verdict(before, "", 0), Verdict::Wait);
        assert_eq!(verdict(PATIENCE, "", 0), Verdict::Silent);
        assert_eq!(verdict(PATIENCE, "", 4096), Verdict::Silent);
    }

    #[test]
    fn a_machine_that_speaks_or_writes_lives() {
        for age in [Duration::ZERO, PATIENCE] {
            assert_eq!(verdict(age, "L", 0), Verdict::Lives);
            assert_eq!(verdict(age, "", LOADER + 1), Verdict::Lives);
        }
    }

    #[test]
    fn an_internal_error_is_told_in_qemus_words() {
        // As QEMU wrote it.
        let log = || {
            "qemu-system-x86_64: warning: host doesn't support requested feature: x\n\
             KVM internal error. Suberror: 1\n\
             extra data[0]: 0x0000000000000001\n\
             RAX=0000000000000030 RBX=0000000008000000\n"
                .to_owned()
        };
        let told = |status| internal_error(status, log);
        let words = "KVM internal error. Suberror: 1";
        assert_eq!(told("internal-error").as_deref(), Some(words));
        assert!(internal_error("internal-error", String::new).is_some());
        for status in [
            "running",
            "paused",
            "shutdown",
            "io-error",
            "guest-panicked",
        ] {
            assert_eq!(told(status), None, "{status}");
        }
    }

    #[test]
    fn what_the_firmware_says_is_no_word_of_the_guests() {
        // As OVMF wrote it.
        let firmware = "\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01HBdsDxe: loading Boot0001 \"UEFI QEMU\"\r\n\
                        BdsDxe: starting Boot0001 \"UEFI QEMU QEMU HARDDISK \" from PciRoot(0x0)\r\n";
        assert!(!speaks(firmware.as_bytes()));
        assert!(!speaks(b""));
        assert!(!speaks(b"\x1b[2J\x1b["));
        for word in [
            "probe",
            "[    0.000000] Linux",
            "\x1b[0mGRUB loading.",
            "\u{20ac}",
        ] {
            assert!(speaks((firmware.to_owned() + word).as_bytes()), "{word}");
        }
    }
}

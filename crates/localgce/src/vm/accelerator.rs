//! How QEMU runs a guest's instructions.

use std::fmt;

/// How QEMU runs a guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceleration {
    /// On the CPU itself, by the Linux kernel.
    Kvm,
    /// Translated: works everywhere, many times slower.
    Tcg,
    /// Not at all.
    Halted,
}

impl fmt::Display for Acceleration {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
            Self::Halted => "halted",
        })
    }
}

/// An acceleration in QEMU's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accelerator {
    pub acceleration: Acceleration,
    /// The value of `-accel`.
    pub accel: &'static str,
    /// The value of `-cpu`.
    pub cpu: &'static str,
}

pub(super) const KVM: Accelerator = Accelerator {
    acceleration: Acceleration::Kvm,
    accel: "kvm",
    cpu: "max",
};

pub(super) const TCG: Accelerator = Accelerator {
    acceleration: Acceleration::Tcg,
    // A translation cache, in MiB, that is large enough for a whole boot.
    accel: "tcg,thread=multi,tb-size=1024",
    // If `rep movsb` is advertised as fast, the kernel and the C library copy with it, which the emulator
    // does byte by byte: that took a quarter of the CPU time of unpacking packages. With SMAP each of the
    // kernel's accesses to a program's memory changes the state that translated code is for; without it and the
    // others a boot takes a fifth less CPU time.
    cpu: "max,-erms,-fsrm,-la57,-smap,-smep,-umip,-pku,-pks",
};

pub(super) const HALTED: Accelerator = Accelerator {
    acceleration: Acceleration::Halted,
    ..TCG
};

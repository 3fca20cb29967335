//! How machines are stopped.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::vm::{Acceleration, Vm};

/// How to stop a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// By its power button, and by force if it does not power off in time.
    Gracefully,
    /// At once.
    Now,
}

/// How long a guest may take to power off: as long as on Google, and longer under emulation. One whose CPUs
/// stand still never would.
pub(super) const fn patience(acceleration: Acceleration) -> Duration {
    match acceleration {
        Acceleration::Kvm => Duration::from_secs(90),
        Acceleration::Tcg => Duration::from_mins(5),
        Acceleration::Halted => Duration::ZERO,
    }
}

/// The interval between presses of the power button.
const PRESS_AGAIN: Duration = Duration::from_secs(10);

/// Presses the power button until the machine is gone, and more than once: a guest that is still booting
/// ignores it. Returns `false` when `time` is up, which a restart under emulation extends.
pub(super) async fn power_off(
    vm: &Vm,
    gone: &mut watch::Receiver<bool>,
    time: impl Fn(Acceleration) -> Duration,
) -> bool {
    let start = Instant::now();
    loop {
        let left = time(vm.acceleration()).saturating_sub(start.elapsed());
        if left.is_zero() {
            return false;
        }
        // An error means that the machine is already going down.
        vm.press_power_button().await.ok();
        let gone = gone.wait_for(|gone| *gone);
        if tokio::time::timeout(left.min(PRESS_AGAIN), gone)
            .await
            .is_ok()
        {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::suspect;

    /// A machine that has fallen back from KVM to emulation gets the time of an emulated one.
    #[tokio::test]
    async fn the_time_to_power_off_is_that_of_the_acceleration_of_the_moment() {
        let dir = tempfile::tempdir().expect("a directory");
        let machine = suspect::machine(dir.path(), &suspect::HANGS_UNDER_SUSPECT).await;
        let hypervisor = suspect::suspicious(dir.path());
        let vm = hypervisor.start(&machine).await.expect("it runs");
        let (_alive, mut gone) = watch::channel(false);
        let time = |emulated| {
            move |acceleration| match acceleration {
                Acceleration::Tcg => emulated,
                Acceleration::Kvm | Acceleration::Halted => Duration::ZERO,
            }
        };
        let (none, hour) = (Duration::ZERO, Duration::from_hours(1));
        assert!(!power_off(&vm, &mut gone, time(hour)).await);
        let restart = tokio::time::timeout(Duration::from_secs(20), vm.falls_back());
        restart.await.expect("a restart");
        let waits = power_off(&vm, &mut gone, time(hour));
        let waits = tokio::time::timeout(Duration::from_millis(100), waits);
        waits.await.expect_err("it has an hour");
        assert!(!power_off(&vm, &mut gone, time(none)).await);
        vm.kill().await;
    }
}

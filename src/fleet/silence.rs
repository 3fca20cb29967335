use std::time::Duration;

/// A VM that neither reports nor prints for so long is stuck. Under full emulation a gateway needs
/// over three minutes of silence to start, and a single step of a bake can take longer.
const STUCK: Duration = Duration::from_mins(15);
/// A kernel prints within seconds, an emulated one within a minute: what has not printed by then does
/// not run.
const DEAD: Duration = Duration::from_mins(3);

/// What is wrong with a VM of this status that has been silent for so long, if anything (pure).
/// `spoken` is whether its serial port has ever said a byte.
pub(crate) fn silence(status: &str, spoken: bool, silent: Duration) -> Option<String> {
    if status == "RUNNING" && !spoken && silent > DEAD {
        return Some(format!(
            "the machine itself does not run: its serial port has said nothing in the {} minutes since \
             power-on; its image does not boot, or its host cannot run it (`clawbake doctor`)",
            DEAD.as_secs() / 60
        ));
    }
    let minutes = STUCK.as_secs() / 60;
    (silent > STUCK).then(|| format!("nothing was heard from it for {minutes} minutes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_does_not_run_is_told_after_3_minutes_from_one_that_fell_silent() {
        let over = |limit: Duration| limit + Duration::from_secs(1);
        let dead = silence("RUNNING", false, over(DEAD)).unwrap();
        assert!(
            dead.starts_with("the machine itself does not run"),
            "{dead}"
        );
        assert_eq!(silence("RUNNING", false, DEAD), None);
        assert_eq!(silence("STAGING", false, over(DEAD)), None);
        assert_eq!(silence("RUNNING", true, STUCK), None);
        for status in ["RUNNING", "STAGING"] {
            let stuck = silence(status, true, over(STUCK));
            assert_eq!(
                stuck.as_deref(),
                Some("nothing was heard from it for 15 minutes")
            );
        }
    }
}

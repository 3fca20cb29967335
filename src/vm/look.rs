use std::time::Duration;

use super::Report;

/// A VM that neither reports nor prints for so long is stuck. Under full emulation a gateway needs
/// over three minutes of silence to start, and a single step of a bake can take longer.
const STUCK: Duration = Duration::from_mins(15);
/// A kernel prints within seconds, an emulated one within a minute.
const DEAD: Duration = Duration::from_mins(3);

/// What is known of a VM at one moment.
#[derive(Debug)]
pub(crate) struct Look<'a, R> {
    /// Its last report since its last start.
    pub report: Option<&'a R>,
    /// The instance's status; none if there is no such instance any more.
    pub status: Option<&'a str>,
    /// Whether its serial port has ever said a byte.
    pub spoken: bool,
    /// How long nothing has changed.
    pub silent: Duration,
    /// How long it has been watched.
    pub elapsed: Duration,
}

impl<R: Report> Look<'_, R> {
    /// How far the VM has come.
    pub(crate) fn phase(&self) -> Option<R::Phase> {
        self.report.map(Report::phase)
    }

    /// The same in words, for the end of an error.
    pub(crate) fn last_phase(&self) -> String {
        self.phase().map_or_else(
            || "it never reported a phase".into(),
            |phase| format!("its last phase was `{phase}`"),
        )
    }

    /// Why it makes no sense to wait any longer for a VM that says nothing.
    pub(crate) fn silence(&self) -> Option<String> {
        let minutes = |limit: Duration| limit.as_secs() / 60;
        let dead = !self.spoken && self.status == Some("RUNNING") && self.silent > DEAD;
        if dead {
            return Some(format!(
                "its serial port has been silent for {} minutes, since power-on: the image does not boot, \
                 or the host cannot run it, which `clawbake doctor` checks",
                minutes(DEAD)
            ));
        }
        (self.silent > STUCK).then(|| {
            format!(
                "it fell silent {} minutes ago: look for the cause where its serial output ends",
                minutes(STUCK)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// A VM without a word.
    #[derive(Debug, Deserialize)]
    enum Silent {}

    impl Report for Silent {
        type Phase = String;

        fn phase(&self) -> String {
            match *self {}
        }
    }

    #[test]
    fn a_machine_that_does_not_run_is_told_after_3_minutes_from_one_that_fell_silent() {
        let silence = |status, spoken, silent| {
            let look = Look::<Silent> {
                report: None,
                status: Some(status),
                spoken,
                silent,
                elapsed: silent,
            };
            look.silence()
        };
        let over = |limit: Duration| limit + Duration::from_secs(1);
        let dead = silence("RUNNING", false, over(DEAD)).unwrap();
        assert!(dead.contains("since power-on"), "{dead}");
        assert_eq!(silence("RUNNING", false, DEAD), None);
        assert_eq!(silence("STAGING", false, over(DEAD)), None);
        assert_eq!(silence("RUNNING", true, STUCK), None);
        for status in ["RUNNING", "STAGING"] {
            let stuck = silence(status, true, over(STUCK)).unwrap();
            assert!(
                stuck.starts_with("it fell silent 15 minutes ago"),
                "{stuck}"
            );
        }
    }
}

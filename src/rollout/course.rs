//! Which gates an update has to pass (pure).
//!
//! | a release is new | the VM | the image in front | |
//! |---|---|---|---|
//! | yes | any | any | all gates, and the VM is replaced if there is one |
//! | no, nothing is | behind | is good | it gets to the VM: the last gates |
//! | no, it is held or refused | behind | is good | the same: what is held holds nothing else back |
//! | no | behind | has failed itself | refused, until somebody retries it or something newer is in front |
//! | no, nothing is | in front, ahead, or none | any | nothing |
//! | no, it is refused | in front, ahead, or none | any | refused |

use super::Gate;

/// What is known before the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Situation {
    pub news: News,
    pub vm: Place,
    /// The release in front is remembered as one that has failed, and nobody retries it.
    pub front_failed: bool,
    /// The VM is to be replaced.
    pub replace: bool,
}

/// Whether there is a release to bake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// There is.
    Some,
    /// There is none, or none that anybody wants.
    None,
    /// There is, and it is refused.
    Refused,
}

/// Where the image of the VM is in the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// There is no VM.
    None,
    /// It is in front.
    Front,
    /// It is newer than what is in front: somebody put the family back, and not the VM. Going back is
    /// `rollback`'s.
    Ahead,
    /// It is older, or nobody knows it any more.
    Behind,
}

/// What comes of a situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    /// The gates to come, in order.
    Gates(Vec<Gate>),
    /// What is new is refused.
    Refused,
    /// The image in front is not for the VM: its release has failed.
    FrontFailed,
}

pub(super) fn course(situation: Situation) -> Course {
    let Situation {
        news,
        vm,
        front_failed,
        replace,
    } = situation;
    let mut tries = vec![Gate::BootTest, Gate::Rehearsal, Gate::Promote];
    match (news, vm) {
        (News::Some, _) => {
            let mut gates = vec![Gate::Engines, Gate::Schema, Gate::Lock, Gate::Bake];
            gates.append(&mut tries);
            gates.extend((replace && vm != Place::None).then_some(Gate::Replace));
            Course::Gates(gates)
        }
        (_, Place::Behind) if replace && front_failed => Course::FrontFailed,
        (_, Place::Behind) if replace => {
            tries.push(Gate::Replace);
            Course::Gates(tries)
        }
        (News::Refused, _) => Course::Refused,
        (News::None, _) => Course::Gates(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(news: News, vm: Place, front_failed: bool, replace: bool) -> String {
        let situation = Situation {
            news,
            vm,
            front_failed,
            replace,
        };
        match course(situation) {
            Course::Gates(gates) => {
                let words: Vec<_> = gates.iter().map(Gate::to_string).collect();
                words.join(" ")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn every_situation_has_its_course() {
        let bake = "engines schema lock bake boot-test rehearsal promote";
        let last = "boot-test rehearsal promote replace";
        let mut told = 0;
        for news in [News::Some, News::None, News::Refused] {
            for vm in [Place::None, Place::Front, Place::Ahead, Place::Behind] {
                for front_failed in [false, true] {
                    for replace in [false, true] {
                        let expected = match (news, vm, front_failed, replace) {
                            (News::Some, Place::None, ..) | (News::Some, _, _, false) => {
                                bake.to_owned()
                            }
                            (News::Some, ..) => format!("{bake} replace"),
                            (_, Place::Behind, false, true) => last.to_owned(),
                            (_, Place::Behind, true, true) => "FrontFailed".to_owned(),
                            (News::Refused, ..) => "Refused".to_owned(),
                            (News::None, ..) => String::new(),
                        };
                        let words = words(news, vm, front_failed, replace);
                        assert_eq!(words, expected, "{news:?} {vm:?} {front_failed} {replace}");
                        told += 1;
                    }
                }
            }
        }
        assert_eq!(told, 48);
    }
}

//! Which gates an update has to pass (pure).

use super::Gate;

/// What is known before the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, named where it is set"
)]
pub(super) struct Situation {
    /// There is a release to bake.
    pub news: bool,
    /// The VM runs another image than the one in front, or than the one that will be.
    pub behind: bool,
    /// There is a VM.
    pub vm: bool,
    /// It is to be replaced.
    pub replace: bool,
}

/// The gates to come, in order. An image that is in front already, and that the VM does not run, has only
/// the last of them ahead.
pub(super) fn gates(situation: Situation) -> Vec<Gate> {
    let Situation {
        news,
        behind,
        vm,
        replace,
    } = situation;
    let replaces = vm && replace && (news || behind);
    let mut gates = Vec::new();
    if news {
        gates.extend([Gate::Engines, Gate::Schema, Gate::Lock, Gate::Bake]);
    }
    if news || replaces {
        gates.extend([Gate::BootTest, Gate::Rehearsal, Gate::Promote]);
    }
    if replaces {
        gates.push(Gate::Replace);
    }
    gates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::fn_params_excessive_bools, reason = "a row of a table")]
    fn words(news: bool, behind: bool, vm: bool, replace: bool) -> String {
        let situation = Situation {
            news,
            behind,
            vm,
            replace,
        };
        let words: Vec<_> = gates(situation).iter().map(Gate::to_string).collect();
        words.join(" ")
    }

    #[test]
    fn a_release_passes_all_of_them_and_an_image_in_front_the_last() {
        let bake = "engines schema lock bake";
        let tries = "boot-test rehearsal promote";
        assert_eq!(
            words(true, true, true, true),
            format!("{bake} {tries} replace")
        );
        assert_eq!(words(true, true, true, false), format!("{bake} {tries}"));
        assert_eq!(words(true, false, false, true), format!("{bake} {tries}"));
        assert_eq!(words(false, true, true, true), format!("{tries} replace"));
        for (behind, vm, replace) in [
            (false, true, true),
            (true, false, true),
            (true, true, false),
        ] {
            assert_eq!(words(false, behind, vm, replace), "");
        }
    }
}

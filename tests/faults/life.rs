//! Verdicts on verbs that work on what a gateway lives from: at any point they may be cut short, and the
//! next run comes to the end of one that nothing has happened to.

use crate::end::{End, differences};
use crate::point::{Kind, Point};
use crate::scene::Scene;
use crate::verdict::Verdict;

/// Exit codes of a verb that was refused, and of one that has put everything back.
const REFUSED: i32 = 6;
const PUT_BACK: i32 = 7;

/// One run with one fault, its clean-up, and another run. `None` if the call did not come.
pub fn at(scene: &Scene, point: &Point) -> Option<Verdict> {
    scene.prepare();
    let (before, expected) = (scene.look(), scene.end.get().expect("an end"));
    scene.guard.found();
    let ran = scene.run_with(point)?;
    let after = scene.look();
    let mut verdict = Verdict::default();
    let interrupted = matches!(point.kind, Kind::Interrupt(_));
    let done = scene.verb.code();
    let lies = &mut verdict.lies;
    match ran.code {
        None if matches!(point.kind, Kind::Kill(_)) => {}
        None => lies.push("it was killed".into()),
        Some(code) if code == done => {
            let broken = differences(expected, &after).into_iter();
            lies.extend(broken.map(|it| format!("it claims to be done, and {it}")));
        }
        Some(0) => lies.push("it claims to be done".into()),
        Some(REFUSED | PUT_BACK) => {
            let changed = differences(&machines(&before), &machines(&after)).into_iter();
            lies.extend(changed.map(|it| format!("it claims that all is as before, and {it}")));
        }
        Some(130) if interrupted => {}
        Some(code) if interrupted => lies.push(format!("exit {code} after an interrupt")),
        Some(_) => {}
    }
    let silent = ran.code != Some(0) && !ran.stderr.contains("error: ");
    if silent && !matches!(point.kind, Kind::Kill(_)) {
        lies.push(format!("exit {:?} without a word", ran.code));
    }
    let cleaned = scene.clean();
    if !cleaned.success() {
        lies.push(format!("clean: {}", cleaned.stderr));
    }
    if scene.look() != *expected {
        let again = scene.again();
        if again.code != Some(done) {
            lies.push(format!("once more: {}", again.stderr));
        }
    }
    verdict.leaks = differences(expected, &less_a_copy(scene.look(), expected));
    verdict.leaks.extend(scene.guard.found());
    if scene.journals() > 0 {
        verdict.leaks.push("a journal is left over".into());
    }
    for found in verdict.leaks.iter_mut().chain(&mut verdict.lies) {
        *found = format!("{found}\n{}", ran.stderr);
    }
    Some(verdict)
}

/// The same without a second copy of one state: the run that was cut short and the one after it may each
/// have saved it, and no more of them are kept than the deployment says.
fn less_a_copy(mut end: End, expected: &End) -> End {
    for (name, copies) in &mut end {
        let wanted = expected.get(name).map_or(0, Vec::len);
        if name.starts_with("snapshots/") && wanted > 0 && copies.len() == wanted + 1 {
            copies.dedup();
        }
    }
    end
}

/// VMs, disks and images: templates and snapshots may stay.
fn machines(end: &End) -> End {
    let all = end.iter();
    let stay = all.filter(|(name, _)| {
        !["snapshots/", "instanceTemplates/"]
            .iter()
            .any(|it| name.starts_with(it))
    });
    stay.map(|(name, it)| (name.clone(), it.clone())).collect()
}

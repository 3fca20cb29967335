//! Verdicts on verbs that work on what a gateway lives from: at any point they may be cut short, and the
//! next run comes to the end of one that nothing has happened to.

use serde_json::Value;

use crate::end::{End, differences};
use crate::point::{Kind, Point};
use crate::scene::Scene;
use crate::verb::Verb;
use crate::verdict::Verdict;

/// Exit codes of a verb that was refused, and of one that has put everything back.
const REFUSED: i32 = 6;
const PUT_BACK: i32 = 7;

/// How many snapshots a run that was cut short and the one after it may take beyond those of one that
/// nothing happens to.
const COPIES: usize = 3;

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
            let broken = differences(&lasting(expected), &lasting(&after)).into_iter();
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
    if scene.verb == Verb::Export && ran.success() != scene.exported() && ran.code.is_some() {
        lies.push(format!(
            "exit {:?}, and the archive says otherwise",
            ran.code
        ));
    }
    let silent = ran.code != Some(0) && !ran.stderr.contains("error: ");
    if silent && !matches!(point.kind, Kind::Kill(_)) {
        lies.push(format!("exit {:?} without a word", ran.code));
    }
    let cleaned = scene.clean();
    if !cleaned.success() {
        lies.push(format!("clean: {}", cleaned.stderr));
    }
    if lasting(&scene.look()) != lasting(expected) {
        let mut again = scene.again();
        // What had turned back is back now: who wants to go there has to ask once more.
        if done != PUT_BACK && again.code == Some(PUT_BACK) {
            again = scene.again();
        }
        if again.code != Some(done) {
            lies.push(format!("once more: {}", again.stderr));
        }
    }
    let last = scene.look();
    verdict.leaks = differences(&lasting(expected), &lasting(&last));
    let more = saved(&last).saturating_sub(saved(expected));
    if more > COPIES {
        verdict.leaks.push(format!("{more} more snapshots"));
    }
    verdict.leaks.extend(scene.guard.found());
    if scene.journals() > 0 {
        verdict.leaks.push("a journal is left over".into());
    }
    for found in verdict.leaks.iter_mut().chain(&mut verdict.lies) {
        *found = format!("{found}\n{}", ran.stderr);
    }
    Some(verdict)
}

/// Apart from what was saved on the way: each run may have saved the same state, and no more of that is
/// kept than the deployment says.
fn lasting(end: &End) -> End {
    let mut end = end.clone();
    let on_the_way = |it: &Value| {
        let why = it["labels"]["clawbake-why"].as_str();
        why.is_some_and(|why| why.starts_with("before-"))
    };
    for copies in end.values_mut() {
        copies.retain(|it| !on_the_way(it));
    }
    end.retain(|_, all| !all.is_empty());
    end
}

fn saved(end: &End) -> usize {
    let snapshots = end
        .iter()
        .filter(|(name, _)| name.starts_with("snapshots/"));
    snapshots.map(|(_, copies)| copies.len()).sum()
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

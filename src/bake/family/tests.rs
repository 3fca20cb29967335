use std::collections::BTreeSet;

use gce::DeprecationStatus;

use super::*;

/// `new+` has entered and is active, `new-` is deprecated, `new` has not entered; oldest first. What is
/// called `foreign` is not clawbake's.
fn family(members: &[&str]) -> Family {
    let member = |(age, text): (usize, &&str)| Member {
        name: text.trim_end_matches(['+', '-']).to_owned(),
        created: Timestamp::from_second(i64::try_from(age).unwrap()).unwrap(),
        entered: text.ends_with(['+', '-']),
        active: !text.ends_with('-'),
        own: !text.starts_with("foreign"),
    };
    Family::new(members.iter().enumerate().map(member).collect())
}

fn steps(result: Result<Vec<Step>, Obstacle>) -> Vec<String> {
    result.unwrap().iter().map(ToString::to_string).collect()
}

fn promote(members: &[&str], name: &str) -> Result<Vec<Step>, Obstacle> {
    family(members).promotion(name, Deprecated::Stays)
}

/// What a step does, as Compute Engine does it.
fn apply(family: &mut Family, step: &Step) {
    let (Step::Enter(name) | Step::Restore(name) | Step::Deprecate { image: name, .. }) = step;
    let member = family.0.iter_mut().find(|m| m.name == *name).unwrap();
    match step {
        Step::Enter(_) => member.entered = true,
        Step::Restore(_) => member.active = true,
        Step::Deprecate { .. } => member.active = false,
    }
}

#[test]
fn the_first_enters_and_the_one_before_stays_for_a_rollback() {
    assert_eq!(steps(promote(&["a"], "a")), ["a enters the family"]);
    assert_eq!(steps(promote(&["a+", "b"], "b")), ["b enters the family"]);
    assert_eq!(
        steps(promote(&["a+", "b+", "c"], "c")),
        ["c enters the family", "a is deprecated, replaced by c"]
    );
    assert_eq!(steps(promote(&["a-", "b+", "c+"], "c")), [""; 0]);
}

#[test]
fn what_others_have_put_into_the_family_is_left_to_them() {
    assert_eq!(
        steps(promote(&["foreign+", "a+", "b+", "c"], "c")),
        ["c enters the family", "a is deprecated, replaced by c"]
    );
    let family = family(&["foreign+", "a+", "b+", "c+"]);
    let surplus = family.surplus(1, &BTreeSet::new());
    let names: Vec<_> = surplus.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["a"]);
}

#[test]
fn what_is_older_or_was_rolled_back_does_not_get_in_front() {
    let error = promote(&["a", "b+"], "a").unwrap_err();
    let (image, front) = ("a".to_owned(), "b".to_owned());
    assert_eq!(error, Obstacle::Older { image, front });
    let error = promote(&["a+", "b-"], "b").unwrap_err();
    assert_eq!(error, Obstacle::RolledBack("b".into()));
    let error = promote(&["a+"], "x").unwrap_err();
    assert_eq!(error, Obstacle::Unknown("x".into()));
    // One that has not entered is not in front, however new.
    assert_eq!(steps(promote(&["a", "b"], "a")), ["a enters the family"]);
}

#[test]
fn a_rollback_and_the_way_forward_again() {
    let mut family = family(&["a-", "b+", "c+"]);
    let back = family.rollback(&family.before().unwrap().name).unwrap();
    assert_eq!(steps(Ok(back.clone())), ["c is deprecated, replaced by b"]);
    for step in &back {
        apply(&mut family, step);
    }
    assert_eq!(family.front().unwrap().name, "b");
    assert_eq!(
        family.before().unwrap_err(),
        Obstacle::Oldest(vec!["a".into()])
    );
    assert_eq!(
        family.rollback("c").unwrap_err(),
        Obstacle::Ahead("c".into())
    );
    let forward = family.promotion("c", Deprecated::Restored).unwrap();
    assert_eq!(steps(Ok(forward.clone())), ["c is no longer deprecated"]);
    for step in &forward {
        apply(&mut family, step);
    }
    assert_eq!(family.front().unwrap().name, "c");
    assert_eq!(family.second().unwrap().name, "b");
}

#[test]
fn a_rollback_by_name_deprecates_everything_newer() {
    let family = family(&["a-", "b+", "c+", "d"]);
    assert_eq!(
        steps(family.rollback("a")),
        [
            "a is no longer deprecated",
            "c is deprecated, replaced by a",
            "b is deprecated, replaced by a"
        ]
    );
    assert_eq!(steps(family.rollback("c")), [""; 0]);
    assert_eq!(
        family.rollback("d").unwrap_err(),
        Obstacle::Outside("d".into())
    );
}

#[test]
fn nothing_that_somebody_needs_is_surplus() {
    let names = |members: &[&str], keep, used: &[&str]| -> Vec<String> {
        let used: BTreeSet<_> = used.iter().map(|&name| name.to_owned()).collect();
        let family = family(members);
        let surplus = family.surplus(keep, &used);
        surplus.iter().map(|m| m.name.clone()).collect()
    };
    let all = ["a-", "b-", "x", "c-", "d+", "e+", "y"];
    assert_eq!(names(&all, 3, &[]), ["x", "b", "a"]);
    assert_eq!(names(&all, 3, &["b", "x"]), ["a"]);
    // In front and the one before are kept, whatever the number.
    assert_eq!(names(&all, 0, &[]), ["c", "x", "b", "a"]);
    // After a rollback, the one to go back to may be deprecated.
    assert_eq!(names(&["a-", "b-", "c+", "d-"], 0, &[]), ["d", "a"]);
    // A family with nothing in front is not understood, and left alone.
    assert_eq!(names(&["a-", "b"], 0, &[]), [""; 0]);
}

#[test]
fn members_are_read_from_images_and_ordered_by_the_instant() {
    let image = |name: &str, created: &str, family: Option<&str>, recipe: &str| Image {
        name: Some(name.into()),
        creation_timestamp: Some(created.into()),
        family: family.map(Into::into),
        status: Some("READY".into()),
        labels: [(image::RECIPE_LABEL.to_owned(), recipe.to_owned())].into(),
        ..Image::default()
    };
    let mut images = [
        // The later one, though its text is the smaller: the clocks went back between them.
        image("winter", "2026-11-01T01:10:00.000-08:00", Some("f"), "r"),
        image("summer", "2026-11-01T01:50:00.000-07:00", Some("f"), "r"),
        image("fresh", "2026-11-02T00:00:00.000-08:00", None, "r"),
        image("elsewhere", "2026-11-02T00:00:00.000-08:00", Some("g"), "r"),
        image("foreign", "2026-11-02T00:00:00.000-08:00", None, "s"),
        image("pending", "2026-11-03T00:00:00.000-08:00", Some("f"), "r"),
    ];
    images[5].status = Some("PENDING".into());
    let found = Family::among(&images, "f", "r").unwrap();
    let names: Vec<_> = found.members().iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["fresh", "winter", "summer"]);
    assert_eq!(found.front().unwrap().name, "winter");
    images[0].deprecated = Some(DeprecationStatus {
        state: Some("OBSOLETE".into()),
        ..DeprecationStatus::default()
    });
    let found = Family::among(&images, "f", "r").unwrap();
    assert_eq!(found.front().unwrap().name, "summer");
    images[1].creation_timestamp = None;
    assert!(Family::among(&images, "f", "r").is_err());
}

/// A run of `bake`: it publishes, then looks at the family and takes the first step, until nothing is
/// left to do.
#[derive(Clone)]
struct Run {
    name: &'static str,
    published: bool,
    /// The step that its last look called for.
    next: Option<Step>,
    done: bool,
}

fn take_turn(run: &mut Run, family: &mut Family) {
    if !run.published {
        let created = family.0.first().map_or(0, |m| m.created.as_second()) + 1;
        let mut members = family.0.clone();
        members.push(Member {
            name: run.name.into(),
            created: Timestamp::from_second(created).unwrap(),
            entered: false,
            active: true,
            own: true,
        });
        *family = Family::new(members);
        run.published = true;
    } else if let Some(step) = run.next.take() {
        apply(family, &step);
    } else {
        let plan = family.promotion(run.name, Deprecated::Stays);
        run.next = plan.unwrap_or_default().into_iter().next();
        run.done = run.next.is_none();
    }
}

/// Goes through every order in which the runs can take turns; returns how many there are.
fn interleave(runs: &[Run; 2], family: &Family) -> usize {
    let mut orders = 0;
    for turn in [0, 1] {
        let (mut runs, mut family) = (runs.clone(), family.clone());
        if !runs[turn].done {
            take_turn(&mut runs[turn], &mut family);
            orders += interleave(&runs, &family);
        }
    }
    if orders > 0 {
        return orders;
    }
    let newest = &family.members()[0];
    assert_eq!(family.front(), Some(newest), "{family:?}");
    if family.members().len() > 2 {
        assert!(
            family.second().is_some(),
            "nothing to go back to: {family:?}"
        );
    }
    1
}

#[test]
fn of_two_bakes_at_once_the_newest_is_in_front_whatever_their_order() {
    let run = |name| Run {
        name,
        published: false,
        next: None,
        done: false,
    };
    let runs = [run("one"), run("two")];
    for before in [&[][..], &["a+"], &["a+", "b+"], &["a-", "b+", "c+", "d-"]] {
        let orders = interleave(&runs, &family(before));
        assert!(orders > 60, "{orders} orders are not all");
    }
}

use super::*;

/// A state disk and snapshots as a model: a state is a number, and a disk's or snapshot's content.
#[derive(Debug, Clone, PartialEq)]
struct World {
    disk: Option<Model>,
    /// Id, content and mark.
    snapshots: Vec<(u64, u32, Option<Mark>)>,
    last_id: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Model {
    id: u64,
    source: Option<u64>,
    ready: bool,
    content: u32,
}

impl World {
    fn new(disk: Option<u32>, snapshots: &[u32]) -> Self {
        let ids = 1..;
        let disk = disk.map(|content| Model {
            id: 100,
            source: None,
            ready: true,
            content,
        });
        Self {
            disk,
            snapshots: ids.zip(snapshots).map(|(id, it)| (id, *it, None)).collect(),
            last_id: 1000,
        }
    }

    fn seen(&self, chosen: u64) -> Seen {
        let others = self.snapshots.iter();
        let others = others.filter(|(id, _, mark)| *id != chosen && mark.is_some());
        Seen {
            disk: self.disk.as_ref().map(|disk| Present {
                id: disk.id,
                source: disk.source,
                ready: disk.ready,
                user: None,
            }),
            mark: self.mark(chosen),
            others: others.map(|(id, ..)| id.to_string()).collect(),
        }
    }

    fn at(&mut self, id: u64) -> &mut (u64, u32, Option<Mark>) {
        let found = self.snapshots.iter_mut().find(|it| it.0 == id);
        found.expect("the snapshot is there")
    }

    fn mark(&self, id: u64) -> Option<Mark> {
        self.clone().at(id).2
    }

    fn saved(&self, content: u32) -> bool {
        self.snapshots.iter().any(|it| it.1 == content)
    }

    /// One run of a restore, which is killed after `budget` effects. Whether it came to its end.
    fn run(&mut self, chosen: u64, mut budget: usize) -> bool {
        let mut saved = None;
        for _ in 0..32 {
            let step = next(chosen, &self.seen(chosen), saved).expect("nothing is in the way");
            if budget == 0 {
                return false;
            }
            budget -= 1;
            self.last_id += 1;
            let id = self.last_id;
            match step {
                Step::Save => {
                    let disk = self.disk.clone().unwrap();
                    self.snapshots.push((id, disk.content, None));
                    saved = Some(disk.id);
                }
                Step::Mark { over } => self.at(chosen).2 = Some(Mark { over }),
                Step::Release(other) => self.at(other.parse().unwrap()).2 = None,
                Step::Delete => {
                    let disk = self.disk.take().unwrap();
                    let half = disk.source.is_some() && !disk.ready;
                    assert!(half || self.saved(disk.content), "{disk:?} is lost");
                    assert!(self.mark(chosen).is_some(), "nobody knows of it");
                }
                Step::Create => {
                    assert!(self.disk.is_none());
                    self.disk = Some(Model {
                        id,
                        source: Some(chosen),
                        ready: true,
                        content: self.at(chosen).1,
                    });
                }
                Step::Unmark => {
                    self.at(chosen).2 = None;
                    return true;
                }
            }
        }
        panic!("it has no end: {self:?}");
    }

    /// What must hold when a run that was cut short leaves it: without a disk, somebody knows of the
    /// restore. Before its first effect it is what it was.
    fn check(&self, start: &Self) {
        let marked = self.snapshots.iter().any(|it| it.2.is_some());
        assert!(self.disk.is_some() || marked || self == start, "{self:?}");
    }
}

/// Effects of a whole run, and one more.
const KILLS: usize = 8;

#[test]
fn a_restore_that_is_killed_at_any_effect_comes_to_its_end_and_loses_nothing() {
    let mut tries = 0;
    for disk in [Some(7), None] {
        for first in 0..KILLS {
            for writes in [false, true] {
                for half in [false, true] {
                    for second in 0..KILLS {
                        let start = World::new(disk, &[1, 2]);
                        let mut world = start.clone();
                        let done = world.run(1, first);
                        if !done {
                            world.check(&start);
                        }
                        // Between two runs a VM may write, or the disk that was being made has failed.
                        if let Some(model) = &mut world.disk {
                            if writes {
                                model.content += 1000;
                            } else if half && model.source.is_some() && !done {
                                model.ready = false;
                            }
                        }
                        let made = world.disk.as_ref().is_some_and(|it| it.source == Some(1));
                        if !world.run(1, second) {
                            world.check(&start);
                            assert!(world.run(1, KILLS), "it does not end: {world:?}");
                        }
                        let content = world.disk.as_ref().map(|it| it.content).unwrap();
                        let written_since = made && writes;
                        assert!(content == 1 || written_since, "{world:?}");
                        assert!(world.snapshots.iter().all(|it| it.2.is_none()), "{world:?}");
                        assert!(disk.is_none_or(|state| world.saved(state) || world.saved(state + 1000)));
                        tries += 1;
                    }
                }
            }
        }
    }
    println!("restores killed at an effect: {tries} tries, 0 failures");
}

#[test]
fn another_snapshot_may_be_chosen_after_a_kill() {
    for disk in [Some(7), None] {
        for first in 0..KILLS {
            for second in 0..KILLS {
                let mut world = World::new(disk, &[1, 2]);
                world.run(1, first);
                world.run(2, second);
                assert!(world.run(2, KILLS));
                // The second may have been done before: then it is done again, from what it was.
                assert_eq!(world.disk.as_ref().map(|it| it.content), Some(2));
                assert!(world.snapshots.iter().all(|it| it.2.is_none()));
                assert!(disk.is_none_or(|state| world.saved(state)));
            }
        }
    }
}

#[test]
fn restoring_twice_from_one_snapshot_restores_twice() {
    let mut world = World::new(Some(7), &[1]);
    assert!(world.run(1, KILLS));
    world.disk.as_mut().unwrap().content = 8;
    // Killed when it has just been marked: the disk is of this snapshot, and yet it is to go.
    assert!(!world.run(1, 2));
    assert!(world.run(1, KILLS));
    assert_eq!(world.disk.as_ref().unwrap().content, 1);
    assert!(world.saved(8));
}

#[test]
fn a_disk_that_a_vm_has_stays() {
    let mut seen = World::new(Some(7), &[1]).seen(1);
    seen.disk.as_mut().unwrap().user = Some("gateway".into());
    let in_use = Obstacle::InUse {
        vm: "gateway".into(),
    };
    assert_eq!(next(1, &seen, None), Err(in_use));
    // One that is restored already may be used: only the mark is left.
    seen.disk.as_mut().unwrap().source = Some(1);
    seen.mark = Some(Mark { over: Some(99) });
    assert_eq!(next(1, &seen, None), Ok(Step::Unmark));
}

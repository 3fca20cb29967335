//! An engine is killed in the middle of everything it does, and the next one goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use orphans::{Finding, outlived, settle};

use crate::engine::Engine;
use crate::victim::{Victim, furnish, tidy};

/// What outlives the engine by more is an orphan.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What the next engine, which boots a machine again, gets to have everything in order.
const SETTLED: Duration = Duration::from_secs(10);

/// Every moment of a victim's time is as likely as any other, and no two kills are at the same one.
fn moment(kill: u32) -> f64 {
    (f64::from(kill) * 0.618_033_988_75 + 0.5).fract()
}

/// A directory with an engine that runs.
struct World {
    dir: tempfile::TempDir,
    engine: Engine,
}

impl World {
    async fn begin() -> Self {
        let dir = world::directory();
        let engine = Engine::start(dir.path());
        furnish(&engine.api).await.unwrap();
        let world = Self { dir, engine };
        assert_eq!(world.settle(), [], "before any kill");
        world
    }

    fn settle(&self) -> Vec<Finding> {
        settle(self.dir.path(), self.engine.pid(), SETTLED)
    }

    /// How long a victim takes that lives.
    async fn time(&self, victim: Victim) -> Duration {
        victim.prepare(&self.engine.api).await.unwrap();
        let begin = Instant::now();
        victim.run(&self.engine.api).await.unwrap();
        let took = begin.elapsed();
        tidy(&self.engine.api).await.unwrap();
        took
    }

    /// Kills the engine in the middle of something, and returns what is orphaned then, when the next
    /// engine has begun, and when the client has come back and cleaned up.
    async fn kill_in(&mut self, victim: Victim, after: Duration) -> BTreeSet<Finding> {
        victim.prepare(&self.engine.api).await.unwrap();
        let api = self.engine.api.clone();
        let run = tokio::spawn(async move { victim.run(&api).await });
        tokio::time::sleep(after).await;
        self.engine.kill();
        // Its client may have heard the end of it, or not.
        run.await.unwrap().ok();
        let mut found = BTreeSet::from_iter(outlived(self.dir.path(), AT_ONCE));
        self.engine = Engine::start(self.dir.path());
        found.extend(self.settle());
        tidy(&self.engine.api).await.unwrap();
        self.time(victim).await;
        found.extend(self.settle());
        found
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "kills engines for a minute; `make soak`"]
async fn nothing_is_orphaned_by_a_kill_at_any_moment() {
    let mut world = World::begin().await;
    let mut times = Vec::new();
    for victim in Victim::ALL {
        times.push((victim, world.time(victim).await, [0, 0]));
    }
    let (start, mut kills) = (Instant::now(), 0);
    while kills < 2 || start.elapsed() < crate::duration() {
        for (victim, took, [tries, failures]) in &mut times {
            let after = took.mul_f64(moment(kills));
            let found = world.kill_in(*victim, after).await;
            *tries += 1;
            if found.is_empty() {
                continue;
            }
            *failures += 1;
            for orphan in found {
                println!("{victim:?}, killed after {after:?} of {took:?}: {orphan}");
            }
            world = World::begin().await;
        }
        kills += 1;
    }
    for (victim, _, [tries, failures]) in &times {
        println!(
            "kill -9 in {:<16} tries {tries:>4}  failures {failures:>4}",
            format!("{victim:?}")
        );
    }
    assert!(
        times.iter().all(|(.., [_, failures])| *failures == 0),
        "orphans, see above"
    );
}

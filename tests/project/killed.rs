//! A verb that is killed at one of its changes.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use wire::{Asked, Fault};
use world::World;

use crate::guard::Guard;

/// How many worlds there are at a time: a verb spends most of its time in pauses.
const WORLDS: usize = 4;

/// Runs a verb, and kills it when its nth call that changes something has been served. Whether it got so far.
pub fn killed_after(world: &World, verb: Command, guard: &Guard, nth: usize) -> bool {
    let mut made = 0;
    killed_at(world, verb, guard, move |_, _| {
        made += 1;
        made == nth
    })
}

/// The same, when a call has been served that changes something and is the one: method and path.
pub fn killed_at(
    world: &World,
    mut verb: Command,
    guard: &Guard,
    one: impl FnMut(&str, &str) -> bool + Send + 'static,
) -> bool {
    let (process, one) = (Arc::new(AtomicU32::new(0)), Mutex::new(one));
    let (victim, guard) = (Arc::clone(&process), guard.clone());
    world.proxy().inject(move |asked| {
        if !changes(asked) {
            return None;
        }
        guard.look();
        let now = (*one.lock().unwrap())(asked.method, asked.path);
        let victim = Arc::clone(&victim);
        now.then(|| Fault::Then(Box::new(move || kill(&victim))))
    });
    let verb = verb.stdout(Stdio::null()).stderr(Stdio::null());
    let mut verb = verb.spawn().unwrap();
    process.store(verb.id(), Ordering::SeqCst);
    let ended = verb.wait().unwrap();
    world.proxy().inject(|_| None);
    assert!(ended.code().is_none_or(|code| code == 0), "{ended}");
    ended.code().is_none()
}

/// Whether a call changes something.
pub fn changes(asked: &Asked) -> bool {
    asked.method != "GET" && !asked.path.contains("/operations/")
}

/// Kills a verb after its first change, its second one, and so on to its last, in a few worlds at a time;
/// prints and returns how often. `course` is one try in a world, and says whether the verb came so far.
pub fn killed_everywhere<W>(
    verb: &str,
    begin: impl Fn() -> W + Sync,
    course: impl Fn(&W, usize) -> bool + Sync,
) -> usize {
    let kills = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for world in 1..=WORLDS {
            let (begin, course, kills) = (&begin, &course, &kills);
            scope.spawn(move || {
                let stage = begin();
                // Both of two machines have a turn in each world.
                let all = (0..).map(|round| round * WORLDS + (world + round) % WORLDS + 1);
                for nth in all {
                    if !course(&stage, nth) {
                        break;
                    }
                    kills.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    let kills = kills.into_inner();
    eprintln!("{verb}: {kills} kills, 0 wrong");
    kills
}

/// Kills a process once it is known.
fn kill(process: &AtomicU32) {
    let pid = loop {
        let pid = i32::try_from(process.load(Ordering::SeqCst)).unwrap();
        match Pid::from_raw(pid) {
            Some(pid) => break pid,
            None => std::thread::yield_now(),
        }
    };
    kill_process(pid, Signal::KILL).unwrap();
}

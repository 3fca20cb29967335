use std::fs;
use std::time::Duration;

use super::leftover::own;
use super::leftover::{dead, keep};
use super::line::{Format, Text};
use super::*;
use crate::deployment::{Access, Identity};

fn client() -> Client {
    let endpoints = gce::Endpoints::at("http://127.0.0.1:9");
    Client::new(endpoints, gce::Credentials::token("t".into()), "p").unwrap()
}

fn project(id: &str, identity: Identity) -> Place {
    Place::Gce {
        project: id.into(),
        endpoint: None,
        access: Access {
            identity,
            impersonate: None,
        },
    }
}

fn place() -> Place {
    project("p", Identity::ApplicationDefault)
}

fn disk(name: &str) -> Resource {
    Resource::Disk {
        zone: "z".into(),
        name: name.into(),
    }
}

#[tokio::test]
async fn a_name_is_on_disk_before_anything_is_created_and_gone_after_success() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), "bake", &place()).unwrap();
    journal.record(disk("state")).unwrap();
    let path = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(path.path()).unwrap();
    let last = format!(
        " {{\"create\":{{\"run\":\"{}\",\"kind\":\"disk\",\"zone\":\"z\",\"name\":\"state\"}}}}\n",
        journal.run()
    );
    assert!(text.ends_with(&last), "{text}");
    journal.settle(&client(), Ok(())).await.unwrap();
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn a_run_is_dead_when_nobody_holds_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), "launch", &place()).unwrap();
    journal.record(disk("a")).unwrap();
    journal.record(disk("b")).unwrap();
    assert!(leftovers(dir.path()).unwrap().is_empty(), "it lives");
    let run = journal.run.clone();
    drop(journal);
    let found = leftovers(dir.path()).unwrap();
    assert_eq!(found[0].run, run);
    assert!(
        found[0].resources().eq(&[disk("b"), disk("a")]),
        "the last first"
    );
}

#[tokio::test]
async fn who_looks_at_a_journal_is_waited_for_by_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), "launch", &place()).unwrap();
    journal.record(disk("a")).unwrap();
    let (run, other) = (
        journal.run.clone(),
        Journal::begin(dir.path(), "bake", &place()).unwrap(),
    );
    drop(journal);
    let looked = leftovers(dir.path()).unwrap();
    assert!(leftovers(dir.path()).unwrap().is_empty(), "as if it lived");
    let mine = |it: &Begun| it.id == run.id;
    let (found, ()) = tokio::join!(own(dir.path(), mine), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        drop(looked);
    });
    assert_eq!(found.unwrap()[0].run, run);
    // Who has none does not wait for others.
    assert!(own(dir.path(), |_| false).await.unwrap().is_empty());
    drop(other);
}

#[test]
fn what_a_later_run_uses_is_its_own_and_leaves_the_dead_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut dead = Journal::begin(dir.path(), "launch", &place()).unwrap();
    dead.record(disk("state")).unwrap();
    let id = dead.run.id.clone();
    drop(dead);
    let mut journal = Journal::begin(dir.path(), "launch", &place()).unwrap();
    journal.adopt(&disk("other")).unwrap();
    assert_eq!(journal.entries, []);
    journal.adopt(&disk("state")).unwrap();
    let resource = disk("state");
    assert_eq!(journal.entries, [Entry { run: id, resource }]);
    assert!(leftovers(dir.path()).unwrap().is_empty());
    drop(journal);
    let elsewhere = project("q", Identity::ApplicationDefault);
    keep(dir.path(), &elsewhere, &[disk("state")]).unwrap();
    assert_eq!(leftovers(dir.path()).unwrap().len(), 1, "another project's");
    let somebody_else = project("p", Identity::File("key.json".into()));
    keep(dir.path(), &somebody_else, &[disk("state")]).unwrap();
    assert!(leftovers(dir.path()).unwrap().is_empty());
}

/// A journal as a run leaves it that adopts, forgets and dies, and what it names.
fn whole() -> (Vec<u8>, Vec<Resource>) {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), "bake", &place()).unwrap();
    let object = Resource::Object {
        bucket: "b".into(),
        name: "ü/\"quoted\"\n".into(),
    };
    for resource in [disk("state"), disk("boot"), object] {
        journal.record(resource).unwrap();
        journal.file.append(&Line::Answered).unwrap();
    }
    let foreign = journal.entries[1].clone();
    journal.file.append(&Line::Forget(foreign)).unwrap();
    journal.record(disk("last")).unwrap();
    drop(journal);
    let path = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap();
    let found = leftovers(dir.path()).unwrap();
    let resources = found[0].resources().cloned().collect();
    (fs::read(path.path()).unwrap(), resources)
}

/// At each byte: every bit flipped, the byte cut out, a byte put in, and 2, 16 and 100 bytes cut out.
fn damages(whole: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flips = (0..whole.len()).flat_map(move |at| {
        (0..8).map(move |bit| {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << bit;
            bytes
        })
    });
    let cuts = (0..whole.len()).flat_map(move |at| {
        [1, 2, 16, 100].map(|length| {
            let mut bytes = whole.to_vec();
            bytes.drain(at..(at + length).min(whole.len()));
            bytes
        })
    });
    let inserts = (0..whole.len()).flat_map(move |at| {
        [0, b'\n', b' ', b'"', b'0', b'{', b'}', 0x80, 0xff].map(|byte| {
            let mut bytes = whole.to_vec();
            bytes.insert(at, byte);
            bytes
        })
    });
    flips.chain(cuts).chain(inserts)
}

#[test]
fn a_damaged_journal_is_kept_unless_all_that_it_named_is_known() {
    let (whole, resources) = whole();
    let (mut tries, mut kept, mut failures) = (0, 0, 0);
    for bytes in damages(&whole) {
        tries += 1;
        match Text::read(&bytes, Format::Summed) {
            Err(_) => kept += 1,
            // What a crash leaves: the request of the line that it cut off was never sent.
            Ok(_) if whole.starts_with(&bytes) => {}
            Ok(text) => {
                let named: Vec<_> = text.entries.iter().map(|it| &it.resource).collect();
                failures += usize::from(!resources.iter().all(|it| named.contains(&it)));
            }
        }
    }
    println!("damaged journals: {tries} tries, {kept} kept as unreadable, {failures} failures");
    assert_eq!(failures, 0);
    assert!(kept > tries * 9 / 10);
}

#[test]
fn a_journal_that_is_cut_off_says_what_was_acknowledged() {
    let (whole, _) = whole();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bake-0.journal");
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let found = dead(dir.path()).unwrap();
        let whole_but_its_end = whole[length] == b'\n';
        let readable = length > first && !whole_but_its_end;
        assert_eq!(!found.runs.is_empty(), readable, "{length}");
        // What was torn does not spoil what is written after it.
        if let Some(mut run) = found.runs.into_iter().next() {
            let named = run.resources().count();
            run.file.append(&Line::Answered).unwrap();
            drop(run);
            assert_eq!(leftovers(dir.path()).unwrap()[0].resources().count(), named);
        }
    }
}

#[test]
fn what_cannot_be_read_is_told_with_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::begin(dir.path(), "bake", &place()).unwrap();
    journal.record(disk("a")).unwrap();
    let run = journal.run.clone();
    drop(journal);
    let newer = serde_json::json!({"rename": {"run": "r"}});
    let old = [
        serde_json::to_string(&Line::Begin(run)).unwrap(),
        newer.to_string(),
    ];
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("a-newer.jsonl", (old.join("\n") + "\n").as_bytes());
    write("b-latin.jsonl", b"{\"begin\": \"\xfc\"}\n");
    write("c-large.journal", &vec![b'\n'; 2 << 20]);
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        dir.path().join("d-fifo.journal"),
        rustix::fs::Mode::RUSR,
    )
    .unwrap();
    let found = dead(dir.path()).unwrap();
    assert_eq!(found.runs.len(), 1, "the rest goes on");
    let told: Vec<_> = found.unreadable.iter().map(ToString::to_string).collect();
    for (told, (file, why)) in told.iter().zip([
        (
            "a-newer.jsonl",
            "line 2 is of a kind that this version of clawbake does not know",
        ),
        ("b-latin.jsonl", "line 1 is damaged"),
        ("c-large.journal", "larger than 1024 KiB"),
        ("d-fifo.journal", "it is no file"),
    ]) {
        assert!(told.contains(file) && told.contains(why), "{told}");
    }
    assert_eq!(told.len(), 4);
}

//! The archive stage where there is no room for the archive. This is a program of its own because a
//! limit on the size of files is one of the whole process.

use std::fs;
use std::path::Path;
use std::process::Command;

use clawbake::image::{archive, cache::Cache, disk, key::Key};
use clawbake::progress::{Outcome, Progress};
use clawbake::recipe::Recipe;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Results of the stage that a bake would find.
fn found(cache: &Path) -> usize {
    let names = fs::read_dir(cache)
        .unwrap()
        .map(|it| it.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("archive-clawdbot-"))
        .count()
}

#[tokio::test]
async fn an_archive_that_was_cut_short_is_an_error_and_no_later_bake_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let (made, kept) = (dir.path().join("disk"), dir.path().join("cache"));
    fs::create_dir(&made).unwrap();
    let mut bytes = vec![0; 4 << 20];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).unwrap();
    fs::write(made.join(disk::DISK), &bytes).unwrap();
    let cache = Cache::open(&kept).unwrap();
    let recipe = Recipe::shipped("clawdbot").unwrap().unwrap();
    let (key, stage) = (Key::new("disk", 1), Progress::silent().stage("archive"));

    let whole = getrlimit(Resource::Fsize);
    let short = Rlimit {
        current: Some(1 << 20),
        ..whole
    };
    setrlimit(Resource::Fsize, short).unwrap();
    let error = archive::make(&recipe, &made, &key, &cache, &stage)
        .await
        .unwrap_err();
    setrlimit(Resource::Fsize, whole).unwrap();
    let error = error.to_string();
    assert!(
        error.contains("packing the disk: tar ended with"),
        "{error}"
    );
    assert_eq!(found(&kept), 0);

    let (file, outcome) = archive::make(&recipe, &made, &key, &cache, &stage)
        .await
        .unwrap();
    assert_eq!((outcome, found(&kept)), (Outcome::Done, 1));
    let mut tar = Command::new("tar");
    let disk = tar.args(["-xzOf"]).arg(&file).output().unwrap().stdout;
    assert!(disk == bytes, "the archive holds another disk");
    let (again, outcome) = archive::make(&recipe, &made, &key, &cache, &stage)
        .await
        .unwrap();
    assert_eq!((again, outcome), (file, Outcome::Cached));
}

//! The clock stands still, and goes back.

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::engine::{Engine, GLOBAL};

/// An engine with another clock; its timers go on.
fn start(time: &str, dir: TempDir) -> Engine {
    let library = "faketime/libfaketime.so.1";
    let libraries = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let library = libraries
        .map(|dir| dir.path().join(library))
        .find(|path| path.exists());
    let library = library.expect("Debian: install libfaketime");
    let preload = format!("LD_PRELOAD={}", library.display());
    let time = format!("FAKETIME={time}");
    let program = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", &preload, &time];
    Engine::start_by(&program, dir)
}

#[tokio::test]
async fn uploads_at_one_moment_have_generations_and_contents_of_their_own() {
    const UPLOADS: usize = 150;
    let dir = tempfile::tempdir().unwrap();
    let engine = start("2030-01-01 00:00:00", dir);
    engine.insert_bucket().await;
    let engine = std::sync::Arc::new(engine);
    let mut uploads = tokio::task::JoinSet::new();
    for number in 0..UPLOADS {
        let engine = std::sync::Arc::clone(&engine);
        uploads.spawn(async move {
            let (status, object) = engine
                .upload(&format!("o{number}"), number.to_string())
                .await;
            assert_eq!(status, 200, "{object}");
            assert!(
                object["timeCreated"]
                    .as_str()
                    .unwrap()
                    .starts_with("2030-01-01T00:00:00.000")
            );
            object["generation"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        });
    }
    let mut generations = uploads.join_all().await;
    generations.sort_unstable();
    generations.dedup();
    let mut others = 0;
    for number in 0..UPLOADS {
        let content = engine.content(&format!("o{number}")).await;
        others += usize::from(content != number.to_string().as_bytes());
    }
    println!("{UPLOADS} uploads at one moment, {others} with another one's content");
    assert_eq!((generations.len(), others), (UPLOADS, 0));
    let mut last = 0_u64;
    for content in ["a", "b", "c"] {
        let (_, object) = engine.upload("o", content).await;
        let generation = object["generation"].as_str().unwrap().parse().unwrap();
        assert!(generation > last);
        last = generation;
    }
}

#[tokio::test]
async fn a_family_names_the_newest_image_also_after_the_clock_was_ahead() {
    let ahead = start("+400d", tempfile::tempdir().unwrap());
    ahead.insert_image_and_disk().await;
    let image = |name: &str| json!({"name": name, "family": "f", "sourceDisk": "zones/us-central1-a/disks/blank"});
    let images = format!("{GLOBAL}/images");
    // By name the first is the last.
    ahead.mutate(Method::POST, &images, &image("z")).await;
    let (dir, _) = ahead.kill();
    let engine = Engine::start_in(dir);
    engine.mutate(Method::POST, &images, &image("b")).await;
    engine.mutate(Method::POST, &images, &image("a")).await;
    let newest = engine.get(&format!("{images}/family/f")).await;
    assert_eq!(newest["name"], "a");
    let order = format!("{images}?orderBy=creationTimestamp%20desc&filter=family%20eq%20f");
    let listed = engine.get(&order).await;
    let field = |field: &str| -> Vec<String> {
        let items = listed["items"].as_array().unwrap().iter();
        items
            .map(|image| image[field].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(field("name"), ["a", "b", "z"]);
    let mut times = field("creationTimestamp");
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
    times.dedup();
    assert_eq!(times.len(), 3);
}

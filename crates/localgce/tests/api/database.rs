//! What the engine does with a database that is not as it left it: nothing that loses anything.

use std::path::Path;

use rusqlite::Connection;

use reqwest::Method;
use serde_json::json;

use crate::engine::{Engine, GLOBAL, ZONE, files, refused};

const DATABASE: &str = "localgce.db";

/// The database in one file, as its last user would leave it.
fn fold(dir: &Path) {
    let connection = Connection::open(dir.join(DATABASE)).unwrap();
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
}

#[tokio::test]
async fn a_database_that_is_gone_or_empty_is_not_replaced() {
    let engine = Engine::start();
    engine.insert_image_and_disk().await;
    engine.insert_bucket().await;
    engine.upload("o", "content").await;
    let (dir, _) = engine.kill();
    let before = files(dir.path());
    assert_eq!(before.len(), 4, "{before:?}");
    let database = dir.path().join(DATABASE);
    fold(dir.path());
    let copy = std::fs::read(&database).unwrap();
    let spoil: [(&str, &dyn Fn()); 3] = [
        ("gone", &|| std::fs::remove_file(&database).unwrap()),
        ("of no bytes", &|| std::fs::write(&database, "").unwrap()),
        ("without tables", &|| {
            std::fs::remove_file(&database).unwrap();
            let connection = Connection::open(&database).unwrap();
            connection
                .execute_batch("CREATE TABLE t (c); DROP TABLE t")
                .unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        spoil();
        let said = refused(dir.path());
        for word in [
            "2 in disks",
            "1 in images",
            "1 in objects",
            "backup",
            "engine reset",
        ] {
            assert!(said.contains(word), "{what}: {word}: {said}");
        }
        assert_eq!(files(dir.path()), before, "{what}");
    }
    std::fs::write(&database, copy).unwrap();
    let engine = Engine::start_in(dir);
    assert_eq!(engine.content("o").await, b"content");
}

#[tokio::test]
async fn a_damaged_database_is_told_and_left_as_it_is() {
    let engine = Engine::start();
    engine.insert_image_and_disk().await;
    let (dir, _) = engine.kill();
    fold(dir.path());
    let database = dir.path().join(DATABASE);
    let copy = std::fs::read(&database).unwrap();
    let before = files(dir.path());
    let (mut tried, mut told) = (0, 0);
    // Every page in turn but those that are not in use, and the header.
    for page in (0..copy.len()).step_by(4096) {
        let mut damaged = copy.clone();
        damaged[page..page + 512].fill(0x5a);
        std::fs::write(&database, &damaged).unwrap();
        let Ok(connection) = Connection::open(&database) else {
            continue;
        };
        let check = connection.query_row("PRAGMA quick_check", [], |row| row.get::<_, String>(0));
        if check.is_ok_and(|found| found == "ok") || tried == 4 {
            continue;
        }
        drop(connection);
        tried += 1;
        let said = refused(dir.path());
        told += usize::from(said.contains("damaged") && said.contains("backup"));
        assert!(said.contains("damaged"), "page at {page}: {said}");
        assert_eq!(std::fs::read(&database).unwrap(), damaged, "page at {page}");
        assert_eq!(files(dir.path()), before);
    }
    println!("{tried} damaged databases, {} not told", tried - told);
    assert!(tried >= 3);
}

#[tokio::test]
async fn a_newer_engines_database_is_refused() {
    let (dir, _) = Engine::start().kill();
    let connection = Connection::open(dir.path().join(DATABASE)).unwrap();
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert!(version > 0, "versions are counted");
    connection
        .pragma_update(None, "user_version", version + 1)
        .unwrap();
    drop(connection);
    let said = refused(dir.path());
    assert!(said.contains("newer engine's"), "{said}");
}

#[tokio::test]
async fn files_that_another_database_knows_are_kept_and_told() {
    let (other, _) = Engine::start().kill();
    fold(other.path());
    let engine = Engine::start();
    engine.insert_image_and_disk().await;
    engine.insert_bucket().await;
    engine.upload("o", "content").await;
    let (dir, _) = engine.kill();
    fold(dir.path());
    let before = files(dir.path());
    std::fs::copy(other.path().join(DATABASE), dir.path().join(DATABASE)).unwrap();
    let engine = Engine::start_in(dir);
    // What this database has doomed itself goes, and nothing else.
    engine.insert_bucket().await;
    engine.upload("p", "content").await;
    engine
        .call(Method::DELETE, "/storage/v1/b/bucket/o/p", &json!({}))
        .await;
    let (dir, said) = engine.kill();
    assert_eq!(files(dir.path()), before);
    assert!(
        said.contains("does not know") && said.contains("images/"),
        "{said}"
    );
}

#[tokio::test]
async fn a_file_that_another_is_based_on_stays_until_that_one_goes() {
    let engine = Engine::start();
    engine.insert_image_and_disk().await;
    let id = |body: &serde_json::Value| body["id"].as_str().unwrap().to_owned();
    let image = id(&engine.get(&format!("{GLOBAL}/images/image")).await);
    let disk = id(&engine.get(&format!("{ZONE}/disks/disk")).await);
    let (dir, _) = engine.kill();
    // The rows say nothing of it any more; the disk's own file does.
    let connection = Connection::open(dir.path().join(DATABASE)).unwrap();
    connection
        .execute_batch("DELETE FROM resource WHERE name IN ('disk', 'image')")
        .unwrap();
    let doomed = format!("INSERT OR REPLACE INTO file VALUES ('images/{image}.qcow2', 'doomed')");
    connection.execute_batch(&doomed).unwrap();
    drop(connection);
    let (dir, _) = Engine::start_in(dir).kill();
    let image = format!("images/{image}.qcow2");
    assert!(files(dir.path()).contains(&image));
    std::fs::remove_file(dir.path().join(format!("disks/{disk}.qcow2"))).unwrap();
    let (dir, _) = Engine::start_in(dir).kill();
    assert!(!files(dir.path()).contains(&image));
}

//! Images.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::engine::{Engine, GLOBAL, ZONE, answer};

/// Uploads an archive with a disk of `size` bytes, and asks for an image of it.
async fn insert_image(engine: &Engine, name: &str, size: u64, family: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    std::fs::File::create(dir.path().join("disk.raw"))
        .unwrap()
        .set_len(size)
        .unwrap();
    let tar = ["--format=oldgnu", "-Sczf", "i.tar.gz", "disk.raw"];
    assert!(
        Command::new("tar")
            .current_dir(&dir)
            .args(tar)
            .status()
            .unwrap()
            .success()
    );
    let archive = std::fs::read(dir.path().join("i.tar.gz")).unwrap();
    let path = format!("/upload/storage/v1/b/images/o?uploadType=media&name={name}.tar.gz");
    answer(engine.request(Method::POST, &path).body(archive)).await;
    let source = format!("https://storage.googleapis.com/images/{name}.tar.gz");
    let image = json!({"name": name, "family": family, "rawDisk": {"source": source}, "guestOsFeatures": [{"type": "UEFI_COMPATIBLE"}]});
    let operation = engine.post(&format!("{GLOBAL}/images"), &image).await;
    engine.done(&operation).await
}

#[tokio::test]
async fn debian_is_published_as_google_does_it() {
    let engine = Engine::start();
    let published = "/compute/v1/projects/debian-cloud";
    let list = engine.get(&format!("{published}/global/images")).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "{list}");
    for (family, suite) in [("debian-12", "bookworm"), ("debian-13", "trixie")] {
        let image = engine
            .get(&format!("{published}/global/images/family/{family}"))
            .await;
        let name = image["name"].as_str().unwrap();
        assert!(name.starts_with(&format!("{family}-{suite}-v20")), "{name}");
        assert_eq!(
            (&image["status"], &image["diskSizeGb"]),
            (&json!("READY"), &json!("10"))
        );
        let view = engine
            .get(&format!(
                "{published}/zones/us-central1-a/imageFamilyViews/{family}"
            ))
            .await;
        assert_eq!(view["image"], image);
    }
    let small = json!({"name": "d", "sizeGb": "9",
        "sourceImage": "projects/debian-cloud/global/images/family/debian-13"});
    let (code, _, message) = engine
        .refusal(Method::POST, &format!("{ZONE}/disks"), &small)
        .await;
    assert_eq!(code, 400);
    assert!(message.contains("image size (10 GB)"), "{message}");
}

#[tokio::test]
async fn images_come_from_archives_and_families_name_the_newest() {
    let engine = Engine::start();
    engine
        .post(
            "/storage/v1/b?project=clawbake-local",
            &json!({"name": "images"}),
        )
        .await;
    let failed = insert_image(&engine, "odd", (1 << 30) + 512, "f").await;
    assert_eq!(failed["httpErrorStatusCode"], 400, "{failed}");
    assert_eq!(
        engine.get(&format!("{GLOBAL}/images/odd")).await["status"],
        "FAILED"
    );

    for name in ["one", "two"] {
        let done = insert_image(&engine, name, 1 << 30, "f").await;
        assert_eq!(done["error"], Value::Null, "{done}");
    }
    let family = format!("{GLOBAL}/images/family/f");
    let newest = engine.get(&family).await;
    assert_eq!(
        (&newest["name"], &newest["status"], &newest["diskSizeGb"]),
        (&json!("two"), &json!("READY"), &json!("1"))
    );
    let view = engine
        .get(&format!(
            "{}/imageFamilyViews/f",
            ZONE.replace("us-central1-a", "us-central1-b")
        ))
        .await;
    assert_eq!(view["image"], newest);
    let status = json!({"state": "DEPRECATED", "replacement": "global/images/one"});
    engine
        .mutate(
            Method::POST,
            &format!("{GLOBAL}/images/two/deprecate"),
            &status,
        )
        .await;
    assert_eq!(engine.get(&family).await["name"], "one");

    let disk =
        json!({"name": "d", "sourceImage": "projects/clawbake-local/global/images/family/f"});
    engine
        .mutate(Method::POST, &format!("{ZONE}/disks"), &disk)
        .await;
    assert!(
        engine.get(&format!("{ZONE}/disks/d")).await["sourceImage"]
            .as_str()
            .unwrap()
            .ends_with("/global/images/one")
    );
    let copy = json!({"name": "copy", "sourceDisk": format!("{}/disks/d", &ZONE[12..])});
    engine
        .mutate(Method::POST, &format!("{GLOBAL}/images"), &copy)
        .await;
    let again = json!({"name": "again", "sourceImage": "global/images/copy"});
    engine
        .mutate(Method::POST, &format!("{GLOBAL}/images"), &again)
        .await;
    for name in ["copy", "again"] {
        let image = engine.get(&format!("{GLOBAL}/images/{name}")).await;
        assert!(image["archiveSizeBytes"].is_string(), "{image}");
    }
    let files = || {
        std::fs::read_dir(engine.dir.path().join("images"))
            .unwrap()
            .count()
    };
    let before = files();
    engine
        .mutate(Method::DELETE, &format!("{GLOBAL}/images/one"), &json!({}))
        .await;
    assert_eq!(files(), before, "a disk is still based on the image's file");
    engine
        .mutate(Method::DELETE, &format!("{ZONE}/disks/d"), &json!({}))
        .await;
    assert_eq!(files(), before - 1);
    let obsolete = json!({"state": "OBSOLETE"});
    engine
        .mutate(
            Method::POST,
            &format!("{GLOBAL}/images/two/deprecate"),
            &obsolete,
        )
        .await;
    let disk = json!({"name": "e", "sourceImage": "global/images/two"});
    let (code, ..) = engine
        .refusal(Method::POST, &format!("{ZONE}/disks"), &disk)
        .await;
    assert_eq!(code, 400);
}

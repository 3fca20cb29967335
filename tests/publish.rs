//! Images from archives, through the real binary and a real engine, without booting any: published,
//! promoted, rolled back, pruned, two at once, and with a key and a location of the deployment's own.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use world::{Ran, World};

/// An engine of its own, reached through the contract's proxy.
struct Cloud(World);

impl Cloud {
    fn begin() -> Self {
        let world = World::new(env!("CARGO_BIN_EXE_clawbake"));
        Self(world.engine().wire("publish").init())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.0.run(arguments)
    }

    fn done(&self, arguments: &[&str]) -> String {
        self.0.done(arguments).trim().to_owned()
    }

    fn refused(&self, arguments: &[&str]) -> String {
        self.0.refused(arguments, 1)
    }

    fn archive(&self, word: &str) -> PathBuf {
        self.0.archive(word)
    }

    fn bake(&self, archive: &Path) -> String {
        let archive = archive.to_str().unwrap();
        self.done(&["bake", "--archive", archive, "--no-promote"])
    }

    fn publish(&self, word: &str) -> String {
        self.bake(&self.archive(word))
    }

    fn promote(&self, image: &str) -> String {
        self.done(&["images", "promote", "--untested", image])
    }

    fn image(&self, name: &str) -> Value {
        serde_json::from_str(&self.done(&["images", "show", "--json", name])).unwrap()
    }

    fn client(&self) -> (gce::Client, String) {
        let world::Endpoint {
            url,
            token,
            project,
            zone,
            ..
        } = self.0.endpoint();
        let credentials = gce::Credentials::token(token);
        let client = gce::Client::new(gce::Endpoints::at(&url), credentials, &project);
        (client.unwrap(), zone)
    }

    /// Makes a disk from an image, and returns its name.
    #[tokio::main]
    async fn disk_of(&self, image: &str) -> String {
        let (client, zone) = self.client();
        let disk = gce::Disk {
            name: Some("made-of-it".into()),
            source_image: Some(format!("global/images/{image}")),
            ..gce::Disk::default()
        };
        let inserted = client.disks(&zone).insert(&disk).await.unwrap();
        inserted.wait().await.unwrap();
        disk.name.unwrap()
    }

    /// The image that a VM of the family would be made of.
    #[tokio::main]
    async fn newest(&self) -> String {
        let (client, _) = self.client();
        let image = client.images().find_in_family("clawdbot-gateway").await;
        image.unwrap().unwrap().name.unwrap()
    }

    #[tokio::main]
    async fn bucket(&self, name: &str) -> gce::Bucket {
        self.client().0.buckets().get(name).await.unwrap()
    }

    #[tokio::main]
    async fn delete_disk(&self, name: &str) {
        let (client, zone) = self.client();
        let deleted = client.disks(&zone).delete(name).await.unwrap();
        deleted.wait().await.unwrap();
    }

    /// Every image's name and place in the family, newest first.
    fn places(&self) -> Vec<(String, String)> {
        let list = self.done(&["images", "list"]);
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let place = |line| {
            let words = words(line);
            (words[0].clone(), words[2].clone())
        };
        list.lines().map(place).collect()
    }

    fn place(&self, name: &str) -> String {
        let places = self.places();
        places.into_iter().find(|(n, _)| n == name).unwrap().1
    }
}

#[test]
fn published_promoted_rolled_back_and_pruned() {
    let cloud = Cloud::begin();
    let a = cloud.publish("a");
    let image = cloud.image(&a);
    assert_eq!(image["family"], Value::Null);
    let labels = &image["labels"];
    assert_eq!(labels["clawbake-recipe"], "clawdbot");
    assert_eq!(labels["clawbake-base"], "debian-13");
    let content = labels["clawbake-content"].as_str().unwrap();
    assert!(
        a.ends_with(&content[..8]),
        "{a} is not named after {content}"
    );
    assert_eq!(cloud.place(&a), "outside");
    // Published once; the second time it is there.
    assert_eq!(cloud.bake(&cloud.path("a/disk.tar.gz")), a);

    assert_eq!(cloud.promote(&a), format!("{a} enters the family"));
    assert_eq!(cloud.place(&a), "front");
    let (b, old) = (cloud.publish("b"), cloud.publish("old"));
    cloud.promote(&b);
    let c = cloud.publish("c");
    let plan = format!("{c} enters the family\n{a} is deprecated, replaced by {c}");
    assert_eq!(
        cloud.done(&["images", "promote", "--untested", "--dry-run", &c]),
        plan
    );
    assert_eq!(cloud.place(&b), "front");
    assert_eq!(cloud.promote(&c), plan);
    let places = [
        (&c, "front"),
        (&old, "outside"),
        (&b, "rollback"),
        (&a, "deprecated"),
    ];
    let places = places.map(|(name, place)| (name.clone(), place.to_owned()));
    assert_eq!(cloud.places(), places);
    let replacement = cloud.image(&a)["deprecated"]["replacement"].clone();
    assert!(replacement.as_str().unwrap().ends_with(&c), "{replacement}");
    let error = cloud.refused(&["images", "promote", "--untested", &old]);
    assert!(
        error.contains(&format!("{c} stays in front: {old} is older")),
        "{error}"
    );

    assert_eq!(
        cloud.done(&["images", "rollback"]),
        format!("{c} is deprecated, replaced by {b}")
    );
    assert_eq!(cloud.place(&b), "front");
    let error = cloud.refused(&["images", "rollback"]);
    assert!(
        error.contains("every older image is deprecated") && error.contains(&a),
        "{error}"
    );
    assert_eq!(cloud.promote(&c), format!("{c} is no longer deprecated"));
    assert_eq!(cloud.place(&c), "front");
    assert_eq!(cloud.place(&b), "rollback");

    let disk = cloud.disk_of(&a);
    assert_eq!(cloud.done(&["images", "prune", "--keep", "1"]), old);
    cloud.delete_disk(&disk);
    assert_eq!(
        cloud.done(&["images", "prune", "--keep", "1", "--dry-run"]),
        a
    );
    assert_eq!(cloud.done(&["images", "prune", "--keep", "1"]), a);
    let left: Vec<_> = cloud.places().into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, [c, b]);
    assert_eq!(cloud.0.journals(), 0);
}

#[test]
fn of_two_at_once_the_newest_ends_in_front() {
    let cloud = Cloud::begin();
    let archive = cloud.archive("first");
    let (first, same) = std::thread::scope(|scope| {
        let [one, two] = [(); 2].map(|()| scope.spawn(|| cloud.bake(&archive)));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(first, same, "the same archive became two images");
    cloud.promote(&first);
    std::thread::scope(|scope| {
        for word in ["left", "right"] {
            let cloud = &cloud;
            scope.spawn(move || {
                let image = cloud.publish(word);
                // The older of the two may be refused, if the newer is there already.
                let _ = cloud.run(&["images", "promote", "--untested", &image]);
            });
        }
    });
    let places = cloud.places();
    assert_eq!(places.len(), 3);
    assert_eq!(places[0].1, "front", "{places:?}");
    assert!(
        places.iter().any(|(_, place)| place == "rollback"),
        "{places:?}"
    );
}

#[test]
fn an_image_that_cannot_be_made_leaves_the_one_in_front_alone() {
    let cloud = Cloud::begin();
    let front = cloud.publish("front");
    cloud.promote(&front);
    let before = cloud.image(&front);
    let archive = cloud.archive("cut");
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();

    let bake = [
        "bake",
        "--no-promote",
        "--archive",
        archive.to_str().unwrap(),
    ];
    let failed = cloud.run(&bake);
    assert_eq!((failed.code, &*failed.stdout), (Some(4), ""), "{failed:?}");
    let words = failed.stderr;
    assert!(words.contains("error: inserting image"), "{words}");
    assert_eq!(cloud.places(), [(front.clone(), "front".to_owned())]);
    assert_eq!(cloud.image(&front), before);
    assert_eq!(cloud.newest(), front);
    assert_eq!(cloud.0.journals(), 0, "something is left");

    // What is there is not made again, and nobody can ask for it.
    assert_eq!(cloud.bake(&cloud.path("front/disk.tar.gz")), front);
    assert_eq!(cloud.image(&front), before);
    for option in ["--force", "--overwrite", "--replace"] {
        let output = cloud.run(&[&bake[..], &[option]].concat());
        assert_eq!(output.code, Some(2), "{option}: {output:?}");
    }
}

#[test]
fn key_and_location_of_a_target_reach_images_and_the_bucket() {
    let cloud = Cloud::begin();
    let dir = cloud.0.dir();
    let endpoint = cloud.0.endpoint();
    fs::write(dir.join("token"), &endpoint.token).unwrap();
    let deployment = fs::read_to_string(dir.join("clawbake.yaml")).unwrap();
    // Where the key is, where the bucket is made, and whether it can have the key.
    let places = [
        ("us-central1", "US-CENTRAL1", true),
        ("us", "US", true),
        ("europe", "EU", true),
        ("global", "US-CENTRAL1", false),
    ];
    for (place, location, encrypted) in places {
        let key = format!("projects/p/locations/{place}/keyRings/r/cryptoKeys/k");
        let bucket = format!("archives-{place}");
        let target = format!(
            "target: {{gce: {{project: {}, zone: {}, endpoint: \"{}\", credentials: {{token_file: token}}, \
             bucket: {bucket}, storage_locations: [us-central1], kms_key: {key}}}}}",
            endpoint.project, endpoint.zone, endpoint.url,
        );
        let deployment = deployment.replace("target: local", &target);
        fs::write(dir.join("clawbake.yaml"), deployment).unwrap();
        let image = cloud.image(&cloud.publish(place));
        assert_eq!(image["imageEncryptionKey"]["kmsKeyName"], key);
        assert_eq!(
            image["storageLocations"],
            serde_json::json!(["us-central1"])
        );
        let bucket = cloud.bucket(&bucket);
        assert_eq!(bucket.location.as_deref(), Some(location));
        let own = bucket.encryption.and_then(|it| it.default_kms_key_name);
        assert_eq!(own, encrypted.then_some(key));
        let rule = &bucket.lifecycle.unwrap().rule[0];
        assert_eq!(
            (&rule.action["type"], &rule.condition["age"]),
            (&"Delete".into(), &1.into())
        );
        let access = bucket.iam_configuration.unwrap();
        assert_eq!(access.public_access_prevention.as_deref(), Some("enforced"));
    }
}

//! The proxy itself: the real client and a real engine, with each of the faults between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gce::{Client, Credentials, Disk, Endpoints, Kind, RetryPolicy};
use wire::{Asked, Fault, Proxy};
use world::{Endpoint, World};

fn engine() -> World {
    World::new(env!("CARGO_BIN_EXE_clawbake")).engine()
}

/// A client that reads where the engine is as every program does, and gives up soon.
fn client(proxy: &Proxy) -> (Client, String) {
    let endpoint = Endpoint::read(&proxy.engine_dir()).expect("an engine");
    assert_eq!(endpoint.url, proxy.url());
    let credentials = Credentials::token(endpoint.token);
    let client = Client::new(Endpoints::at(&endpoint.url), credentials, &endpoint.project);
    let policy = RetryPolicy {
        first: Duration::from_millis(10),
        cap: Duration::from_millis(50),
        total: Duration::from_secs(5),
    };
    (client.unwrap().with_retry(policy), endpoint.zone)
}

fn disk(name: &str) -> Disk {
    Disk {
        name: Some(name.into()),
        size_gb: Some(1),
        ..Disk::default()
    }
}

/// The first insert meets the fault.
fn first_insert(
    fault: impl Fn() -> Fault + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Option<Fault> {
    let seen = AtomicUsize::new(0);
    move |asked| {
        let insert = asked.method == "POST" && asked.path.ends_with("/disks");
        (insert && seen.fetch_add(1, Ordering::SeqCst) == 0).then(&fault)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_does_what_it_says() {
    let engine = self::engine();
    let proxy = Proxy::start(&engine.engine_dir(), "wire");
    let (client, zone) = client(&proxy);
    let disks = client.disks(&zone);

    proxy.inject(first_insert(|| Fault::Refused));
    disks
        .insert(&disk("refused"))
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();

    // The second request has the first one's requestId, and is answered the first one's operation.
    proxy.inject(first_insert(|| Fault::AnswerLost));
    disks
        .insert(&disk("lost"))
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();

    proxy.inject(first_insert(|| Fault::Status(503)));
    disks
        .insert(&disk("later"))
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();

    let failing = || Fault::OperationError {
        code: "QUOTA_EXCEEDED".into(),
        message: "no more disks".into(),
    };
    proxy.inject(first_insert(failing));
    let error = disks
        .insert(&disk("never"))
        .await
        .unwrap()
        .wait()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_deref()),
        (Kind::Operation, Some("QUOTA_EXCEEDED"))
    );
    assert!(disks.find("never").await.unwrap().is_none());

    proxy.inject(first_insert(|| Fault::Hang));
    let unheard = disk("hanging");
    let hanging = disks.insert(&unheard);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), hanging)
            .await
            .is_err()
    );
    assert!(disks.find("hanging").await.unwrap().is_none());

    let there = Arc::new(AtomicUsize::new(0));
    let (counter, direct) = (Arc::clone(&there), engine.engine_dir());
    proxy.inject(first_insert(move || {
        let (counter, direct) = (Arc::clone(&counter), direct.clone());
        Fault::Then(Box::new(move || {
            let files = std::fs::read_dir(direct.join("disks")).unwrap().count();
            counter.store(files, Ordering::SeqCst);
        }))
    }));
    disks
        .insert(&disk("then"))
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    assert!(there.load(Ordering::SeqCst) >= 3);

    proxy.inject(|_| None);
    let mut names: Vec<_> = client
        .all_disks()
        .await
        .unwrap()
        .into_iter()
        .filter_map(|disk| disk.name)
        .collect();
    names.sort();
    assert_eq!(names, ["later", "lost", "refused", "then"]);
    let tally = proxy.tally();
    assert_eq!(tally.methods()["compute.disks.aggregatedList"], 1);
    assert_eq!(tally.complaints(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_may_be_started_again_behind_it() {
    let engine = self::engine();
    let proxy = Proxy::start(&engine.engine_dir(), "wire");
    let (client, zone) = client(&proxy);
    client.machine_type(&zone, "e2-small").await.unwrap();
    assert!(engine.stop());
    assert_eq!(
        client
            .machine_type(&zone, "e2-small")
            .await
            .unwrap_err()
            .kind,
        Kind::Unavailable
    );
    assert!(Endpoint::read(&engine.engine_dir()).is_none());
    assert!(engine.start());
    let (client, zone) = self::client(&proxy);
    client.machine_type(&zone, "e2-small").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_contract_does_not_know_fails_the_test() {
    let engine = self::engine();
    let proxy = Proxy::start(&engine.engine_dir(), "wire-of-strangers");
    let endpoint = Endpoint::read(&proxy.engine_dir()).unwrap();
    let url = format!("{}/compute/v1/projects/p/global/pictures", proxy.url());
    let request = reqwest::Client::new().get(url).bearer_auth(endpoint.token);
    assert_eq!(request.send().await.unwrap().status(), 404);
    assert_eq!(
        proxy.tally().to_string(),
        "contract: 1 exchanges, 0 methods, 1 unvalidated"
    );
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(proxy)));
    assert!(dropped.is_err());
}

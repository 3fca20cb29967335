use std::path::Path;

use super::*;
use crate::lock::Digest;

const LOCK: &str = include_str!("../../../tests/good/lock.yaml");

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// A deployment of openclaw with these lines in its `updates`.
fn deployment(updates: &str) -> Deployment {
    let text = format!(
        "name: gateway\ntarget: local\nrecipe: openclaw\nmachine: {{type: e2-small, boot_disk_gb: 20}}\n\
         state: {{disk_gb: 10}}\nupdates: {updates}\nsecrets: {{OPENCLAW_GATEWAY_TOKEN: token}}\n"
    );
    Deployment::parse("clawbake.yaml", &text, Path::new("")).unwrap()
}

fn candidate(text: &str, schema: (u32, u32), published: &str) -> (Version, Candidate) {
    let candidate = Candidate {
        version: version(text),
        engines: Some(">=24.16.0 <25 || >=26.1.0".into()),
        schema: Some(Schema {
            state: schema.0,
            agent: schema.1,
        }),
        deprecated: None,
        published: Some(published.parse().unwrap()),
    };
    (candidate.version, candidate)
}

/// 2026.9.4 runs, 2026.9.6 is offered, and nothing else has changed.
fn observed() -> Observed {
    let mut lock = Lock::parse("clawbake.lock", LOCK).unwrap();
    lock.gateway.version = version("2026.9.4");
    let schema = Schema {
        state: 17,
        agent: 19,
    };
    Observed {
        current: Some(lock.gateway.version),
        schema: Some(schema),
        memory: Memory::default(),
        feed: Feed {
            offered: Some(version("2026.9.6")),
            candidates: [
                candidate("2026.9.4", (17, 19), "2026-09-10T00:00:00Z"),
                candidate("2026.9.5", (17, 21), "2026-09-14T00:00:00Z"),
                candidate("2026.9.6", (18, 23), "2026-09-20T00:00:00Z"),
                candidate("2026.9.7", (18, 23), "2026-09-21T00:00:00Z"),
            ]
            .into(),
            skipped: 1,
        },
        node: lock.node.version.clone(),
        npm: lock.npm.version.clone(),
        debian: lock.debian.clone(),
        lock: Some(lock),
        now: "2026-09-22T00:00:00Z".parse().unwrap(),
    }
}

/// The verdict in brief: the version, what is new, and what is held at which gate.
fn brief(verdict: &Verdict) -> String {
    let of = |held: &[Held]| -> String {
        let one = |it: &Held| format!(" !{}:{}", it.version, it.reason.gate());
        held.iter().map(one).collect()
    };
    match verdict {
        Verdict::Nothing { .. } => "nothing".into(),
        Verdict::New(update) => {
            let what = |change: &Change| format!(" {}", change.what);
            let new: String = update.changes.iter().map(what).collect();
            format!("{}{new}{}", update.version, of(&update.held))
        }
        Verdict::Held { stopped, held } => {
            let stopped = if stopped.is_some() { " stopped" } else { "" };
            format!("held{stopped}{}", of(held))
        }
    }
}

fn decided(updates: &str, change: impl FnOnce(&mut Observed)) -> String {
    let mut observed = observed();
    change(&mut observed);
    brief(&decide(&deployment(updates), &observed, false))
}

const STABLE: &str = "{channel: stable}";

#[test]
fn what_the_channel_offers_is_new_and_nothing_beyond_it() {
    assert_eq!(decided(STABLE, |_| {}), "2026.9.6 gateway.version");
    let current = |o: &mut Observed| o.current = Some(version("2026.9.6"));
    assert_eq!(decided(STABLE, current), "nothing");
    let nothing = |o: &mut Observed| (o.current, o.lock, o.schema) = (None, None, None);
    assert_eq!(
        decided(STABLE, nothing),
        "2026.9.6 gateway.version node.version npm.version debian.suite debian.security"
    );
}

#[test]
fn debian_s_archive_and_node_count_as_new() {
    let other = Digest::of_label(&"2".repeat(60)).unwrap();
    let security = |o: &mut Observed| {
        o.feed.offered = o.current;
        o.debian.security = other.clone();
    };
    assert_eq!(decided(STABLE, security), "2026.9.4 debian.security");
    let node = |o: &mut Observed| {
        o.feed.offered = o.current;
        o.node = "24.19.0".into();
    };
    assert_eq!(decided(STABLE, node), "2026.9.4 node.version");
    // A release that is held does not hold the archive's updates.
    let both = |o: &mut Observed| {
        o.node = "24.15.0".into();
        o.debian.suite = other.clone();
    };
    assert_eq!(
        decided(STABLE, both),
        "2026.9.4 node.version debian.suite !2026.9.6:engines"
    );
}

#[test]
fn a_pin_an_ignored_version_and_an_age_are_kept_to() {
    assert_eq!(
        decided("{pin: 2026.9.5}", |_| {}),
        "2026.9.5 gateway.version !2026.9.6:pinned"
    );
    assert_eq!(decided("{pin: 2026.9.4}", |_| {}), "held !2026.9.6:pinned");
    assert_eq!(
        decided("{channel: stable, ignore: [2026.9.6]}", |_| {}),
        "2026.9.5 gateway.version !2026.9.6:ignored"
    );
    assert_eq!(
        decided("{channel: stable, minimum_age_days: 7}", |_| {}),
        "2026.9.5 gateway.version !2026.9.6:age"
    );
    assert_eq!(
        decided("{channel: stable, minimum_age_days: 30}", |_| {}),
        "held !2026.9.6:age !2026.9.5:age"
    );
}

#[test]
fn the_schema_and_the_order_never_go_down() {
    let schema = |o: &mut Observed| {
        o.schema = Some(Schema {
            state: 19,
            agent: 19,
        });
    };
    // What lies between is not tried in its place.
    assert_eq!(decided(STABLE, schema), "held !2026.9.6:schema");
    let down = |o: &mut Observed| o.current = Some(version("2026.9.7"));
    assert_eq!(decided(STABLE, down), "held !2026.9.6:down");
}

#[test]
fn a_release_that_failed_is_not_tried_again_and_a_newer_one_is() {
    let failed = |text: &str, failures| Memory {
        refused: Some(version(text)),
        by: Some(Refusal::gate("rehearsal", Timestamp::UNIX_EPOCH)),
        failures,
    };
    let verdict = |memory: Memory, retry| {
        let mut observed = observed();
        observed.memory = memory;
        brief(&decide(&deployment(STABLE), &observed, retry))
    };
    assert_eq!(
        verdict(failed("2026.9.6", 1), false),
        "held !2026.9.6:failed"
    );
    assert_eq!(
        verdict(failed("2026.9.6", 1), true),
        "2026.9.6 gateway.version"
    );
    assert_eq!(
        verdict(failed("2026.9.5", 2), false),
        "2026.9.6 gateway.version"
    );
    assert_eq!(verdict(failed("2026.9.5", 3), false), "held stopped");
    assert_eq!(
        verdict(failed("2026.9.5", 3), true),
        "2026.9.6 gateway.version"
    );
}

#[test]
fn what_people_and_scripts_are_told() {
    let tell = |updates: &str, change: fn(&mut Observed)| {
        let mut observed = observed();
        change(&mut observed);
        let verdict = decide(&deployment(updates), &observed, false);
        let json = serde_json::to_string_pretty(&verdict).unwrap();
        format!("{verdict}\n{json}\n")
    };
    let told = [
        tell("{channel: stable, minimum_age_days: 7}", |o| {
            o.debian.security = Digest::of_label(&"2".repeat(60)).unwrap();
        }),
        tell(STABLE, |o| o.current = Some(version("2026.9.6"))),
        tell(STABLE, |o| {
            o.memory = Memory {
                refused: Some(version("2026.9.6")),
                by: Some(Refusal::gate("counts", o.now)),
                failures: 3,
            };
        }),
        tell(STABLE, |o| {
            o.memory = Memory {
                refused: Some(version("2026.9.6")),
                by: Some(Refusal::person(o.now)),
                failures: 0,
            };
        }),
        tell(STABLE, |o| o.current = Some(version("2026.9.7"))),
    ];
    insta::assert_snapshot!(told.concat());
}

//! From nothing to a gateway that answers, on this machine: the real gateway, a real image, real VMs.
//!
//! One story, because each chapter needs the one before it. This gateway takes minutes to start without KVM, so
//! it does once: boot tests, starts and secrets that change are those of the stand-ins (`life`, `vm_builder`).

use std::time::Instant;

use crate::stage::{Stage, hits};

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
#[ignore = "boots VMs for half an hour; `make e2e`"]
fn from_nothing_to_a_gateway_that_answers() {
    let story = Stage::open("story");
    story.clawbake(&["init"]);
    let one_cpu = [("type: e2-small", "type: n1-standard-1")];
    story.replace("clawbake.yaml", &one_cpu);

    story.chapter("the image");
    let image = story.bake_untested();

    story.chapter("up: engine, secret, VM, ready, address");
    let url = story.clawbake(&["up"]).trim().to_owned();
    assert!(
        url.starts_with("http://127."),
        "{url} is no loopback address"
    );
    let first = story.clawbake(&["secrets", "show", "clawdbot-gateway-token"]);
    assert_eq!(story.ask(&url, None), 401);
    assert_eq!(story.ask(&url, Some("wrong")), 401);
    assert_eq!(story.ask(&url, Some(&first)), 200);

    story.chapter("nothing else is there");
    let images = story.clawbake(&["images", "list"]);
    assert!(
        images.lines().count() == 1 && images.contains(" front ") && images.contains(&image),
        "{images}"
    );
    assert_eq!(story.names("instances"), ["clawdbot-gateway"]);
    assert_eq!(
        story.names("disks"),
        ["clawdbot-gateway", "clawdbot-gateway-state"]
    );
    let schedule = story.gcloud(&[
        "compute",
        "disks",
        "describe",
        "clawdbot-gateway-state",
        "--format=value(resourcePolicies.basename())",
    ]);
    assert_eq!(schedule.trim(), "clawbake-daily-04h-keep-14d");
    assert_eq!(
        story
            .gcloud(&["secrets", "list", "--format=value(name.basename())"])
            .trim(),
        "clawdbot-gateway-token"
    );

    story.chapter("up again: quick, and nothing changes");
    let (before, started) = (story.resources(), Instant::now());
    assert_eq!(story.clawbake(&["up"]).trim(), url);
    assert!(
        started.elapsed().as_secs() < 60,
        "took {:?}",
        started.elapsed()
    );
    assert_eq!(story.resources(), before);

    story.chapter("the Control UI in a browser");
    let page = story.browse(&format!("{url}?token={first}"), "statusDot ok");
    assert!(
        page.contains("<clawdbot-app"),
        "the UI did not load:\n{page}"
    );
    assert!(
        !page.contains("pairing required"),
        "the browser would have to be paired"
    );

    story.chapter(
        "no secret in the image and its layers, on this machine's process list, in metadata, user-data or serial output",
    );
    assert_eq!(story.hits_in_image(&first), 0);
    assert_ne!(
        story.hits_in_image("CLAWDBOT_GATEWAY_TOKEN"),
        0,
        "the search itself does not work"
    );
    assert_eq!(hits(&story.processes(), &first), 0);
    assert_eq!(
        hits(
            &story.gcloud(&[
                "compute",
                "instances",
                "describe",
                "clawdbot-gateway",
                "--format=json"
            ]),
            &first
        ),
        0
    );
    assert_eq!(hits(&story.clawbake(&["user-data", "render"]), &first), 0);
    assert_eq!(hits(&story.clawbake(&["logs"]), &first), 0);
    assert!(
        story
            .clawbake(&["logs", "--gateway"])
            .contains("listening on"),
        "the gateway's log does not reach the console"
    );

    story.chapter("stop by gcloud: state and secrets on the disks");
    story.gcloud(&["compute", "instances", "stop", "clawdbot-gateway"]);
    let state = story.disk_named("clawdbot-gateway-state");
    assert_eq!(state.hits(&first), 0, "the state disk holds the token");
    assert_eq!(
        story.disk_named("clawdbot-gateway").hits(&first),
        0,
        "the boot disk holds the token"
    );
    let identity = state.read("/.clawdbot/clawdbot.json");
    let devices = state.paired_devices();
    assert!(
        !devices.is_empty(),
        "the browser's pairing is not on the state disk"
    );
    drop(state);

    story.chapter("delete leaves the state disk unless it is named");
    story.clawbake(&["delete"]);
    assert_eq!(story.names("instances"), Vec::<String>::new());
    assert_eq!(story.names("disks"), ["clawdbot-gateway-state"]);
    let state = story.disk_named("clawdbot-gateway-state");
    assert_eq!(state.read("/.clawdbot/clawdbot.json"), identity);
    assert_eq!(state.paired_devices(), devices);
    drop(state);
    let refused = story.refused(&["delete", "--state-disk", "other"], 1);
    assert!(
        refused.contains("the state disk of clawdbot-gateway is clawdbot-gateway-state, not other"),
        "{refused}"
    );
    story.clawbake(&["delete", "--state-disk", "clawdbot-gateway-state"]);
    assert_eq!(story.names("disks"), Vec::<String>::new());

    story.chapter("kill -9 of the engine takes its VMs along; a new one boots them again");
    story.clawbake(&["launch", "--no-wait"]);
    story.expect_machines(1);
    story.kill_engine();
    assert!(story.start());
    story.expect_machines(1);
    story.clawbake(&["delete", "--state-disk", "clawdbot-gateway-state"]);
    story.expect_no_journal();
    story.expect_no_orphans();
    story.chapter("the end");
}

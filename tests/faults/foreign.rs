//! What others have in the same project, by names and labels as similar as can be.

use serde_json::{Value, json};

use crate::api::Api;
use crate::scene::{BEFORE, FAMILY, NAME, OLDER};
use crate::verb::Verb;

/// A label of theirs, which no run of this test has.
fn labels() -> Value {
    json!({"clawbake-run": "000000000000", "clawbake-deployment": "other"})
}

fn disk(api: &Api, name: &str) {
    api.make_disk(&json!({"name": name, "sizeGb": "1", "labels": labels()}));
}

fn image(api: &Api, name: &str) {
    api.make_image(
        &json!({"name": name, "labels": labels(), "sourceDisk": api.disk_url("elsewhere")}),
    );
}

fn secret(api: &Api, name: &str) {
    let body = json!({"replication": {"automatic": {}}, "labels": labels()});
    api.post(&format!("{}?secretId={name}", api.secrets()), &body);
}

fn template(api: &Api, name: &str, labels: &Value) {
    let properties = json!({
        "machineType": "e2-small",
        "labels": labels,
        "disks": [{"boot": true, "source": "elsewhere"}],
        "networkInterfaces": [{"network": "global/networks/default"}],
    });
    let body = json!({"name": name, "properties": properties});
    api.post(&api.global("instanceTemplates"), &body);
}

/// The deployment's own templates, which no VM was made from.
pub const OLD_TEMPLATES: [&str; 2] = ["clawdbot-gateway-11111111", "clawdbot-gateway-22222222"];

/// Makes those of them that are not there.
pub fn old_templates(api: &Api) {
    let there = api.inventory();
    for name in OLD_TEMPLATES {
        if !there.contains_key(&format!("{}/{name}", api.global("instanceTemplates"))) {
            template(api, name, &json!({"clawbake-deployment": NAME}));
        }
    }
}

/// The way in, which somebody has shut: no port of a VM is forwarded.
pub fn shut(api: &Api, port: u16) {
    let body = json!({
        "name": format!("clawbake-iap-{port}"),
        "network": "global/networks/default",
        "disabled": true,
        "sourceRanges": ["35.235.240.0/20"],
        "allowed": [{"IPProtocol": "tcp", "ports": [port.to_string()]}],
    });
    let name = body["name"].as_str().unwrap();
    let path = format!("{}/{name}", api.global("firewalls"));
    api.delete(&path);
    api.post(&api.global("firewalls"), &body);
}

/// Puts it there. `baked` is the name of the image that a bake makes.
pub fn plant(api: &Api, verb: Verb, baked: &str) {
    for name in [
        "clawdbot-gateway-2",
        "clawdbot-gateway-state-2",
        "clawdbot-gatewa",
        "clawbake-test-000000000000",
        "clawbake-test-000000000000-state",
    ] {
        disk(api, name);
    }
    for name in [format!("{baked}-2"), baked[..baked.len() - 1].to_owned()] {
        image(api, &name);
    }
    for name in ["clawdbot-gateway-00000000", "clawbake-test-000000000000"] {
        template(api, name, &labels());
    }
    api.save(
        "clawdbot-gateway-state-2",
        "clawdbot-gateway-state-00000000",
        "other",
        "before-change",
    );
    let [own, other] = api.buckets();
    api.make_bucket(&other);
    // The first bake of a project finds no bucket.
    let own = Some(own).filter(|_| verb != Verb::FirstBake);
    for bucket in own.into_iter().chain([other]) {
        api.upload(&bucket, &format!("{baked}.tar.gz"));
        api.upload(&bucket, &format!("{baked}-000000000000.tar.gz"));
    }
    for name in [
        "clawdbot-gateway-token-2",
        "clawbake-test-000000000000-CLAWDBOT_GATEWAY_TOKEN",
    ] {
        secret(api, name);
    }
    match verb {
        Verb::BakeTaken => image(api, baked),
        Verb::LaunchTaken => disk(api, NAME),
        Verb::StateTaken => disk(api, &format!("{NAME}-state")),
        Verb::DeleteTaken => instance(api),
        _ => {}
    }
}

/// A VM by the deployment's name, switched off.
fn instance(api: &Api) {
    disk(api, "theirs");
    let body = json!({
        "name": NAME,
        "machineType": api.zonal("machineTypes/e2-small").replace("compute/v1/", ""),
        "labels": labels(),
        "disks": [{"boot": true, "source": api.disk_url("theirs")}],
        "networkInterfaces": [{"network": "global/networks/default"}],
    });
    api.post(&api.zonal("instances"), &body);
    let vm = api.zonal(&format!("instances/{NAME}"));
    api.until(&vm, "RUNNING");
    api.stop(NAME);
}

/// The family before a verb, oldest first: what others have put into it, what has never entered it, and
/// two that are in use. None but a bake's own image is newer.
pub fn family(api: &Api, verb: Verb) -> Vec<Value> {
    let of = |name: &str, family: Option<&str>, labels: Value| {
        json!({
            "name": name, "family": family, "labels": labels, "sourceDisk": api.disk_url("elsewhere"),
        })
    };
    let own = || json!({"clawbake-recipe": "clawdbot", "clawbake-boot-test": "passed"});
    // What replaces VMs has two images of its own.
    if verb.replaces() {
        return vec![of("made-by-hand", Some(FAMILY), json!({"team": "other"}))];
    }
    let mut images = vec![
        of("made-by-hand", Some(FAMILY), json!({"team": "other"})),
        of(
            "clawdbot-gateway-failed",
            None,
            json!({"clawbake-recipe": "clawdbot"}),
        ),
        of("clawdbot-gateway-before", Some(FAMILY), own()),
        of("clawdbot-gateway-front", Some(FAMILY), own()),
    ];
    if verb == Verb::Prune {
        images.insert(1, of("clawdbot-gateway-old", Some(FAMILY), own()));
    }
    images
}

/// The image that was in front before another one, of an older gateway.
pub fn older(api: &Api, newer: &Value) -> Value {
    let mut image = newer.clone();
    image["name"] = BEFORE.into();
    image["family"] = FAMILY.into();
    image["sourceDisk"] = api.disk_url("elsewhere").into();
    image["labels"]["clawbake-boot-test"] = "passed".into();
    image["labels"]["clawbake-gateway"] = OLDER.replace('.', "-").into();
    image
}

//! The metadata of an instance, as its guest sees it.

use serde_json::{Map, Value, json};

use super::addresses::strings;
use crate::catalog;
use crate::key::{Key, last};
use crate::vm::{INTERNAL_ADDRESS, MAC_ADDRESS};

/// The whole tree, as `/?recursive=true&alt=json` prints it, from the instance's body. `image` is
/// the path of the boot disk's image.
pub fn tree(key: &Key, body: &Value, image: Option<&str>) -> Value {
    let zone = key.zone().unwrap_or_default();
    let number = catalog::project(&key.project)
        .map(|project| project.number)
        .unwrap_or_default();
    let id: u64 = body["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .unwrap_or_default();
    json!({
        "instance": {
            "attributes": attributes(&body["metadata"]),
            "cpuPlatform": body["cpuPlatform"],
            "description": body["description"].as_str().unwrap_or_default(),
            "disks": disks(body),
            "guestAttributes": {},
            "hostname": hostname(key, body),
            "id": id,
            "image": image.unwrap_or_default(),
            "licenses": [],
            "machineType": format!(
                "projects/{number}/machineTypes/{}",
                last(body["machineType"].as_str().unwrap_or_default())
            ),
            "maintenanceEvent": "NONE",
            "name": key.name,
            "networkInterfaces": network_interfaces(body, number),
            "preempted": "FALSE",
            "remainingCpuTime": -1,
            "scheduling": scheduling(&body["scheduling"]),
            "serviceAccounts": service_accounts(body),
            "tags": strings(&body["tags"]["items"]).collect::<Vec<_>>(),
            "virtualClock": {"driftToken": "0"},
            "zone": format!("projects/{number}/zones/{zone}"),
        },
        "project": {
            "attributes": {},
            "numericProjectId": number,
            "projectId": key.project,
        },
        "universe": {"universeDomain": "googleapis.com"},
    })
}

fn attributes(metadata: &Value) -> Map<String, Value> {
    let items = metadata["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| Some((item["key"].as_str()?.to_owned(), item["value"].clone())))
        .collect()
}

fn hostname(key: &Key, body: &Value) -> String {
    let zone = key.zone().unwrap_or_default();
    let given = body["hostname"].as_str().map(str::to_owned);
    given.unwrap_or_else(|| format!("{}.{zone}.c.{}.internal", key.name, key.project))
}

fn disks(body: &Value) -> Vec<Value> {
    let disks = body["disks"].as_array().into_iter().flatten();
    disks
        .map(|disk| {
            json!({
                "deviceName": disk["deviceName"],
                "index": disk["index"],
                "interface": "SCSI",
                "mode": disk["mode"],
                "type": "PERSISTENT",
            })
        })
        .collect()
}

fn network_interfaces(body: &Value, number: u64) -> Vec<Value> {
    let interfaces = body["networkInterfaces"].as_array().into_iter().flatten();
    interfaces
        .map(|interface| {
            let outside = interface["accessConfigs"].as_array().into_iter().flatten();
            let access: Vec<_> = outside
                .map(|access| json!({"externalIp": access["natIP"], "type": access["type"]}))
                .collect();
            let network = last(interface["network"].as_str().unwrap_or_default());
            let [a, b, ..] = INTERNAL_ADDRESS.octets();
            json!({
                "accessConfigs": access,
                "dnsServers": [format!("{a}.{b}.10.3")],
                "forwardedIps": [],
                "gateway": format!("{a}.{b}.10.2"),
                "ip": INTERNAL_ADDRESS,
                "ipAliases": [],
                "mac": MAC_ADDRESS,
                "mtu": 1460,
                "network": format!("projects/{number}/networks/{network}"),
                "subnetmask": "255.255.0.0",
                "targetInstanceIps": [],
            })
        })
        .collect()
}

/// Booleans are TRUE and FALSE here.
fn scheduling(scheduling: &Value) -> Value {
    let boolean = |name: &str| {
        if scheduling[name] == true {
            "TRUE"
        } else {
            "FALSE"
        }
    };
    json!({
        "automaticRestart": boolean("automaticRestart"),
        "onHostMaintenance": scheduling["onHostMaintenance"],
        "preemptible": boolean("preemptible"),
    })
}

fn service_accounts(body: &Value) -> Map<String, Value> {
    let mut accounts = Map::new();
    if let Some(account) = body["serviceAccounts"].get(0) {
        let entry = json!({
            "aliases": ["default"],
            "email": account["email"],
            "scopes": account["scopes"],
        });
        accounts.insert(
            account["email"].as_str().unwrap_or_default().into(),
            entry.clone(),
        );
        accounts.insert("default".into(), entry);
    }
    accounts
}

//! New instances.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{instance_templates, machine_types, networks};
use super::request::{AttachedDisk, Instance, NetworkInterface, ServiceAccount};
use super::{metadata, tags_body};
use crate::api::body::{Body, typed};
use crate::api::compute::place::{Answer, Place, RequestId};
use crate::clock;
use crate::engine::addresses::{admitted, choose, strings};
use crate::engine::disks::{self, Disk};
use crate::engine::labels;
use crate::engine::records::{check_name, check_new, fingerprint, new_body};
use crate::engine::{Engine, external_address, source, work};
use crate::error::Error;
use crate::key::{Key, Kind, Scope};
use crate::store::{accounts, resources};
use crate::vm::INTERNAL_ADDRESS;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InsertQuery {
    source_instance_template: Option<String>,
}

pub async fn insert(
    State(engine): State<Arc<Engine>>,
    Path(place): Path<Place>,
    Query(request_id): Query<RequestId>,
    Query(query): Query<InsertQuery>,
    Body(request): Body<Map<String, Value>>,
) -> Answer {
    let name = request.get("name").and_then(Value::as_str);
    let key = place.new_key(Kind::Instance, name.unwrap_or_default())?;
    engine
        .mutate(&request_id.mutation("insert", &key), |tx| {
            let request = match &query.source_instance_template {
                None => request.into(),
                Some(template) => {
                    let (_, template) = instance_templates::find(tx, &key, template)?;
                    instance_templates::merge(&template, request)
                }
            };
            let made = write_down(tx, &key, typed(request)?)?;
            let (engine, key) = (Arc::clone(&engine), key.clone());
            work(async move { build(&engine, &key, &made).await })
        })
        .map(Json)
}

/// Writes down a new instance. Returns those of its disks that are still to be made.
pub fn write_down(tx: &Connection, key: &Key, request: Instance) -> Result<Vec<Key>, Error> {
    let place = Place {
        project: key.project.clone(),
        region: None,
        zone: key.zone().map(str::to_owned),
        name: None,
    };
    check(&request)?;
    check_new(tx, key)?;
    let (body, made) = create(tx, &place, key, request)?;
    resources::insert(tx, key, &body)?;
    Ok(made)
}

/// Makes the disks of an instance that is written down, and boots it. A failed one leaves nothing
/// behind.
pub async fn build(engine: &Arc<Engine>, key: &Key, disks: &[Key]) -> anyhow::Result<()> {
    let built = make(engine, key, disks).await;
    if built.is_err() {
        engine.remove_instance(key)?;
        disks.iter().try_for_each(|disk| engine.remove_disk(disk))?;
    }
    built
}

/// Refuses the properties of a template of which no instance could be made.
pub fn check_properties(properties: &Instance) -> Result<(), Error> {
    if properties.machine_type.is_none() {
        return Err(Error::required("resource.properties.machineType"));
    }
    check(properties)
}

async fn make(engine: &Arc<Engine>, key: &Key, disks: &[Key]) -> anyhow::Result<()> {
    for disk in disks {
        engine.make_disk(disk).await?;
    }
    engine.boot(key).await
}

fn check(request: &Instance) -> Result<(), Error> {
    labels::check(request.labels.as_ref())?;
    metadata::check(&request.metadata)?;
    request.scheduling.check()?;
    request
        .tags
        .items
        .iter()
        .try_for_each(|tag| check_name("resource.tags.items[]", tag))?;
    let boots = request.disks.iter().filter(|disk| disk.boot).count();
    if boots != 1 || !request.disks[0].boot {
        return Err(Error::invalid(
            "Invalid value for field 'resource.disks': ''. Exactly one disk must be the boot \
             disk, and it must be the first one.",
        ));
    }
    if request.deletion_protection {
        return Err(Error::field(
            "resource.deletionProtection",
            "true",
            "This engine does not protect instances against deletion.",
        ));
    }
    if request.network_interfaces.len() != 1
        || request.network_interfaces[0].access_configs.len() > 1
    {
        return Err(Error::invalid(
            "Invalid value for field 'resource.networkInterfaces': ''. This engine's instances \
             have one network interface, with at most one access config.",
        ));
    }
    if request.service_accounts.len() > 1 {
        return Err(Error::invalid(
            "At most one service account can be specified.",
        ));
    }
    Ok(())
}

/// The new instance, and those of its disks that are still to be made.
fn create(
    tx: &Connection,
    place: &Place,
    key: &Key,
    request: Instance,
) -> Result<(Value, Vec<Key>), Error> {
    let machine_type = request
        .machine_type
        .ok_or_else(|| Error::required("resource.machineType"))?;
    let machine_type = machine_types::find(place, &machine_type)?;
    let mut made = Vec::new();
    let mut disks: Vec<Value> = Vec::new();
    for (index, disk) in request.disks.into_iter().enumerate() {
        let new = disk.initialize_params.is_some();
        let body = attach(tx, key, disk, index)?;
        if disks
            .iter()
            .any(|other| other["deviceName"] == body["deviceName"])
        {
            let name = body["deviceName"].as_str().unwrap_or_default();
            return Err(Error::field(
                "resource.disks[].deviceName",
                name,
                "It is there twice.",
            ));
        }
        if new {
            made.extend(source(key, &body));
        }
        disks.push(body);
    }
    let tags: Vec<_> = request.tags.items.iter().map(String::as_str).collect();
    let interfaces: Result<Vec<_>, _> = request
        .network_interfaces
        .iter()
        .map(|interface| network_interface(tx, place, interface, &tags))
        .collect();
    let mut body = new_body(
        key,
        json!({
            "description": request.description,
            "hostname": request.hostname,
            "machineType": machine_types::machine_type_link(place, machine_type)?,
            "status": "PROVISIONING",
            "cpuPlatform": "QEMU",
            "minCpuPlatform": request.min_cpu_platform,
            "disks": disks,
            "networkInterfaces": interfaces?,
            "serviceAccounts": service_accounts(tx, place, request.service_accounts)?,
            "metadata": metadata::body(&request.metadata),
            "tags": tags_body(&request.tags),
            "scheduling": request.scheduling.body(),
            "shieldedInstanceConfig": request.shielded_instance_config,
            "confidentialInstanceConfig": request.confidential_instance_config,
            "displayDevice": request.display_device,
            "reservationAffinity": request.reservation_affinity,
            "canIpForward": request.can_ip_forward,
            "deletionProtection": false,
            "startRestricted": false,
            "keyRevocationActionType": request.key_revocation_action_type,
        }),
    );
    labels::set(&mut body, &request.labels.unwrap_or_default());
    body["fingerprint"] = fingerprint(&body).into();
    Ok((body, made))
}

/// Gives an instance a disk, which is written down if it is a new one.
pub fn attach(
    tx: &Connection,
    instance: &Key,
    attached: AttachedDisk,
    index: usize,
) -> Result<Value, Error> {
    for (field, value, only) in [
        ("mode", &attached.mode, "READ_WRITE"),
        ("type", &attached.disk_type, "PERSISTENT"),
    ] {
        if let Some(value) = value.as_deref().filter(|value| *value != only) {
            let why = format!("This engine's disks are {only}.");
            return Err(Error::field(
                &format!("resource.disks[{index}].{field}"),
                value,
                &why,
            ));
        }
    }
    let (key, disk) = match (attached.source, attached.initialize_params) {
        (Some(source), None) => {
            let key = instance.resolve(Kind::Disk, &source).ok_or_else(|| {
                let field = format!("resource.disks[{index}].source");
                Error::field(&field, &source, "The URL is malformed.")
            })?;
            if key.scope != instance.scope {
                let why = "The disk must be in the same zone as the instance.";
                return Err(Error::field(
                    &format!("resource.disks[{index}].source"),
                    &source,
                    why,
                ));
            }
            let disk = disks::free(tx, &key)?;
            if disk["status"] != "READY" {
                return Err(Error::not_ready(&key.path(), "it is not READY"));
            }
            resources::update(tx, &key, |disk| {
                disk["users"] = json!([instance.link()]);
                disk["lastAttachTimestamp"] = clock::now().into();
            })?;
            (key, disk)
        }
        (None, Some(params)) => {
            let name = params.disk_name.unwrap_or_else(|| match index {
                0 => instance.name.clone(),
                index => format!("{}-{index}", instance.name),
            });
            let key = instance.sibling(Kind::Disk, &name);
            let disk = Disk {
                name,
                description: params.description,
                size_gb: params.disk_size_gb.or(attached.disk_size_gb),
                disk_type: params.disk_type,
                source_image: params.source_image,
                source_snapshot: params.source_snapshot,
                disk_encryption_key: attached.disk_encryption_key.clone(),
                labels: params.labels,
                resource_policies: params.resource_policies,
                ..Disk::default()
            };
            let disk = disks::create(tx, &key, disk, Some(instance))?;
            (key, disk)
        }
        _ => {
            return Err(Error::invalid(format!(
                "Invalid value for field 'resource.disks[{index}]': ''. Exactly one of fields \
                 source and initializeParams must be specified."
            )));
        }
    };
    let device_name = attached
        .device_name
        .unwrap_or_else(|| format!("persistent-disk-{index}"));
    let mut body = json!({
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        "source": key.link(),
        "deviceName": device_name,
        "index": index,
        "boot": attached.boot,
        "autoDelete": attached.auto_delete,
        "interface": attached.interface.as_deref().unwrap_or("SCSI"),
        "diskSizeGb": disk["sizeGb"],
    });
    for field in ["guestOsFeatures", "architecture"] {
        if !disk[field].is_null() {
            body[field] = disk[field].clone();
        }
    }
    Ok(body)
}

fn network_interface(
    tx: &Connection,
    place: &Place,
    request: &NetworkInterface,
    tags: &[&str],
) -> Result<Value, Error> {
    let network = networks::find(place, request.network.as_deref())?;
    let subnetwork = networks::find_subnetwork(place, request.subnetwork.as_deref())?;
    let mut body = json!({
        "kind": "compute#networkInterface",
        "name": "nic0",
        "network": network,
        "subnetwork": subnetwork,
        "networkIP": INTERNAL_ADDRESS,
        "stackType": request.stack_type.as_deref().unwrap_or("IPV4_ONLY"),
    });
    if let Some(nic_type) = &request.nic_type {
        body["nicType"] = nic_type.as_str().into();
    }
    if let Some(access) = request.access_configs.first() {
        body["accessConfigs"] = json!([{
            "kind": "compute#accessConfig",
            "type": access.config_type.as_deref().unwrap_or("ONE_TO_ONE_NAT"),
            "name": access.name.as_deref().unwrap_or("External NAT"),
            "natIP": choose_address(tx, &network, tags)?,
            "networkTier": access.network_tier.as_deref().unwrap_or("PREMIUM"),
        }]);
    }
    body["fingerprint"] = fingerprint(&body).into();
    Ok(body)
}

/// An address on which the ports that the firewall admits now are free.
fn choose_address(tx: &Connection, network: &str, tags: &[&str]) -> Result<IpAddr, Error> {
    let mut others = Vec::new();
    for (key, instance) in resources::all(tx, Kind::Instance)? {
        if let Some(address) = external_address(&instance) {
            others.push((address, ports(tx, &key.project, &instance)?));
        }
    }
    let firewalls: Vec<_> = resources::all(tx, Kind::Firewall)?
        .into_iter()
        .map(|(_, firewall)| firewall)
        .collect();
    choose(&admitted(&firewalls, network, tags), &others).ok_or_else(|| {
        Error::conflict(
            "conflict",
            "no loopback address has all ports free that the firewall admits",
        )
    })
}

fn ports(tx: &Connection, project: &str, instance: &Value) -> Result<BTreeSet<u16>, Error> {
    let firewalls = resources::list(tx, project, &Scope::Global, Kind::Firewall)?;
    let tags: Vec<_> = strings(&instance["tags"]["items"]).collect();
    let network = instance["networkInterfaces"][0]["network"]
        .as_str()
        .unwrap_or_default();
    Ok(admitted(&firewalls, network, &tags))
}

/// The accounts by their emails, if there are such.
pub fn service_accounts(
    tx: &Connection,
    place: &Place,
    requested: Vec<ServiceAccount>,
) -> Result<Option<Value>, Error> {
    let mut found = Vec::new();
    for account in requested {
        let email = if account.email == "default" {
            place.project()?.default_service_account()
        } else {
            account.email
        };
        if accounts::get(tx, &email)?.is_none() {
            return Err(Error::missing(format!(
                "The resource '{email}' of type 'serviceAccount' was not found."
            )));
        }
        found.push(json!({"email": email, "scopes": account.scopes}));
    }
    Ok((!found.is_empty()).then(|| found.into()))
}

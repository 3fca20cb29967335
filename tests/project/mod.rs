//! The project of a test's engine, as its owner sees it, and who plays its VMs.

pub mod cast;

use gce::{Client, Credentials, Endpoints};
use world::World;

/// Past the proxy.
pub fn client(world: &World) -> (Client, String) {
    let endpoint = world::Endpoint::read(&world.engine_dir()).expect("an engine");
    let credentials = Credentials::token(endpoint.token);
    let client = Client::new(Endpoints::at(&endpoint.url), credentials, &endpoint.project);
    (client.unwrap(), endpoint.zone)
}

/// Shuts the way in: no port of a VM is forwarded, and what answers there is the test's gateway.
#[tokio::main]
pub async fn shut(world: &World, port: u16) {
    let rule = gce::FirewallRule {
        ip_protocol: Some("tcp".into()),
        ports: vec![port.to_string()],
    };
    let shut = gce::Firewall {
        name: Some(format!("clawbake-iap-{port}")),
        network: Some("global/networks/default".into()),
        disabled: Some(true),
        source_ranges: vec!["35.235.240.0/20".into()],
        allowed: vec![rule],
        ..gce::Firewall::default()
    };
    let made = client(world).0.firewalls().insert(&shut).await;
    made.unwrap().wait().await.unwrap();
}

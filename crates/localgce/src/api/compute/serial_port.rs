//! Serial output of instances.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::call::Call;
use crate::api::handler::now;
use crate::api::method::{self, Method};
use crate::engine::{Serial, records};
use crate::error::Error;
use crate::json::text;
use crate::key::Kind;

/// The method of serial output.
pub fn methods() -> Vec<Method> {
    vec![
        method::get(
            "compute.instances.getSerialPortOutput",
            "compute/v1/projects/{project}/zones/{zone}/instances/{instance}/serialPort",
        )
        .needs("compute.instances.getSerialPortOutput", now(output)),
    ]
}

#[derive(Deserialize)]
struct SerialQuery {
    port: Option<u8>,
    #[serde(default)]
    start: i64,
}

fn output(call: &Call) -> Result<Value, Error> {
    let query: SerialQuery = call.query()?;
    let key = call.key(Kind::Instance)?;
    let instance = call.engine.store.transaction(|tx| records::get(tx, &key))?;
    let serial = match query.port.unwrap_or(1) {
        1 => call.engine.serial(text(&instance, "id"), query.start)?,
        // The machines have one port; on Google the others say nothing either, unless written to.
        2..=4 => Serial {
            contents: String::new(),
            start: 0,
            next: 0,
        },
        port => {
            return Err(Error::field(
                "port",
                &port.to_string(),
                "Must be 1, 2, 3 or 4.",
            ));
        }
    };
    Ok(json!({
        "kind": "compute#serialPortOutput",
        "selfLink": format!("{}/serialPort", key.link()),
        "contents": serial.contents,
        "start": serial.start.to_string(),
        "next": serial.next.to_string(),
    }))
}

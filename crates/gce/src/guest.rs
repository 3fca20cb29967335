//! What processes in an instance say: on its serial port, and in guest attributes.

use reqwest::Method;

use crate::{
    Collection, Instance, Result,
    client::found,
    json::{int64, resource},
    transport::Call,
};

resource! {
    /// Attributes written by processes in the guest.
    GuestAttributes {
        query_value: Option<GuestAttributesValue>,
    }
}

resource! {
    /// The entries of a query path.
    GuestAttributesValue {
        items: Vec<GuestAttributesEntry>,
    }
}

resource! {
    /// One guest attribute.
    GuestAttributesEntry {
        value: Option<String>,
    }
}

resource! {
    /// A piece of a serial port's output.
    SerialPortOutput {
        contents: Option<String>,
        /// Where the next piece starts.
        #[serde(with = "int64")]
        next: Option<u64>,
    }
}

impl Collection<Instance> {
    /// `instances.getSerialPortOutput` of port 1, from byte `start`. Google keeps the last 1 MB.
    pub async fn serial_port_output(&self, name: &str, start: u64) -> Result<SerialPortOutput> {
        let what = format!("reading the serial port of instance {name}");
        let call = Call::new(Method::GET, self.url(&[name, "serialPort"])?, &what)
            .query("port", "1")
            .query("start", &start.to_string());
        self.client.send(call, &what).await
    }

    /// `instances.getGuestAttributes` under a path such as `clawbake/`. `None` if nothing has been
    /// written there yet or there is no such instance: Google answers 404 in both cases.
    pub async fn find_guest_attributes(
        &self,
        name: &str,
        path: &str,
    ) -> Result<Option<GuestAttributes>> {
        let what = format!("reading guest attributes of instance {name}");
        let call = Call::new(Method::GET, self.url(&[name, "getGuestAttributes"])?, &what)
            .query("queryPath", path);
        found(self.client.send(call, &what).await)
    }
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn words_from_the_guest_are_read() {
        let script = Script::play([
            Answer::status(404, ""),
            Answer::json(
                200,
                r#"{"kind":"compute#guestAttributes","queryPath":"clawbake/","queryValue":
                   {"items":[{"namespace":"clawbake","key":"phase","value":"ready"}]}}"#,
            ),
            Answer::json(200, r#"{"contents":"login:","start":"5","next":"11"}"#),
        ])
        .await;
        let instances = script.client().instances("z");
        assert_eq!(
            instances
                .find_guest_attributes("vm", "clawbake/")
                .await
                .unwrap(),
            None
        );
        let read = instances
            .find_guest_attributes("vm", "clawbake/")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            read.query_value.unwrap().items[0].value.as_deref(),
            Some("ready")
        );
        let serial = instances.serial_port_output("vm", 5).await.unwrap();
        assert_eq!(serial.next, Some(11));
        let requests = script.requests();
        assert_eq!(requests[0].query("queryPath").as_deref(), Some("clawbake/"));
        assert_eq!(
            requests[2].target,
            "/compute/v1/projects/p/zones/z/instances/vm/serialPort?port=1&start=5"
        );
    }
}

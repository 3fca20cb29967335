use std::fmt;

use gce::{GuestAttributes, Instance, Instances};
use serde::de::DeserializeOwned;

use super::Nonce;

/// Guest attribute with the last report; `clawbake-phase` writes it.
const ATTRIBUTE: &str = "clawbake/phase";

/// What a VM says of its own progress.
pub(crate) trait Report: DeserializeOwned {
    /// How far it is.
    type Phase: fmt::Display + PartialEq;

    /// The start that the report belongs to.
    fn nonce(&self) -> &str;

    /// How far the VM is.
    fn phase(&self) -> Self::Phase;
}

/// The VM's last report since its last start.
pub(crate) async fn report<R: Report>(
    instances: &Instances,
    instance: &Instance,
) -> gce::Result<Option<R>> {
    let name = instance.name.as_deref().unwrap_or_default();
    let attributes = instances.find_guest_attributes(name, ATTRIBUTE).await?;
    Ok(attributes.and_then(|attributes| read(attributes, &Nonce::of(instance))))
}

/// Any process in the VM can write the attribute: what is no report of this start is none.
fn read<R: Report>(attributes: GuestAttributes, nonce: &Nonce) -> Option<R> {
    let entry = attributes.query_value?.items.into_iter().next()?;
    let report: R = serde_json::from_str(&entry.value?).ok()?;
    nonce.is(report.nonce()).then_some(report)
}

#[cfg(test)]
mod tests {
    use gce::{GuestAttributesEntry, GuestAttributesValue};

    use super::super::word::Word;
    use super::*;

    fn phase(value: &str, nonce: &str) -> Option<String> {
        let entry = GuestAttributesEntry {
            value: Some(value.into()),
        };
        let attributes = GuestAttributes {
            query_value: Some(GuestAttributesValue { items: vec![entry] }),
        };
        read::<Word>(attributes, &nonce.into()).map(|report| report.phase())
    }

    #[test]
    fn only_a_report_of_this_start_counts() {
        let report = r#"{"nonce":"n","phase":"ready","at":"now"}"#;
        assert_eq!(phase(report, "n").as_deref(), Some("ready"));
        assert_eq!(phase(report, "of-the-next-start"), None);
        assert_eq!(phase(report, ""), None);
        assert_eq!(phase("ready", "n"), None);
        assert_eq!(read::<Word>(GuestAttributes::default(), &"n".into()), None);
    }
}

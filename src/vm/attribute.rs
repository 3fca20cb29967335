use gce::{GuestAttributes, Instance, Instances};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Nonce;

/// What a VM says in one of its guest attributes, since its last start.
pub(crate) async fn attribute<T: DeserializeOwned>(
    instances: &Instances,
    instance: &Instance,
    key: &str,
) -> gce::Result<Option<T>> {
    let name = instance.name.as_deref().unwrap_or_default();
    let attributes = instances.find_guest_attributes(name, key).await?;
    Ok(attributes.and_then(|attributes| read(attributes, &Nonce::of(instance))))
}

/// Any process in the VM can write the attribute: what is not signed with this start's nonce, or reads
/// as something else, has not been said.
fn read<T: DeserializeOwned>(attributes: GuestAttributes, nonce: &Nonce) -> Option<T> {
    let entry = attributes.query_value?.items.into_iter().next()?;
    let said: Value = serde_json::from_str(&entry.value?).ok()?;
    let signed = nonce.is(said.get("nonce")?.as_str()?);
    signed.then(|| serde_json::from_value(said).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use gce::{GuestAttributesEntry, GuestAttributesValue};

    use super::super::word::Word;
    use super::super::{Counts, Report as _};
    use super::*;

    fn said<T: DeserializeOwned>(value: &str, nonce: &str) -> Option<T> {
        let entry = GuestAttributesEntry {
            value: Some(value.into()),
        };
        let attributes = GuestAttributes {
            query_value: Some(GuestAttributesValue { items: vec![entry] }),
        };
        read(attributes, &nonce.into())
    }

    fn phase(value: &str, nonce: &str) -> Option<String> {
        said::<Word>(value, nonce).map(|report| report.phase())
    }

    #[test]
    fn only_a_report_of_this_start_counts() {
        let report = r#"{"nonce":"n","phase":"ready","at":"now"}"#;
        assert_eq!(phase(report, "n").as_deref(), Some("ready"));
        assert_eq!(phase(report, "of-the-next-start"), None);
        assert_eq!(phase(report, ""), None);
        assert_eq!(phase("ready", "n"), None);
        assert_eq!(phase(r#"{"phase":"ready"}"#, ""), None);
        assert_eq!(read::<Word>(GuestAttributes::default(), &"n".into()), None);
    }

    #[test]
    fn counts_that_no_label_carries_have_not_been_said() {
        #[derive(serde::Deserialize)]
        struct Counted {
            counts: Counts,
        }
        let counts = |text: &str| {
            let value = format!(r#"{{"nonce":"n","counts":{text}}}"#);
            said::<Counted>(&value, "n").map(|it| it.counts.label())
        };
        assert_eq!(
            counts(r#"{"sessions":4,"cron":1}"#).as_deref(),
            Some("cron-1_sessions-4")
        );
        for odd in [r#"{"a-b":1}"#, r#"{"a":-1}"#, r#"{"a":1.5}"#, "[]"] {
            assert_eq!(counts(odd), None, "{odd}");
        }
    }
}

//! How Google writes JSON: camelCase, absent rather than null, int64 as a string.

use std::collections::BTreeMap;

/// Declares a Google resource: all fields are optional, and omitted when empty.
///
/// Only the fields that clawbake reads or sends are declared, plus etags and fingerprints that have
/// to be sent back and what `images --json` prints. Other fields are ignored.
macro_rules! resource {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[allow(missing_docs, reason = "the fields are Google's, and documented there")]
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(skip_serializing_if = "crate::json::Empty::is_empty")]
                pub $field: $type,
            )*
        }
    };
}
pub(crate) use resource;

/// Values that [`resource!`] omits when serializing.
pub(crate) trait Empty {
    fn is_empty(&self) -> bool;
}

impl<T> Empty for Option<T> {
    fn is_empty(&self) -> bool {
        self.is_none()
    }
}

impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Empty for BTreeMap<K, V> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// int64 and uint64 travel as decimal strings: `#[serde(with = "json::int64")]`.
pub(crate) mod int64 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[allow(clippy::ref_option, reason = "the signature that serde calls")]
    pub fn serialize<S: Serializer>(value: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(number) => to.collect_str(number),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|digits| {
                digits
                    .parse()
                    .map_err(|_| D::Error::custom(format!("{digits:?} is not a uint64")))
            })
            .transpose()
    }
}

/// The last segment of a resource's URL: its name.
pub(crate) fn last_segment(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use crate::Disk;

    #[test]
    fn empty_fields_are_absent_and_int64_is_a_string() {
        let disk = Disk {
            name: Some("state".into()),
            size_gb: Some(10),
            ..Disk::default()
        };
        let text = serde_json::to_string(&disk).unwrap();
        assert_eq!(text, r#"{"name":"state","sizeGb":"10"}"#);
        assert_eq!(serde_json::from_str::<Disk>(&text).unwrap(), disk);
    }

    #[test]
    fn an_int64_sent_as_a_number_is_refused() {
        assert!(serde_json::from_str::<Disk>(r#"{"sizeGb": 10}"#).is_err());
    }
}

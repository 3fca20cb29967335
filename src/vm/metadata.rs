use std::fmt;

use gce::{Instance, MetadataItem};

/// A random word in an instance's metadata, new for every start. The VM puts it into its reports, so
/// that those of an earlier start do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nonce(String);

impl Nonce {
    /// Metadata key; `clawbake-phase` and `clawbake-disk` read it.
    pub(crate) const KEY: &str = "clawbake-nonce";

    /// A new one.
    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    /// The nonce of the instance's last start. A VM that has none in its metadata reports an empty one.
    pub(crate) fn of(instance: &Instance) -> Self {
        let mut items = instance.metadata.iter().flat_map(|it| &it.items);
        let item = items.find(|item| item.key.as_deref() == Some(Self::KEY));
        Self(item.and_then(|item| item.value.clone()).unwrap_or_default())
    }

    /// What tells the VM.
    pub(crate) fn item(&self) -> MetadataItem {
        item(Self::KEY, &*self.0)
    }

    /// Whether a report that carries `word` is signed with it.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.0 == word
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A metadata item.
pub(crate) fn item(key: &str, value: impl Into<String>) -> MetadataItem {
    MetadataItem {
        key: Some(key.into()),
        value: Some(value.into()),
    }
}

#[cfg(test)]
impl From<&str> for Nonce {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

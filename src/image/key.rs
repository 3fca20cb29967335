//! Content keys: the digest of all inputs of a stage.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Collects the named inputs of a stage. Different lists of inputs give different digests.
#[derive(Clone, Default)]
pub struct Key(Sha256);

impl Key {
    /// A key of a stage; bump `version` when the code that makes the stage changes its meaning.
    #[must_use]
    pub fn new(stage: &str, version: u32) -> Self {
        Self::default()
            .with("stage", stage)
            .with("version", &version.to_string())
    }

    /// Adds one input.
    #[must_use]
    pub fn with(mut self, name: &str, content: &str) -> Self {
        for part in [name, content] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part.as_bytes());
        }
        self
    }

    /// Adds several inputs, in order.
    #[must_use]
    pub fn with_all<'a>(self, inputs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        inputs
            .into_iter()
            .fold(self, |key, (name, content)| key.with(name, content))
    }

    /// 16 hex digits: enough to tell the entries of a cache apart.
    #[must_use]
    pub fn short(&self) -> String {
        let mut hex = hex(&self.0.clone().finalize());
        hex.truncate(16);
        hex
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn inputs_do_not_run_into_each_other() {
        let one = Key::new("root", 1).with("a", "bc").short();
        let other = Key::new("root", 1).with("ab", "c").short();
        assert_ne!(one, other);
        assert_ne!(one, Key::new("root", 2).with("a", "bc").short());
        assert_eq!(one, Key::new("root", 1).with("a", "bc").short());
    }
}

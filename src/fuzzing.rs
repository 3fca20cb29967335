//! What the fuzzers in `fuzz/` reach. None of it returns anything: it must come back, soon, and without
//! a panic.

use std::path::Path;

use crate::deployment::Deployment;
use crate::lock::Lock;
use crate::recipe::{Base, Files, Recipe};
use crate::userdata;

/// Reads a deployment, whose paths lead nowhere.
pub fn deployment(text: &str) {
    Deployment::parse("clawbake.yaml", text, Path::new("/nowhere")).ok();
}

/// Reads a recipe without any other file.
pub fn recipe(text: &str) {
    Recipe::parse("recipe.yaml", text, Files::Shipped(&[])).ok();
}

/// Reads a lock; what it accepts must be read back from what it writes.
///
/// # Panics
/// If it is not.
pub fn lock(text: &str) {
    if let Ok(lock) = Lock::parse("clawbake.lock", text) {
        assert_eq!(Lock::parse("clawbake.lock", &lock.text()), Ok(lock));
    }
}

/// Judges user-data for both of Debian's releases.
pub fn user_data(text: &str) {
    for base in [Base::Debian13, Base::Debian12] {
        drop(userdata::validate("user-data", text, base));
    }
}

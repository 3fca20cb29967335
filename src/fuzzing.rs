//! What the fuzzers in `fuzz/` reach. None of it returns anything: it must come back, soon, and without
//! a panic.

use std::path::Path;

use crate::deployment::Deployment;
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

/// Judges user-data for both of Debian's releases.
pub fn user_data(text: &str) {
    for base in [Base::Debian13, Base::Debian12] {
        drop(userdata::validate("user-data", text, base));
    }
}

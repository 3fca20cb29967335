use std::ops::Deref;

use super::{Exact, Recipe};

impl Exact {
    /// The gateway's container image: `clawbake/<recipe>:<version>`.
    #[must_use]
    pub fn container_image(&self) -> String {
        format!("clawbake/{}:{}", self.name, self.version)
    }
}

impl Deref for Exact {
    type Target = Recipe;

    fn deref(&self) -> &Recipe {
        &self.recipe
    }
}

#[cfg(test)]
impl Exact {
    /// A shipped recipe with the release that it names.
    pub(crate) fn shipped(name: &str) -> Self {
        let recipe = Recipe::shipped(name).unwrap().unwrap();
        Self {
            version: recipe.gateway.release.version.unwrap(),
            schema: None,
            recipe,
        }
    }
}

use super::Files;

type Table = &'static [(&'static str, &'static str)];

macro_rules! recipe {
    ($name:literal, $($file:literal),+) => {
        (
            $name,
            &[$((
                $file,
                include_str!(concat!("../../recipes/", $name, "/", $file)),
            )),+],
        )
    };
}

/// The recipes that are built into this program, so that the binary is enough.
const RECIPES: &[(&str, Table)] = &[
    recipe!("clawdbot", "recipe.yaml", "state/counts.mjs"),
    recipe!(
        "openclaw",
        "recipe.yaml",
        "plugins.mjs",
        "state/counts.mjs",
        "state/databases.mjs",
        "state/lease.mjs",
        "state/preflight.mjs"
    ),
];

/// Names of the shipped recipes.
#[must_use]
pub fn names() -> Vec<&'static str> {
    RECIPES.iter().map(|(name, _)| *name).collect()
}

/// The files of a shipped recipe.
pub(super) fn files(name: &str) -> Option<Files> {
    let (_, files) = RECIPES.iter().find(|(shipped, _)| *shipped == name)?;
    Some(Files::Shipped(files))
}

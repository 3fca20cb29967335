use super::Files;

type Table = &'static [(&'static str, &'static str)];

/// The recipes that are built into this program, so that the binary is enough.
const RECIPES: &[(&str, Table)] = &[
    (
        "clawdbot",
        &[(
            "recipe.yaml",
            include_str!("../../recipes/clawdbot/recipe.yaml"),
        )],
    ),
    (
        "openclaw",
        &[(
            "recipe.yaml",
            include_str!("../../recipes/openclaw/recipe.yaml"),
        )],
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

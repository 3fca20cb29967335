//! The image of a release, as a bake names and labels it. What is planned with is in the environment (npm's
//! registry), so a test's program calls itself for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use clawbake::image::Plan;
use clawbake::recipe::Recipe;
use serde_json::{Value, json};
use world::{Ran, Registry};

const PLANNER: &str = "(helper) says the plan of a recipe";
const PLANNED: &str = "CLAWBAKE_TEST_PLAN";

/// An image that nobody has made yet.
pub struct Planned {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

/// Plans a version of a recipe's gateway. The program has a test `says_the_plan` that calls [`say`].
pub fn plan(registry: &Registry, recipe: &Path, version: &str) -> Planned {
    let (variable, url) = registry.variable();
    let mut planner = Command::new(std::env::current_exe().unwrap());
    planner
        .args(["--exact", "says_the_plan", "--ignored", "--nocapture"])
        .env(variable, url)
        .env(PLANNED, format!("{version} {}", recipe.display()));
    let ran = Ran::from(planner.output().unwrap()).expect(0);
    let mut lines = ran.stdout.lines();
    let line = lines.find_map(|line| line.strip_prefix(PLANNER));
    let mut plan: Value = serde_json::from_str(line.expect("a plan")).unwrap();
    Planned {
        name: plan["name"].as_str().unwrap().to_owned(),
        labels: serde_json::from_value(plan["labels"].take()).unwrap(),
    }
}

/// Says a plan, when it is asked to.
#[tokio::main]
pub async fn say() {
    let Ok(asked) = std::env::var(PLANNED) else {
        return;
    };
    let (version, recipe) = asked.split_once(' ').unwrap();
    let recipe = Recipe::load(Path::new(recipe)).unwrap();
    let version = version.parse().unwrap();
    let plan = Plan::resolve(&recipe, version, None).await.unwrap();
    let mut labels = plan.lock.labels();
    labels.insert("clawbake-recipe".into(), recipe.name.to_string());
    labels.insert("clawbake-content".into(), plan.content());
    let plan = json!({"name": plan.name, "labels": labels});
    println!("\n{PLANNER}{plan}");
}

//! What has to hold at every moment of a verb, whatever goes wrong: the state is somewhere, and of the
//! VMs that have it or a copy of it, one at most speaks to the world.

use std::sync::{Arc, Mutex};

use crate::api::{Api, Inventory};
use crate::content::{Contents, STATE};

/// Looks at the project whenever the verb is about to change something.
#[derive(Clone)]
pub struct Guard {
    api: Arc<Api>,
    contents: Arc<Contents>,
    /// The deployment.
    name: &'static str,
    found: Arc<Mutex<Vec<String>>>,
}

impl Guard {
    pub fn of(api: Arc<Api>, contents: Arc<Contents>, name: &'static str) -> Self {
        Self {
            api,
            contents,
            name,
            found: Arc::default(),
        }
    }

    /// Looks once. It is called by the proxy, which must not wait for itself.
    pub fn look(&self) {
        let wrong = std::thread::scope(|scope| {
            let looks =
                scope.spawn(|| wrong(&self.api.vms_and_copies(), &self.contents, self.name));
            looks.join().expect("a look")
        });
        self.found.lock().unwrap().extend(wrong);
    }

    /// What was wrong since the last time, once.
    pub fn found(&self) -> Vec<String> {
        let mut found = std::mem::take(&mut *self.found.lock().unwrap());
        found.sort();
        found.dedup();
        found
    }
}

fn wrong(there: &Inventory, contents: &Contents, name: &str) -> Vec<String> {
    let state_disk = format!("{name}-state");
    let of = |kind: &str| {
        let kind = format!("/{kind}/");
        let all = there.iter();
        all.filter(move |(path, _)| path.contains(&kind))
    };
    let mut wrong = Vec::new();
    let kept = of("disks")
        .filter(|(_, disk)| disk["name"] == *state_disk)
        .any(|(_, disk)| contents.read("disks", disk) == STATE);
    let saved = of("snapshots")
        .filter(|(_, it)| it["labels"]["clawbake-deployment"] == name)
        .any(|(_, snapshot)| contents.read("snapshots", snapshot) == STATE);
    if !kept && !saved {
        wrong.push("the state is nowhere".into());
    }
    let holds_state = |url: &str| {
        let name = url.rsplit('/').next().unwrap_or_default();
        let mut disks = of("disks");
        let disk = disks.find(|(_, disk)| disk["name"] == name);
        disk.is_some_and(|(_, disk)| contents.read("disks", disk) == STATE)
    };
    let speak = of("instances").filter(|(_, vm)| {
        let items = vm["metadata"]["items"].as_array().into_iter().flatten();
        let clone = items
            .filter_map(|item| item["value"].as_str())
            .any(|value| value.contains(r#"clone\": true"#));
        let disks = vm["disks"].as_array().into_iter().flatten();
        let mut sources = disks.filter_map(|disk| disk["source"].as_str());
        vm["status"] != "TERMINATED" && !clone && sources.any(holds_state)
    });
    let names: Vec<_> = speak.map(|(_, vm)| vm["name"].to_string()).collect();
    if names.len() > 1 {
        wrong.push(format!("{} speak for one state", names.join(" and ")));
    }
    wrong
}

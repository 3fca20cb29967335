//! What there is to say against a run with a fault.

use serde_json::Value;
use world::Ran;

use crate::api::Inventory;
use crate::foreign;
use crate::point::{Kind, Point};
use crate::scene::{FAMILY, NAME, Scene};
use crate::verb::Verb;

/// What was found at one point.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Left over, gone or touched, and not to be.
    pub leaks: Vec<String>,
    /// Untrue words and exit codes.
    pub lies: Vec<String>,
}

/// A run, and what was there before and after it.
struct Run<'a> {
    scene: &'a Scene,
    point: &'a Point,
    ran: Ran,
    before: Inventory,
}

/// One run with one fault, its clean-up, and what is there afterwards. `None` if the call did not come.
pub fn at(scene: &Scene, point: &Point) -> Option<Verdict> {
    let before = scene.prepare();
    let ran = scene.run_with(point)?;
    let run = Run {
        scene,
        point,
        ran,
        before,
    };
    let mut verdict = Verdict {
        lies: run.lies(&scene.api.inventory()),
        ..Verdict::default()
    };
    let mut redo = |what: &str, ran: &Ran| {
        if !ran.success() {
            verdict.lies.push(format!("{what}: {}", ran.stderr));
        }
    };
    redo("clean", &scene.clean());
    if scene.verb.deletes() && !run.done() {
        redo("once more", &scene.again());
    }
    verdict.leaks = run.leaks(&scene.api.inventory());
    if scene.journals() > 0 {
        verdict.leaks.push("a journal is left over".into());
    }
    for found in verdict.leaks.iter_mut().chain(&mut verdict.lies) {
        *found = format!("{found}\n{}", run.ran.stderr);
    }
    Some(verdict)
}

impl Run<'_> {
    /// Whether it came to its own end, in spite of the fault.
    fn done(&self) -> bool {
        let verb = self.scene.verb;
        self.ran.code == Some(verb.code()) && !verb.is_refused()
    }

    fn image(&self) -> String {
        self.scene.path(&self.scene.image)
    }

    fn vm(&self) -> String {
        format!("{}/{NAME}", self.scene.api.zonal("instances"))
    }

    fn disk(&self, suffix: &str) -> String {
        format!("{}/{NAME}{suffix}", self.scene.api.zonal("disks"))
    }

    /// What the verb's end creates.
    fn made(&self) -> Vec<String> {
        match self.scene.verb {
            Verb::Bake | Verb::FirstBake => vec![self.image()],
            Verb::Launch | Verb::Import => vec![self.vm(), self.disk(""), self.disk("-state")],
            Verb::Relaunch => vec![self.vm(), self.disk("")],
            _ => Vec::new(),
        }
    }

    /// What it deletes.
    fn deleted(&self) -> Vec<String> {
        match self.scene.verb {
            Verb::Delete => vec![self.vm(), self.disk("")],
            Verb::DeleteState => vec![self.vm(), self.disk(""), self.disk("-state")],
            Verb::Prune => ["clawdbot-gateway-old", "clawdbot-gateway-failed"]
                .map(|name| self.scene.path(name))
                .into(),
            Verb::TemplatePrune => foreign::OLD_TEMPLATES
                .map(|name| format!("{}/{name}", self.scene.api.global("instanceTemplates")))
                .into(),
            _ => Vec::new(),
        }
    }

    /// What it may change on its way.
    fn changes(&self, path: &str) -> bool {
        match self.scene.verb {
            Verb::BootTest => path == self.image(),
            Verb::Promote => {
                path == self.image() || path == self.scene.path("clawdbot-gateway-before")
            }
            // It is attached and detached, and changes its schedule.
            Verb::Delete | Verb::Relaunch => path == self.disk("-state"),
            _ => false,
        }
    }

    /// What is left over, gone or changed at the very end.
    fn leaks(&self, last: &Inventory) -> Vec<String> {
        let (done, verb) = (self.done(), self.scene.verb);
        let mut leaks = Vec::new();
        let made = if done { self.made() } else { Vec::new() };
        let deleted = self.deleted();
        for (path, item) in last {
            if !self.before.contains_key(path) && !made.contains(path) && !stays(item) {
                leaks.push(format!("{path} is left over"));
            }
        }
        for (path, was) in &self.before {
            match last.get(path) {
                // Half of the old images may be there when it is cut short.
                None if !deleted.contains(path) => leaks.push(format!("{path} is gone")),
                Some(_) if deleted.contains(path) && (done || verb.deletes()) => {
                    leaks.push(format!("{path} is still there"));
                }
                Some(is) if is != was && !self.changes(path) => {
                    leaks.push(format!("{path} was changed"));
                }
                _ => {}
            }
        }
        leaks.extend(
            made.iter()
                .filter(|path| !last.contains_key(*path))
                .map(|path| format!("{path} is not there")),
        );
        let image = last.get(&self.image()).unwrap_or(&Value::Null);
        leaks.extend(self.judge(image));
        leaks
    }

    /// Whether an image is where its boot test has put it, whatever became of the run.
    fn judge(&self, image: &Value) -> Option<String> {
        let (family, label) = (&image["family"], &image["labels"]["clawbake-boot-test"]);
        let fits = match self.scene.verb {
            Verb::Promote if self.done() => *family == FAMILY && *label == "passed",
            Verb::Promote => *label == "passed" || family.is_null() && label.is_null(),
            Verb::BootTest => family.is_null() && (label.is_null() || *label == "failed"),
            _ => true,
        };
        (!fits).then(|| format!("the image is in the family {family}, its boot test {label}"))
    }

    /// What the verb's exit code and words claim and is not so, right after it.
    fn lies(&self, after: &Inventory) -> Vec<String> {
        let mut lies = Vec::new();
        let interrupted = matches!(self.point.kind, Kind::Interrupt(_));
        let code = self.ran.code;
        match code {
            None if matches!(self.point.kind, Kind::Kill(_)) => return lies,
            None => lies.push("it was killed".into()),
            Some(_) if self.done() => lies.extend(self.broken(after)),
            Some(0) => lies.push("it claims to be done".into()),
            // The stranger may have been met before the signal.
            Some(code) if code == self.scene.verb.code() => lies.extend(self.unnamed()),
            Some(code) if interrupted != (code == 130) || code == 5 => {
                lies.push(format!("exit {code}"));
            }
            Some(_) => {}
        }
        if code != Some(0) && !self.ran.stderr.contains("error: ") {
            lies.push(format!("exit {code:?} without a word"));
        }
        let made = if self.done() { self.made() } else { Vec::new() };
        let left = after.iter().any(|(path, item)| {
            !self.before.contains_key(path) && !made.contains(path) && !stays(item)
        });
        if left && !self.ran.stderr.contains("not cleaned up") {
            lies.push("what is left over is not named".into());
        }
        for line in self.ran.stderr.lines() {
            let ends = line.contains(" deleted (") || line.ends_with(": removed");
            if let Some((_, gone)) = line.split_once("instance ").filter(|_| ends)
                && gone.starts_with(NAME)
                && after.contains_key(&self.vm())
            {
                lies.push(format!("\"{line}\", and it is there"));
            }
        }
        lies
    }

    /// Whether clawbake's own refusal, which is exit 1 and never a fault's, names what is in its way.
    fn unnamed(&self) -> Option<String> {
        let taken = match self.scene.verb {
            Verb::BakeTaken => self.scene.image.clone(),
            Verb::StateTaken => format!("{NAME}-state"),
            Verb::DeleteTaken => NAME.to_owned(),
            _ => return None,
        };
        let error = self.ran.stderr.split("error: ").nth(1).unwrap_or_default();
        (!error.contains(&taken)).then(|| format!("it does not name {taken}"))
    }

    /// What a run that is done has promised and not kept.
    fn broken(&self, after: &Inventory) -> Vec<String> {
        let field = |path: &str, field: &str| after.get(path).map(|it| it[field].clone());
        let mut broken = Vec::new();
        let mut promise = |kept: bool, what: &str| {
            if !kept {
                broken.push(what.to_owned());
            }
        };
        match self.scene.verb {
            Verb::Bake | Verb::FirstBake | Verb::Promote => {
                let image = self.scene.path(self.ran.stdout.trim());
                promise(image == self.image(), "it names another image");
                promise(
                    field(&image, "status") == Some("READY".into()),
                    "it is not READY",
                );
            }
            Verb::BootTest => {
                let labels = field(&self.image(), "labels").unwrap_or_default();
                let told = self.ran.stderr.contains("its label could not be set");
                let failed = labels["clawbake-boot-test"] == "failed";
                promise(failed || told, "its label does not say that it failed");
                let why = self.ran.stderr.contains("played by a test");
                promise(why, "it does not say why it failed");
            }
            Verb::Launch | Verb::Relaunch | Verb::Import => {
                promise(
                    field(&self.vm(), "status") == Some("RUNNING".into()),
                    "it is not RUNNING",
                );
                let policies = field(&self.disk("-state"), "resourcePolicies").unwrap_or_default();
                let names: Vec<_> = policies.as_array().into_iter().flatten().collect();
                let daily = names.len() == 1
                    && names[0]
                        .as_str()
                        .is_some_and(|name| name.ends_with("/clawbake-daily-04h-keep-14d"));
                promise(daily, "its state does not follow the deployment's schedule");
            }
            _ => {}
        }
        for path in self.deleted() {
            promise(!after.contains_key(&path), &format!("{path} is there"));
        }
        broken
    }
}

/// Whether it is a template of the deployment: its content is in its name, and whoever needs the same
/// content next takes it.
fn stays(item: &Value) -> bool {
    item["properties"]["labels"]["clawbake-deployment"] == NAME
}

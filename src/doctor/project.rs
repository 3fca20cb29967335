//! Judges what was seen of a Google project.

use super::look::Seen;
use super::{Finding, quota};
use crate::setup::{self, Step, permissions};

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let project = &seen.desired.project;
    if !seen.observed.project {
        return vec![Finding::problem(
            "project",
            format!("{project} does not exist, or is not yours"),
            "clawbake setup --project-create --billing-account ACCOUNT",
        )];
    }
    let mut findings = vec![Finding::ok("project", project)];
    findings.extend(billing(seen));
    findings.extend(prepared(seen));
    findings.extend(disabled_accounts(seen));
    if let Some(granted) = &seen.granted {
        findings.extend(permissions(seen, granted));
    }
    if seen.serves("secretmanager") {
        findings.extend(secrets(seen));
    }
    if let Some((quotas, needs)) = &seen.quotas {
        findings.extend(quota::judge(quotas, *needs, &seen.desired.region));
        findings.push(image(seen));
        findings.push(egress(seen));
    }
    findings
}

fn billing(seen: &Seen) -> Option<Finding> {
    if let Some(account) = &seen.observed.billing {
        return Some(Finding::ok("billing", account));
    }
    let project = &seen.desired.project;
    seen.serves("cloudbilling").then(|| {
        Finding::problem(
            "billing",
            format!("no open billing account pays for {project}"),
            format!("gcloud billing projects link {project} --billing-account=ACCOUNT"),
        )
    })
}

/// What is missing is what `clawbake setup` would do, and its command is the remedy. What is behind an
/// API that cannot be called is unknown.
fn prepared(seen: &Seen) -> Vec<Finding> {
    let plan = setup::plan(&seen.desired, &seen.observed);
    let known = |step: &&Step| {
        step.service()
            .is_none_or(|service| seen.serves(service.trim_end_matches(".googleapis.com")))
    };
    let to_do: Vec<_> = plan.steps.iter().filter(known).collect();
    if to_do.is_empty() {
        return vec![Finding::ok(
            "setup",
            "APIs, accounts, roles, firewall, bucket",
        )];
    }
    let finding = |step: &Step| {
        Finding::problem(
            "setup",
            format!("to do: {step}"),
            format!("clawbake setup, or: {}", step.gcloud(&seen.desired.project)),
        )
    };
    to_do.into_iter().map(finding).collect()
}

fn disabled_accounts(seen: &Seen) -> Vec<Finding> {
    let disabled = seen.observed.accounts.iter().filter(|(_, off)| **off);
    disabled
        .map(|(email, _)| {
            Finding::problem(
                "account",
                format!("{email} is disabled"),
                format!(
                    "gcloud iam service-accounts enable {email} --project={}",
                    seen.desired.project
                ),
            )
        })
        .collect()
}

fn permissions(seen: &Seen, granted: &[String]) -> Vec<Finding> {
    let needed =
        |permission: &str| seen.external_ip || permission != "compute.subnetworks.useExternalIp";
    let lacking = permissions::VERBS.iter().filter_map(|(verbs, all)| {
        let missing: Vec<_> = all
            .iter()
            .filter(|name| needed(name) && !granted.iter().any(|held| held == **name))
            .copied()
            .collect();
        (!missing.is_empty()).then(|| {
            Finding::problem(
                "permissions",
                format!("{verbs} needs {}, which the caller lacks", missing.join(", ")),
                format!(
                    "act as the deployer, `credentials: {{impersonate: {}}}`, or: gcloud projects add-iam-policy-binding {} --member=user:YOU --role={} --condition=None",
                    seen.desired.deployer,
                    seen.desired.project,
                    seen.desired.role()
                ),
            )
        })
    });
    let lacking: Vec<_> = lacking.collect();
    if lacking.is_empty() {
        return vec![Finding::ok(
            "permissions",
            "enough for every verb but setup and secrets",
        )];
    }
    lacking
}

fn secrets(seen: &Seen) -> Vec<Finding> {
    let judge = |(name, wanted): (&String, &String)| {
        let Some(versions) = seen.versions.get(name) else {
            return Finding::problem(
                "secret",
                format!("{name} does not exist"),
                format!("clawbake secrets generate {name}, or: clawbake secrets set {name} <FILE"),
            );
        };
        let number = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
        let version = if wanted == "latest" {
            versions.first()
        } else {
            versions
                .iter()
                .find(|version| version.name.as_deref().map(number).as_ref() == Some(wanted))
        };
        let state = version.and_then(|version| version.state.as_deref());
        let own = version
            .and_then(|version| version.name.as_deref())
            .map(number);
        match (state, own) {
            (Some("ENABLED"), Some(own)) => Finding::ok("secret", format!("{name} version {own}")),
            (Some("DISABLED"), Some(own)) => Finding::problem(
                "secret",
                format!("version {own} of {name} is disabled"),
                format!(
                    "gcloud secrets versions enable {own} --secret={name} --project={}",
                    seen.desired.project
                ),
            ),
            _ => Finding::problem(
                "secret",
                format!("{name} has no version {wanted} that can be read"),
                format!("clawbake secrets generate {name}, or: clawbake secrets set {name} <FILE"),
            ),
        }
    };
    seen.wanted.iter().map(judge).collect()
}

fn image(seen: &Seen) -> Finding {
    match &seen.image {
        Some(name) => Finding::ok("image", name),
        None => Finding::warning(
            "image",
            format!("family {} has no image yet", seen.family),
            "clawbake bake",
        ),
    }
}

fn egress(seen: &Seen) -> Finding {
    let (project, region, network) = (&seen.desired.project, &seen.desired.region, &seen.network);
    match (seen.external_ip, seen.nat) {
        (true, _) => Finding::ok("egress", "by the VM's own address"),
        (false, true) => Finding::ok("egress", format!("by Cloud NAT of {network} in {region}")),
        (false, false) => Finding::problem(
            "egress",
            format!(
                "the VM has no address of its own, and {network} no Cloud NAT in {region}: it cannot fetch its secrets"
            ),
            format!(
                "gcloud compute routers create clawbake --network={network} --region={region} --project={project} && gcloud compute routers nats create clawbake --router=clawbake --auto-allocate-nat-external-ips --nat-all-subnet-ip-ranges --region={region} --project={project}"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gce::SecretVersion;

    use super::*;
    use crate::doctor::Level;
    use crate::setup::{Desired, Observed, SERVICES};

    /// A project with billing and every API, and nothing else.
    fn seen() -> Seen {
        let desired = Desired {
            project: "p-claw".into(),
            create: false,
            billing_account: None,
            permissions: Vec::new(),
            deployer: "d@p-claw.iam.gserviceaccount.com".into(),
            vm: "vm@p-claw.iam.gserviceaccount.com".into(),
            secrets: vec!["token".into()],
            firewall: gce::Firewall::default(),
            bucket: gce::Bucket::default(),
            region: "us-central1".into(),
        };
        Seen {
            desired,
            observed: Observed {
                project: true,
                billing: Some("A-B-C".into()),
                services: SERVICES.map(str::to_owned).into(),
                ..Observed::default()
            },
            granted: None,
            versions: BTreeMap::new(),
            wanted: BTreeMap::from([("token".into(), "latest".into())]),
            quotas: None,
            family: "f".into(),
            image: None,
            external_ip: true,
            nat: false,
            network: "default".into(),
        }
    }

    fn problems(seen: &Seen, area: &str) -> Vec<String> {
        let found = judge(seen).into_iter();
        found
            .filter(|it| it.level == Level::Problem && it.area == area)
            .map(|it| format!("{} | {}", it.message, it.remedy.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn without_an_api_nothing_is_said_of_what_is_behind_it() {
        let mut seen = seen();
        let all = problems(&seen, "setup").len();
        seen.observed.services.remove("iam.googleapis.com");
        let fewer = problems(&seen, "setup");
        assert!(fewer[0].starts_with("to do: enable iam |"), "{fewer:?}");
        assert!(fewer.len() < all, "{fewer:?}");
        assert!(
            !fewer.iter().any(|text| text.contains("create account")),
            "{fewer:?}"
        );
        seen.observed.project = false;
        assert_eq!(
            judge(&seen).len(),
            1,
            "a project that is not there is one problem"
        );
    }

    #[test]
    fn each_verb_says_what_it_lacks() {
        let mut seen = seen();
        let held = permissions::all().into_iter().map(str::to_owned);
        let without = ["compute.images.create", "compute.subnetworks.useExternalIp"];
        seen.granted = Some(held.filter(|it| !without.contains(&it.as_str())).collect());
        let lacking = problems(&seen, "permissions");
        assert_eq!(lacking.len(), 2);
        assert!(
            lacking[0].starts_with("bake needs compute.images.create,"),
            "{lacking:?}"
        );
        seen.external_ip = false;
        assert_eq!(
            problems(&seen, "permissions").len(),
            1,
            "no address, no permission for one"
        );
    }

    #[test]
    fn the_version_that_is_asked_for_must_be_enabled() {
        let mut seen = seen();
        let version = |number: u32, state: &str| SecretVersion {
            name: Some(format!("projects/1/secrets/token/versions/{number}")),
            state: Some(state.into()),
        };
        assert!(problems(&seen, "secret")[0].starts_with("token does not exist"));
        let versions = vec![version(2, "DISABLED"), version(1, "ENABLED")];
        seen.versions.insert("token".into(), versions);
        let found = problems(&seen, "secret");
        assert!(
            found[0].contains("gcloud secrets versions enable 2"),
            "{found:?}"
        );
        seen.wanted.insert("token".into(), "1".into());
        assert_eq!(problems(&seen, "secret"), Vec::<String>::new());
        seen.wanted.insert("token".into(), "3".into());
        assert!(problems(&seen, "secret")[0].starts_with("token has no version 3"));
    }

    #[test]
    fn without_an_address_there_must_be_nat() {
        let mut seen = seen();
        seen.quotas = Some((Vec::new(), quota::Needs::default()));
        assert_eq!(problems(&seen, "egress"), Vec::<String>::new());
        seen.external_ip = false;
        assert!(problems(&seen, "egress")[0].contains("gcloud compute routers nats create"));
        seen.nat = true;
        assert_eq!(problems(&seen, "egress"), Vec::<String>::new());
    }
}

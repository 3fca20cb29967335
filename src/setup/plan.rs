use gce::{Bucket, Firewall, LifecycleRule, Policy};

use super::step::Resource;
use super::{Desired, Observed, SERVICES, Step};
use crate::bucket::expiry;
use crate::fleet::ACCESSOR;

/// Lets an account run VMs as another one.
const ACCOUNT_USER: &str = "roles/iam.serviceAccountUser";
/// Full control of a secret.
const SECRET_ADMIN: &str = "roles/secretmanager.admin";
/// Reads and writes the objects of a bucket, but not the bucket itself.
const OBJECT_USER: &str = "roles/storage.objectUser";

/// What setup does, and what is left to the caller.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The steps, in an order that works.
    pub steps: Vec<Step>,
    /// Secrets that do not exist yet, so that the VM cannot be given access to them.
    pub missing_secrets: Vec<String>,
}

/// Compares what is desired with what was observed.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut steps = Vec::new();
    if !observed.project && desired.create {
        steps.push(Step::CreateProject);
    }
    if let Some(account) = &desired.billing_account
        && observed.billing.as_ref() != Some(account)
    {
        steps.push(Step::LinkBilling(account.clone()));
    }
    let off: Vec<String> = SERVICES
        .iter()
        .filter(|service| !observed.services.contains(**service))
        .map(ToString::to_string)
        .collect();
    if !off.is_empty() {
        steps.push(Step::Enable(off));
    }
    steps.extend(identities(desired, observed));
    steps.extend(firewall(&desired.firewall, observed.firewall.as_ref()));
    steps.extend(bucket(desired, observed));
    let missing = |name: &&String| !observed.secrets.contains_key(*name);
    Plan {
        steps,
        missing_secrets: desired.secrets.iter().filter(missing).cloned().collect(),
    }
}

/// Service accounts, the role, and the grants.
fn identities(desired: &Desired, observed: &Observed) -> Vec<Step> {
    let mut steps = Vec::new();
    let purposes = [
        (&desired.deployer, "clawbake: bakes and launches"),
        (&desired.vm, "clawbake: the VM, reads its secrets"),
    ];
    for (email, purpose) in purposes {
        if !observed.accounts.contains_key(email)
            && let Some(id) = desired.own_id(email)
        {
            let id = id.to_owned();
            steps.push(Step::CreateAccount { id, purpose });
        }
    }
    match &observed.role {
        None => steps.push(Step::CreateRole(desired.permissions.clone())),
        Some(role) => {
            let mut has = role.included_permissions.clone();
            has.sort_unstable();
            if has != desired.permissions {
                steps.push(Step::SetPermissions(desired.permissions.clone()));
            }
        }
    }
    let deployer = format!("serviceAccount:{}", desired.deployer);
    let vm = format!("serviceAccount:{}", desired.vm);
    steps.extend(grant(
        &observed.project_policy,
        Resource::Project,
        &desired.role(),
        &deployer,
    ));
    steps.extend(grant(
        &observed.project_policy,
        Resource::TestSecrets,
        SECRET_ADMIN,
        &deployer,
    ));
    let on_vm = Resource::Account(desired.vm.clone());
    steps.extend(grant(&observed.vm_policy, on_vm, ACCOUNT_USER, &deployer));
    for (name, policy) in &observed.secrets {
        steps.extend(grant(policy, Resource::Secret(name.clone()), ACCESSOR, &vm));
    }
    steps
}

fn grant(policy: &Policy, on: Resource, role: &str, member: &str) -> Option<Step> {
    (!policy.grants(role, member, on.condition().as_ref())).then(|| Step::Grant {
        on,
        role: role.to_owned(),
        member: member.to_owned(),
    })
}

/// A firewall rule of that name may have been widened by hand.
fn firewall(desired: &Firewall, observed: Option<&Firewall>) -> Option<Step> {
    let Some(observed) = observed else {
        return Some(Step::CreateFirewall(Box::new(desired.clone())));
    };
    let same = observed.source_ranges == desired.source_ranges
        && observed.target_tags == desired.target_tags
        && observed.allowed == desired.allowed
        && observed.disabled != Some(true);
    (!same).then(|| Step::ChangeFirewall(Box::new(desired.clone())))
}

fn bucket(desired: &Desired, observed: &Observed) -> Vec<Step> {
    let name = desired.bucket.name.clone().unwrap_or_default();
    let mut steps = Vec::new();
    let policy = match &observed.bucket {
        None => {
            steps.push(Step::CreateBucket(Box::new(desired.bucket.clone())));
            &Policy::default()
        }
        Some((bucket, policy)) => {
            let mut rules = rules(bucket);
            let empties = rules.contains(&expiry());
            if !empties {
                rules.push(expiry());
            }
            if !empties || !is_closed(bucket) {
                let name = name.clone();
                steps.push(Step::ChangeBucket { name, rules });
            }
            policy
        }
    };
    let deployer = format!("serviceAccount:{}", desired.deployer);
    steps.extend(grant(
        policy,
        Resource::Bucket(name),
        OBJECT_USER,
        &deployer,
    ));
    steps
}

fn rules(bucket: &Bucket) -> Vec<LifecycleRule> {
    bucket
        .lifecycle
        .as_ref()
        .map_or_else(Vec::new, |lifecycle| lifecycle.rule.clone())
}

fn is_closed(bucket: &Bucket) -> bool {
    bucket.iam_configuration.as_ref().is_some_and(|iam| {
        let uniform = iam.uniform_bucket_level_access.as_ref();
        iam.public_access_prevention.as_deref() == Some("enforced")
            && uniform.is_some_and(|access| access.enabled == Some(true))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gce::{FirewallRule, Role};
    use serde_json::json;

    use super::*;
    use crate::bucket::closed;

    fn desired() -> Desired {
        Desired {
            project: "p-claw".into(),
            create: false,
            billing_account: Some("A-B-C".into()),
            permissions: vec!["a.b.get".into(), "a.b.list".into()],
            deployer: "d@p-claw.iam.gserviceaccount.com".into(),
            vm: "vm@p-claw.iam.gserviceaccount.com".into(),
            secrets: vec!["token".into()],
            firewall: Firewall {
                name: Some("iap".into()),
                network: Some("global/networks/default".into()),
                source_ranges: vec!["35.235.240.0/20".into()],
                target_tags: vec!["t".into()],
                allowed: vec![FirewallRule {
                    ip_protocol: Some("tcp".into()),
                    ports: vec!["1".into()],
                }],
                ..Firewall::default()
            },
            bucket: Bucket {
                name: Some("b".into()),
                location: Some("US-CENTRAL1".into()),
                ..closed(&[expiry()])
            },
            region: "us-central1".into(),
        }
    }

    fn policy(role: &str, member: &str) -> Policy {
        let mut policy = Policy::default();
        policy.grant(role, &format!("serviceAccount:{member}"), None);
        policy
    }

    /// A project that needs nothing.
    fn complete(desired: &Desired) -> Observed {
        let mut project_policy = policy(&desired.role(), &desired.deployer);
        project_policy.grant(
            SECRET_ADMIN,
            &format!("serviceAccount:{}", desired.deployer),
            Resource::TestSecrets.condition().as_ref(),
        );
        Observed {
            project: true,
            billing: Some("A-B-C".into()),
            services: SERVICES.map(str::to_owned).into(),
            accounts: [
                (desired.deployer.clone(), false),
                (desired.vm.clone(), false),
            ]
            .into(),
            role: Some(Role {
                included_permissions: vec!["a.b.list".into(), "a.b.get".into()],
                ..Role::default()
            }),
            project_policy,
            vm_policy: policy(ACCOUNT_USER, &desired.deployer),
            secrets: [("token".to_owned(), policy(ACCESSOR, &desired.vm))].into(),
            firewall: Some(desired.firewall.clone()),
            bucket: Some((
                desired.bucket.clone(),
                policy(OBJECT_USER, &desired.deployer),
            )),
        }
    }

    #[test]
    fn nothing_is_done_twice() {
        let desired = desired();
        assert_eq!(plan(&desired, &complete(&desired)), Plan::default());
    }

    #[test]
    fn from_nothing_in_an_order_that_works() {
        let desired = Desired {
            create: true,
            ..desired()
        };
        let plan = plan(&desired, &Observed::default());
        let steps: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
        assert_eq!(
            steps,
            [
                "create the project",
                "link it to billing account A-B-C",
                "enable cloudbilling, cloudresourcemanager, compute, iam, iamcredentials, iap, secretmanager, serviceusage, storage, sts",
                "create account d: clawbake: bakes and launches",
                "create account vm: clawbake: the VM, reads its secrets",
                "create role clawbakeDeployer of 2 permissions",
                "give d clawbakeDeployer on the project",
                "give d secretmanager.admin on secrets clawbake-test-*",
                "give d iam.serviceAccountUser on account vm@p-claw.iam.gserviceaccount.com",
                "create firewall iap, for Identity-Aware Proxy alone",
                "create bucket b in us-central1",
                "give d storage.objectUser on bucket b",
            ]
        );
        assert_eq!(plan.missing_secrets, ["token"]);
    }

    /// Breaks one thing, and returns the one step that fixes it.
    fn mends<T>(breaking: impl FnOnce(&mut Observed) -> T) -> String {
        let desired = desired();
        let mut observed = complete(&desired);
        breaking(&mut observed);
        let plan = plan(&desired, &observed);
        assert_eq!(plan.steps.len(), 1, "{:?}", plan.steps);
        plan.steps[0].to_string()
    }

    #[test]
    fn one_thing_missing_is_one_step() {
        let step = mends(|o| o.services.remove("iap.googleapis.com"));
        assert_eq!(step, "enable iap");
        let step = mends(|o| o.accounts.remove("vm@p-claw.iam.gserviceaccount.com"));
        assert!(step.starts_with("create account vm"), "{step}");
        let step = mends(|o| o.vm_policy = Policy::default());
        assert!(step.starts_with("give d iam.serviceAccountUser"), "{step}");
        let step = mends(|o| o.secrets.insert("token".into(), Policy::default()));
        assert_eq!(step, "give vm secretmanager.secretAccessor on secret token");
        let step = mends(|o| o.project_policy.bindings.retain(|b| b.condition.is_none()));
        assert_eq!(
            step,
            "give d secretmanager.admin on secrets clawbake-test-*"
        );
        let step = mends(|o| o.billing = None);
        assert_eq!(step, "link it to billing account A-B-C");
    }

    #[test]
    fn what_was_opened_by_hand_is_closed() {
        let step = mends(|o| {
            o.firewall.as_mut().unwrap().source_ranges = vec!["0.0.0.0/0".into()];
        });
        assert_eq!(step, "close firewall iap to all but Identity-Aware Proxy");
        let step = mends(|o| {
            let iam = &mut o.bucket.as_mut().unwrap().0.iam_configuration;
            iam.as_mut().unwrap().public_access_prevention = Some("inherited".into());
        });
        assert!(step.starts_with("close bucket b to the public"), "{step}");
        let step = mends(|o| {
            let role = o.role.as_mut().unwrap();
            role.included_permissions.push("a.b.setIamPolicy".into());
        });
        assert_eq!(step, "give role clawbakeDeployer its 2 permissions");
    }

    #[test]
    fn a_bucket_is_made_with_the_deployments_key() {
        let mut desired = desired();
        let key = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
        desired.bucket.encryption = Some(gce::BucketEncryption {
            default_kms_key_name: Some(key.into()),
        });
        let steps = plan(&desired, &Observed::default()).steps;
        let made = steps.iter().find(|s| matches!(s, Step::CreateBucket(_)));
        let command = made.unwrap().gcloud("p-claw");
        let words = format!(
            "create gs://b --location=us-central1 --default-encryption-key={key} --project=p-claw"
        );
        assert!(command.contains(&words), "{command}");
    }

    #[test]
    fn other_rules_of_a_bucket_stay() {
        let desired = desired();
        let mut observed = complete(&desired);
        let other = LifecycleRule {
            action: BTreeMap::from([("type".into(), json!("Delete"))]),
            condition: BTreeMap::from([("age".into(), json!(30))]),
        };
        let bucket = &mut observed.bucket.as_mut().unwrap().0;
        bucket.lifecycle.as_mut().unwrap().rule = vec![other.clone()];
        let steps = plan(&desired, &observed).steps;
        let [Step::ChangeBucket { rules, .. }] = &steps[..] else {
            panic!("{steps:?}")
        };
        assert_eq!(*rules, [other, expiry()]);
    }

    #[test]
    fn an_account_of_another_project_is_not_made_here() {
        let desired = Desired {
            vm: "vm@elsewhere.iam.gserviceaccount.com".into(),
            ..desired()
        };
        let steps = plan(&desired, &Observed::default()).steps;
        let accounts = steps
            .iter()
            .filter(|step| matches!(step, Step::CreateAccount { .. }));
        assert_eq!(accounts.count(), 1);
    }
}

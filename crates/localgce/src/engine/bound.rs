//! How far a token goes at most: credential access boundaries, which only Cloud Storage knows
//! (<https://cloud.google.com/iam/docs/downscoping-short-lived-credentials>).

use serde::Deserialize;

/// Google's limit of rules.
const MOST_RULES: usize = 10;

/// Where a boundary's buckets are.
const BUCKETS: &str = "//storage.googleapis.com/projects/_/buckets/";

/// The rules of a boundary: what one of them allows is allowed, if the token's owner may do it too.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bound {
    access_boundary_rules: Vec<Rule>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    available_resource: String,
    available_permissions: Vec<String>,
    availability_condition: Option<Condition>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Condition {
    expression: String,
    #[serde(default, rename = "title")]
    _title: String,
    #[serde(default, rename = "description")]
    _description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    access_boundary: Bound,
}

impl Bound {
    /// Reads the `options` of a request for a token.
    pub fn parse(options: &str) -> Option<Self> {
        let Options { access_boundary } = serde_json::from_str(options).ok()?;
        let rules = &access_boundary.access_boundary_rules;
        let sane = (1..=MOST_RULES).contains(&rules.len()) && rules.iter().all(Rule::is_sane);
        sane.then_some(access_boundary)
    }

    /// The rules about a bucket.
    pub fn rules<'a>(&'a self, bucket: &'a str) -> impl Iterator<Item = &'a Rule> {
        let rules = self.access_boundary_rules.iter();
        rules.filter(move |rule| rule.available_resource.strip_prefix(BUCKETS) == Some(bucket))
    }
}

impl Rule {
    /// The roles that it allows.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let permissions = self.available_permissions.iter();
        permissions.filter_map(|permission| permission.strip_prefix("inRole:"))
    }

    /// Its condition, if it has one.
    pub fn condition(&self) -> Option<&str> {
        let condition = self.availability_condition.as_ref();
        condition.map(|condition| condition.expression.as_str())
    }

    fn is_sane(&self) -> bool {
        self.available_resource.starts_with(BUCKETS)
            && self.roles().count() == self.available_permissions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Bound;

    fn options(rules: &str) -> String {
        format!(r#"{{"accessBoundary":{{"accessBoundaryRules":[{rules}]}}}}"#)
    }

    const RULE: &str = r#"{"availableResource":"//storage.googleapis.com/projects/_/buckets/b",
        "availablePermissions":["inRole:roles/storage.objectViewer"]}"#;

    #[test]
    fn only_rules_about_buckets_and_roles_are_read() {
        let bound = Bound::parse(&options(RULE)).unwrap();
        let roles = |bucket| bound.rules(bucket).flat_map(super::Rule::roles).count();
        assert_eq!((roles("b"), roles("bb"), roles("")), (1, 0, 0));
        for odd in [
            String::new(),
            "{}".into(),
            options(""),
            options(&[RULE; 11].join(",")),
            options(&RULE.replace("storage.googleapis", "compute.googleapis")),
            options(&RULE.replace("inRole:", "")),
            options(&RULE.replace("\"availablePermissions\"", "\"availableRoles\"")),
        ] {
            assert_eq!(Bound::parse(&odd), None, "{odd}");
        }
    }
}

use serde_json::Value;

use crate::json::resource;

resource! {
    /// Who may do what with a resource. Writing it back with its `etag` fails if it has changed since
    /// it was read.
    Policy {
        version: Option<u32>,
        etag: Option<String>,
        bindings: Vec<Binding>,
        /// Preserved when a policy is read and written back.
        audit_configs: Vec<Value>,
    }
}

resource! {
    /// One role and who has it.
    Binding {
        role: Option<String>,
        /// Such as `serviceAccount:gateway@my-project.iam.gserviceaccount.com`.
        members: Vec<String>,
        /// A title, and the CEL expression under which the binding applies.
        condition: Option<Value>,
    }
}

impl Policy {
    /// Whether `member` has `role` under exactly this condition.
    #[must_use]
    pub fn grants(&self, role: &str, member: &str, condition: Option<&Value>) -> bool {
        self.bindings.iter().any(|binding| {
            binding.is(role, condition) && binding.members.iter().any(|other| other == member)
        })
    }

    /// Grants `role` to `member`, under `condition` if given, and leaves other bindings alone. Returns
    /// whether the policy has changed.
    pub fn grant(&mut self, role: &str, member: &str, condition: Option<&Value>) -> bool {
        if self.grants(role, member, condition) {
            return false;
        }
        if condition.is_some() {
            // Policies with conditions have version 3.
            self.version = Some(3);
        }
        match self
            .bindings
            .iter_mut()
            .find(|binding| binding.is(role, condition))
        {
            Some(binding) => binding.members.push(member.into()),
            None => self.bindings.push(Binding {
                role: Some(role.into()),
                members: vec![member.into()],
                condition: condition.cloned(),
            }),
        }
        true
    }
}

impl Binding {
    fn is(&self, role: &str, condition: Option<&Value>) -> bool {
        self.role.as_deref() == Some(role) && self.condition.as_ref() == condition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_leaves_others_and_conditions_alone() {
        let text = r#"{"etag":"e","bindings":[
            {"role":"r","members":["user:a"],"condition":{"expression":"false"}},
            {"role":"other","members":["user:b"]}]}"#;
        let mut policy: Policy = serde_json::from_str(text).unwrap();
        let condition = policy.bindings[0].condition.clone();
        assert!(
            !policy.grants("r", "user:a", None),
            "a condition is no grant"
        );
        assert!(policy.grants("r", "user:a", condition.as_ref()));
        assert!(policy.grant("r", "user:a", None));
        assert!(policy.grants("r", "user:a", None));
        assert!(!policy.grant("r", "user:a", None), "nothing to change");
        assert!(policy.grant("r", "user:c", None));
        assert_eq!((policy.bindings.len(), policy.version), (3, None));
        assert!(policy.grant("other", "user:b", condition.as_ref()));
        assert_eq!((policy.bindings.len(), policy.version), (4, Some(3)));
        assert_eq!(policy.bindings[2].members, ["user:a", "user:c"]);
        assert_eq!(policy.bindings[0].members, ["user:a"]);
    }
}

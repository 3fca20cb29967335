use serde_json::Value;

use crate::json::resource;

resource! {
    /// Who may do what with a resource. Writing it with the `etag` that was read fails if somebody
    /// else has written in between.
    Policy {
        version: Option<u32>,
        etag: Option<String>,
        bindings: Vec<Binding>,
        /// Not looked into, only kept when a policy is read and written back.
        audit_configs: Vec<Value>,
    }
}

resource! {
    /// One role and who has it.
    Binding {
        role: Option<String>,
        /// Such as `serviceAccount:gateway@my-project.iam.gserviceaccount.com`.
        members: Vec<String>,
        /// Not looked into, only kept when a policy is read and written back.
        condition: Option<Value>,
    }
}

impl Policy {
    /// Whether `member` has `role` without a condition.
    #[must_use]
    pub fn grants(&self, role: &str, member: &str) -> bool {
        self.bindings.iter().any(|binding| {
            binding.is_plain(role) && binding.members.iter().any(|other| other == member)
        })
    }

    /// Gives `role` to `member`, without a condition; everybody else's bindings stay as they are.
    /// Whether that changed anything.
    pub fn grant(&mut self, role: &str, member: &str) -> bool {
        if self.grants(role, member) {
            return false;
        }
        match self
            .bindings
            .iter_mut()
            .find(|binding| binding.is_plain(role))
        {
            Some(binding) => binding.members.push(member.into()),
            None => self.bindings.push(Binding {
                role: Some(role.into()),
                members: vec![member.into()],
                condition: None,
            }),
        }
        true
    }
}

impl Binding {
    fn is_plain(&self, role: &str) -> bool {
        self.role.as_deref() == Some(role) && self.condition.is_none()
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
        assert!(!policy.grants("r", "user:a"), "a condition is no grant");
        assert!(policy.grant("r", "user:a"));
        assert!(policy.grants("r", "user:a"));
        assert!(!policy.grant("r", "user:a"), "nothing to change");
        assert!(policy.grant("r", "user:c"));
        assert_eq!(policy.bindings.len(), 3);
        assert_eq!(policy.bindings[2].members, ["user:a", "user:c"]);
        assert_eq!(policy.bindings[0].members, ["user:a"]);
    }
}

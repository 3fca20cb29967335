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

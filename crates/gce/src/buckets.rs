use std::collections::BTreeMap;

use reqwest::{Method, Url};
use serde_json::Value;

use crate::{
    Client, Policy, Result, client::found, endpoints::join, json::resource, transport::Call,
};

resource! {
    /// A bucket.
    Bucket {
        name: Option<String>,
        location: Option<String>,
        iam_configuration: Option<IamConfiguration>,
        lifecycle: Option<Lifecycle>,
        encryption: Option<BucketEncryption>,
    }
}

resource! {
    /// The default encryption of a bucket's objects.
    BucketEncryption {
        /// `projects/P/locations/L/keyRings/R/cryptoKeys/K` of Cloud KMS, in the bucket's location.
        default_kms_key_name: Option<String>,
    }
}

resource! {
    /// How access to a bucket can be granted, and to whom.
    IamConfiguration {
        uniform_bucket_level_access: Option<UniformBucketLevelAccess>,
        /// `enforced` or `inherited`.
        public_access_prevention: Option<String>,
    }
}

resource! {
    /// Access by IAM only, without ACLs.
    UniformBucketLevelAccess {
        enabled: Option<bool>,
    }
}

resource! {
    /// What Cloud Storage does to a bucket's objects by itself.
    Lifecycle {
        rule: Vec<LifecycleRule>,
    }
}

resource! {
    /// A lifecycle rule, preserved when a bucket is read and written back.
    LifecycleRule {
        /// `{"type": "Delete"}`, mostly.
        action: BTreeMap<String, Value>,
        /// Such as `{"age": 1}`, in days.
        condition: BTreeMap<String, Value>,
    }
}

impl Client {
    /// Buckets of the project.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        Buckets {
            client: self.clone(),
        }
    }
}

/// Buckets of the client's project.
#[derive(Debug)]
pub struct Buckets {
    client: Client,
}

impl Buckets {
    fn url(&self, path: &[&str]) -> Result<Url> {
        let root = ["storage", "v1", "b"];
        join(
            &self.client.endpoints.storage,
            root.into_iter().chain(path.iter().copied()),
        )
    }

    /// `buckets.get`.
    pub async fn get(&self, name: &str) -> Result<Bucket> {
        self.client
            .get(self.url(&[name])?, format!("getting bucket {name}"))
            .await
    }

    /// `buckets.get`, with `None` where there is no such bucket.
    pub async fn find(&self, name: &str) -> Result<Option<Bucket>> {
        found(self.get(name).await)
    }

    /// `buckets.insert`. A name that anybody has taken is [`Kind::Conflict`](crate::Kind).
    pub async fn insert(&self, bucket: &Bucket) -> Result<Bucket> {
        let what = format!(
            "inserting bucket {}",
            bucket.name.as_deref().unwrap_or_default()
        );
        let call = Call::new(Method::POST, self.url(&[])?, &what);
        let call = call.query("project", &self.client.project).json(bucket)?;
        self.client.send(call, &what).await
    }

    /// `buckets.patch`: changes the given fields only.
    pub async fn patch(&self, name: &str, bucket: &Bucket) -> Result<Bucket> {
        let what = format!("changing bucket {name}");
        let call = Call::new(Method::PATCH, self.url(&[name])?, &what).json(bucket)?;
        self.client.send(call, &what).await
    }

    /// `buckets.getIamPolicy`.
    pub async fn iam_policy(&self, name: &str) -> Result<Policy> {
        let what = format!("getting the IAM policy of bucket {name}");
        let url = self.url(&[name, "iam"])?;
        let call = Call::new(Method::GET, url, &what).query("optionsRequestedPolicyVersion", "3");
        self.client.send(call, &what).await
    }

    /// `buckets.setIamPolicy`. A stale etag is [`Kind::PreconditionFailed`](crate::Kind).
    pub async fn set_iam_policy(&self, name: &str, policy: &Policy) -> Result<Policy> {
        let what = format!("setting the IAM policy of bucket {name}");
        let call = Call::new(Method::PUT, self.url(&[name, "iam"])?, &what).json(policy)?;
        self.client.send(call, &what).await
    }
}

use std::collections::BTreeMap;

use reqwest::Method;

use crate::{
    Client, Pending, Result,
    client::found,
    json::{int64, resource},
    transport::Call,
};

resource! {
    /// A boot image.
    Image {
        name: Option<String>,
        #[serde(with = "int64")]
        id: Option<u64>,
        description: Option<String>,
        family: Option<String>,
        labels: BTreeMap<String, String>,
        label_fingerprint: Option<String>,
        creation_timestamp: Option<String>,
        deprecated: Option<DeprecationStatus>,
        /// `PENDING`, `READY`, `FAILED` or `DELETING`.
        status: Option<String>,
        architecture: Option<String>,
        guest_os_features: Vec<GuestOsFeature>,
        licenses: Vec<String>,
        raw_disk: Option<RawDisk>,
        source_disk: Option<String>,
        source_image: Option<String>,
        storage_locations: Vec<String>,
        image_encryption_key: Option<CustomerEncryptionKey>,
        #[serde(with = "int64")]
        archive_size_bytes: Option<u64>,
        #[serde(with = "int64")]
        disk_size_gb: Option<u64>,
        self_link: Option<String>,
    }
}

resource! {
    /// Whether an image is deprecated, obsolete or deleted.
    DeprecationStatus {
        /// `ACTIVE`, `DEPRECATED`, `OBSOLETE` or `DELETED`.
        state: Option<String>,
        replacement: Option<String>,
        deprecated: Option<String>,
        obsolete: Option<String>,
        deleted: Option<String>,
    }
}

resource! {
    /// A feature of the guest, such as `UEFI_COMPATIBLE`.
    GuestOsFeature {
        r#type: Option<String>,
    }
}

resource! {
    /// The key of an encrypted image or disk, unless it is Google's own.
    CustomerEncryptionKey {
        /// `projects/P/locations/L/keyRings/R/cryptoKeys/K` of Cloud KMS.
        kms_key_name: Option<String>,
    }
}

resource! {
    /// An archive in Cloud Storage from which an image is made.
    RawDisk {
        /// URL of the `.tar.gz`, in any of the forms of Cloud Storage.
        source: Option<String>,
        container_type: Option<String>,
    }
}

impl Client {
    /// Images of the client's project.
    #[must_use]
    pub fn images(&self) -> Images {
        Images {
            client: self.clone(),
        }
    }

    /// Images of another project, such as `debian-cloud`.
    #[must_use]
    pub fn images_of(&self, project: &str) -> Images {
        Images {
            client: Self {
                project: project.into(),
                ..self.clone()
            },
        }
    }
}

/// Images of one project.
#[derive(Debug)]
pub struct Images {
    client: Client,
}

impl Images {
    fn url(&self, path: &[&str]) -> Result<reqwest::Url> {
        self.client
            .compute_url(&[&["global", "images"], path].concat())
    }

    /// `images.get`.
    pub async fn get(&self, name: &str) -> Result<Image> {
        self.client
            .get(self.url(&[name])?, format!("getting image {name}"))
            .await
    }

    /// `images.get`, with `None` where there is no such image.
    pub async fn find(&self, name: &str) -> Result<Option<Image>> {
        found(self.get(name).await)
    }

    /// `images.getFromFamily`: the newest that is not deprecated, if the family has one.
    pub async fn find_in_family(&self, family: &str) -> Result<Option<Image>> {
        let what = format!(
            "getting the image of family {family} in {}",
            self.client.project
        );
        found(self.client.get(self.url(&["family", family])?, what).await)
    }

    /// `images.list`, all pages.
    pub async fn list(&self, filter: Option<&str>) -> Result<Vec<Image>> {
        let what = format!("listing images of {}", self.client.project);
        self.client.list(self.url(&[])?, filter, what).await
    }

    /// `images.insert`.
    pub async fn insert(&self, image: &Image) -> Result<Pending> {
        let name = image.name.as_deref().unwrap_or_default();
        self.client
            .post(
                self.url(&[])?,
                Some(image),
                format!("inserting image {name}"),
            )
            .await
    }

    /// `images.patch` of the family only. An image without a family enters it this way.
    pub async fn set_family(&self, name: &str, family: &str) -> Result<Pending> {
        let what = format!("putting image {name} into family {family}");
        let patch = Image {
            family: Some(family.into()),
            ..Image::default()
        };
        let call = Call::new(Method::PATCH, self.url(&[name])?, &what).json(&patch)?;
        self.client.mutate(call, what).await
    }

    /// `images.setLabels`, which replaces all labels. A stale fingerprint is
    /// [`Kind::PreconditionFailed`](crate::Kind::PreconditionFailed).
    pub async fn set_labels(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        fingerprint: &str,
    ) -> Result<Pending> {
        let what = format!("setting labels of image {name}");
        let url = self.url(&[name, "setLabels"])?;
        self.client
            .set_global_labels(url, labels, fingerprint, what)
            .await
    }

    /// `images.deprecate`. The default status, an empty body, undeprecates the image.
    pub async fn deprecate(&self, name: &str, status: &DeprecationStatus) -> Result<Pending> {
        let what = format!("deprecating image {name}");
        self.client
            .post(self.url(&[name, "deprecate"])?, Some(status), what)
            .await
    }

    /// `images.delete`.
    pub async fn delete(&self, name: &str) -> Result<Pending> {
        self.client
            .delete(self.url(&[name])?, format!("deleting image {name}"))
            .await
    }
}

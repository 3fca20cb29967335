use std::collections::BTreeMap;

use reqwest::Method;

use crate::{
    Client, Pending, Result,
    client::found,
    collection::{Collection, named},
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

named!(Image: "images", "image");

impl Client {
    /// Images of the client's project.
    #[must_use]
    pub fn images(&self) -> Images {
        Collection::global(self.clone())
    }

    /// Images of another project, such as `debian-cloud`.
    #[must_use]
    pub fn images_of(&self, project: &str) -> Images {
        Collection::global(Self {
            project: project.into(),
            ..self.clone()
        })
    }
}

/// Images of one project.
pub type Images = Collection<Image>;

impl Collection<Image> {
    /// `images.getFromFamily`: the newest that is not deprecated, if the family has one.
    pub async fn find_in_family(&self, family: &str) -> Result<Option<Image>> {
        let what = format!(
            "getting the image of family {family} in {}",
            self.client.project
        );
        found(self.client.get(self.url(&["family", family])?, what).await)
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

    /// `images.deprecate`. The default status, an empty body, undeprecates the image.
    pub async fn deprecate(&self, name: &str, status: &DeprecationStatus) -> Result<Pending> {
        let what = format!("deprecating image {name}");
        self.client
            .post(self.url(&[name, "deprecate"])?, Some(status), what)
            .await
    }
}

//! The default network, and its subnetwork.

use crate::catalog::REGION;
use crate::error::Error;
use crate::key::{last, link};

/// The only network's name.
pub const DEFAULT: &str = "default";

/// The link of the network that a resource asks for by name or link.
pub fn find(project: &str, reference: Option<&str>) -> Result<String, Error> {
    default_in(&format!("projects/{project}/global/networks"), reference)
}

/// The link of the subnetwork that a resource asks for by name or link: the default network's.
pub fn find_subnetwork(project: &str, reference: Option<&str>) -> Result<String, Error> {
    let parent = format!("projects/{project}/regions/{REGION}/subnetworks");
    default_in(&parent, reference)
}

fn default_in(parent: &str, reference: Option<&str>) -> Result<String, Error> {
    let name = last(reference.unwrap_or(DEFAULT));
    let path = format!("{parent}/{name}");
    if name == DEFAULT {
        Ok(link(&path))
    } else {
        Err(Error::not_found(&path))
    }
}

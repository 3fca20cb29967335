use crate::{Client, Operation, Pending, Result};

impl Client {
    /// Operations in a zone, or the global ones.
    #[must_use]
    pub fn operations(&self, zone: Option<&str>) -> Operations {
        Operations {
            client: self.clone(),
            scope: match zone {
                Some(zone) => vec!["zones".into(), zone.into()],
                None => vec!["global".into()],
            },
        }
    }

    /// Operations in a region.
    #[must_use]
    pub fn region_operations(&self, region: &str) -> Operations {
        Operations {
            client: self.clone(),
            scope: vec!["regions".into(), region.into()],
        }
    }
}

/// Operations of one zone or region, or the global ones.
#[derive(Debug)]
pub struct Operations {
    client: Client,
    /// The path of the place.
    scope: Vec<String>,
}

impl Operations {
    /// `zoneOperations.list`, `regionOperations.list` or `globalOperations.list`: the unfinished operations on one resource of
    /// a collection such as `disks`, whoever started them.
    pub async fn unfinished(&self, collection: &str, name: &str) -> Result<Vec<Pending>> {
        let scope: Vec<_> = self.scope.iter().map(String::as_str).collect();
        let what = format!("listing operations on {name} of {}", scope.join("/"));
        let url = self
            .client
            .compute_url(&[&scope[..], &["operations"]].concat())?;
        let operations: Vec<Operation> = self
            .client
            .list(url, Some("status != DONE"), what.clone())
            .await?;
        let target = format!("/{}/{collection}/{name}", scope.join("/"));
        Ok(operations
            .into_iter()
            .filter(|operation| {
                let link = operation.target_link.as_deref();
                link.is_some_and(|link| link.ends_with(&target))
            })
            .map(|operation| Pending::new(self.client.clone(), operation, what.clone()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn only_operations_on_the_very_resource_are_waited_for() {
        let operation = |name: &str, target: &str| {
            format!(
                r#"{{"name":"{name}","status":"RUNNING","targetLink":"https://www.googleapis.com/compute/v1/projects/p/{target}"}}"#
            )
        };
        let items = [
            operation("own", "zones/z/disks/state"),
            operation("longer", "zones/z/disks/other-state"),
            operation("elsewhere", "zones/y/disks/state"),
            operation("vm", "zones/z/instances/state"),
        ]
        .join(",");
        let script = Script::play([Answer::json(200, &format!(r#"{{"items":[{items}]}}"#))]).await;
        let operations = script.client().operations(Some("z"));
        let unfinished = operations.unfinished("disks", "state").await.unwrap();
        let names: Vec<_> = unfinished
            .iter()
            .map(|pending| pending.operation.name.as_deref().unwrap())
            .collect();
        assert_eq!(names, ["own"]);
        let request = &script.requests()[0];
        assert_eq!(request.path(), "/compute/v1/projects/p/zones/z/operations");
        assert_eq!(request.query("filter").as_deref(), Some("status != DONE"));
    }
}

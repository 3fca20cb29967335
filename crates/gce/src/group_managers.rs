use crate::{Client, Result, json::resource};

resource! {
    /// A managed instance group, zonal or regional.
    InstanceGroupManager {
        name: Option<String>,
        /// URL of the template of its instances.
        instance_template: Option<String>,
        /// More than one while a group changes from one template to another.
        versions: Vec<GroupVersion>,
    }
}

resource! {
    /// One of the templates of a group.
    GroupVersion {
        instance_template: Option<String>,
    }
}

impl Client {
    /// `instanceGroupManagers.aggregatedList`: the groups of all zones and regions, all pages.
    pub async fn all_instance_group_managers(&self) -> Result<Vec<InstanceGroupManager>> {
        let what = "listing managed instance groups".into();
        self.list_aggregated("instanceGroupManagers", what).await
    }
}

#[cfg(test)]
mod tests {
    use crate::script::{Answer, Script};

    #[tokio::test]
    async fn a_group_names_its_templates() {
        let script = Script::play([Answer::json(
            200,
            r#"{"items":{"zones/a":{"instanceGroupManagers":[{"name":"g","instanceTemplate":"t/1",
               "versions":[{"instanceTemplate":"t/1"},{"instanceTemplate":"t/2"}]}]}}}"#,
        )])
        .await;
        let groups = script.client().all_instance_group_managers().await.unwrap();
        let versions = groups[0].versions.iter();
        let versions: Vec<_> = versions
            .filter_map(|version| version.instance_template.as_deref())
            .collect();
        assert_eq!(versions, ["t/1", "t/2"]);
        assert_eq!(groups[0].instance_template.as_deref(), Some("t/1"));
    }
}

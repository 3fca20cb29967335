use std::collections::BTreeMap;

use serde::Serialize;

use super::Exact;
use crate::names::RelativePath;

/// Where the guest writes the secrets, on tmpfs.
const ENV_FILE: &str = "/run/clawbake/.env";

#[derive(Serialize)]
struct Compose<'a> {
    name: &'a str,
    services: BTreeMap<&'a str, Service>,
}

#[derive(Serialize)]
struct Service {
    image: String,
    /// Never: the image is on the disk, and no registry may replace it.
    pull_policy: &'static str,
    command: Vec<String>,
    init: bool,
    user: &'static str,
    /// The host's network: the gateway has to see loopback clients as such.
    network_mode: &'static str,
    env_file: [&'static str; 1],
    environment: BTreeMap<String, String>,
    volumes: Vec<Volume>,
    cap_drop: [&'static str; 1],
    security_opt: [&'static str; 1],
    ulimits: Ulimits,
    stop_grace_period: String,
}

#[derive(Serialize)]
struct Ulimits {
    /// Limit of a core dump, which would hold every secret.
    core: u64,
}

#[derive(Serialize)]
struct Volume {
    r#type: &'static str,
    source: String,
    target: String,
    bind: BindOptions,
}

#[derive(Serialize)]
struct BindOptions {
    /// False: a missing directory means a missing state disk, and must not be created as root.
    create_host_path: bool,
}

impl Exact {
    /// The image's `/etc/clawbake/compose.yaml`. It holds no value of a secret.
    #[must_use]
    #[expect(
        clippy::missing_panics_doc,
        reason = "what is serialised here always can be"
    )]
    pub fn compose_yaml(&self) -> String {
        let gateway = &self.gateway;
        let volume = |dir: &RelativePath| Volume {
            r#type: "bind",
            source: format!("/home/clawbake/{dir}"),
            target: format!("/home/node/{dir}"),
            bind: BindOptions {
                create_host_path: false,
            },
        };
        let service = Service {
            image: self.container_image(),
            pull_policy: "never",
            command: gateway.command.iter().map(|word| literal(word)).collect(),
            init: true,
            user: "1000:1000",
            network_mode: "host",
            env_file: [ENV_FILE],
            environment: gateway
                .env
                .iter()
                .map(|(name, value)| (name.to_string(), literal(value)))
                .collect(),
            volumes: gateway.state.dirs.iter().map(volume).collect(),
            cap_drop: ["ALL"],
            security_opt: ["no-new-privileges:true"],
            ulimits: Ulimits { core: 0 },
            stop_grace_period: format!("{}s", gateway.stop_seconds),
        };
        let compose = Compose {
            name: "clawbake",
            services: BTreeMap::from([("gateway", service)]),
        };
        serde_yaml::to_string(&compose).expect("strings, lists and maps always serialise")
    }
}

/// Compose interpolates `$` in every value; `$$` stands for a dollar sign.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_recipes() {
        for name in super::super::shipped_names() {
            let recipe = Exact::shipped(name);
            insta::assert_snapshot!(format!("{name} compose.yaml"), recipe.compose_yaml());
        }
    }

    #[test]
    fn nothing_is_left_for_compose_to_interpolate() {
        let mut exact = Exact::shipped("clawdbot");
        exact.recipe.gateway.command =
            vec!["${HOME}".to_owned(), "yes".to_owned(), "0644".to_owned()];
        let env = &mut exact.recipe.gateway.env;
        env.insert("PRICE".parse().unwrap(), "$5: #1".to_owned());
        let text = exact.compose_yaml();
        // Go's YAML reads a bare 0644 as 420.
        assert!(text.contains("- \"0644\""), "{text}");
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let gateway = &read["services"]["gateway"];
        assert_eq!(
            gateway["command"],
            serde_json::json!(["$${HOME}", "yes", "0644"])
        );
        assert_eq!(gateway["environment"]["PRICE"], "$$5: #1");
    }
}

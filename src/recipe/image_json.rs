use serde_json::{Value, json};

use super::{Exact, Probe, Seed};

impl Exact {
    /// What an image says about itself in `/etc/clawbake/image.json`; the guest's scripts read it.
    #[must_use]
    pub fn image_json(&self, image_name: &str) -> Value {
        let gateway = &self.gateway;
        let seed = |seed: &Seed| json!({"path": seed.path, "content": seed.content.to_string()});
        let mut health = match &gateway.health.probe {
            Probe::Get(path) => json!({"get": path}),
            Probe::Post(path, body) => json!({"post": path, "body": body.to_string()}),
        };
        health["without"] = gateway.health.without.into();
        health["with"] = gateway.health.with.into();
        health["start_seconds"] = gateway.health.start_seconds.into();
        json!({
            "schema": 1,
            "image": image_name,
            "recipe": self.name,
            "gateway": {
                "package": gateway.release.npm.to_string(),
                "version": self.version.to_string(),
                "schema": self.schema,
            },
            "token_env": gateway.token_env,
            "port": gateway.ports.front,
            "inner_port": gateway.ports.inner,
            "state": {
                "dirs": gateway.state.dirs,
                "seeds": gateway.state.seeds.iter().map(seed).collect::<Value>(),
                "lease": gateway.state.lease,
                "preflight": gateway.state.preflight,
                "doctor": gateway.state.doctor,
                "counts": gateway.state.counts,
                "adopts": gateway.state.adopts,
            },
            "health": health,
            "stop_seconds": gateway.stop_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_recipes() {
        for name in crate::recipe::shipped_names() {
            let recipe = Exact::shipped(name);
            let json = serde_json::to_string_pretty(&recipe.image_json("the-image")).unwrap();
            insta::assert_snapshot!(format!("{name} image.json"), json);
        }
    }
}

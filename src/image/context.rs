//! What the gateway's Containerfile copies: npm, Node, binaries and a Debian root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::container::{Build, Sources, package_json};
use super::{binary, run};
use crate::release::Registry;

impl Build<'_> {
    /// Gathers what the Containerfile copies.
    pub(super) async fn context(
        &self,
        containerfile: &str,
        sources: &Sources,
        registry: &Registry,
    ) -> Result<()> {
        let context = self.dir.join("context");
        fs::create_dir_all(context.join("binaries"))?;
        fs::write(context.join("Containerfile"), containerfile)?;
        fs::write(
            context.join("package.json"),
            package_json(self.recipe).to_string(),
        )?;

        self.stage.note(format!(
            "fetching Node {} and npm {} from npm",
            sources.node.version, sources.npm.version
        ));
        let downloads = self.cache.shared("npm-tarballs")?;
        let npm = registry.tarball(&sources.npm, &downloads).await?;
        fs::create_dir(context.join("npm"))?;
        self.tar(
            "unpacking npm",
            &npm,
            &context.join("npm"),
            &["--strip-components=1"],
        )
        .await?;
        for wanted in &self.recipe.gateway.binaries {
            self.stage.note(format!("fetching {}", wanted.url));
            let file = binary::fetch(wanted).await?;
            let path = context.join("binaries").join(&wanted.name);
            fs::write(&path, file).with_context(|| format!("writing {}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }

        if self.recipe.gateway.container.base.is_none() {
            let node = registry.tarball(&sources.node, &downloads).await?;
            let member = ["--strip-components=2", "package/bin/node"];
            self.tar("unpacking Node", &node, &context, &member).await?;
            self.debian(&context.join("base.tar")).await?;
        }
        Ok(())
    }

    /// The root of a container that needs no registry.
    async fn debian(&self, archive: &Path) -> Result<()> {
        self.stage.note("making the container's Debian root");
        let mut command = Command::new("mmdebstrap");
        command.args([
            "--mode=root",
            "--variant=minbase",
            "--dpkgopt=force-unsafe-io",
        ]);
        command.args([
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*",
        ]);
        command.arg("--aptopt=APT::Install-Recommends \"false\"");
        let packages = self.recipe.gateway.container.packages();
        if !packages.is_empty() {
            command.arg(format!("--include={packages}"));
        }
        command.arg(self.recipe.base.suite()).arg(archive);
        run::run(
            "making the container's root",
            &mut command,
            self.log,
            self.stage,
        )
        .await
    }

    async fn tar(&self, what: &str, file: &Path, to: &Path, options: &[&str]) -> Result<()> {
        let mut command = Command::new("tar");
        command
            .args(["--force-local", "-xzf"])
            .arg(file)
            .arg("-C")
            .arg(to)
            .args(options);
        run::run(what, &mut command, self.log, self.stage).await
    }
}

use std::path::PathBuf;
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::*;
use crate::recipe::{Binary, Plugins};
use crate::release::Dist;

/// A file of this repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sh(script: &Path, arguments: &[&Path], dir: &Path) -> Output {
    let mut command = Command::new("sh");
    command.arg(script).args(arguments).current_dir(dir);
    command.output().unwrap()
}

fn stdout(output: Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).unwrap()
}

fn package(tarball: &str) -> Package {
    Package {
        version: "1.0.0".into(),
        dist: Dist {
            tarball: tarball.into(),
            integrity: format!("sha512-{}", BASE64_STANDARD.encode([1; 64])),
        },
        engines: None,
        schema: None,
        deprecated: None,
    }
}

fn sources() -> Sources {
    Sources {
        node: package("https://registry.example/node.tgz"),
        npm: package("https://registry.example/npm.tgz"),
        gateway: package("https://registry.example/gateway.tgz"),
        registry: "https://registry.example/it's $(one)".into(),
    }
}

fn recipe(binary: Option<Binary>) -> Exact {
    let mut exact = Exact::shipped("clawdbot");
    exact.recipe.gateway.binaries = binary.into_iter().collect();
    exact
}

fn binary(url: &str, sha256: &str, member: Option<&str>) -> Binary {
    Binary {
        name: "gog".into(),
        url: url.into(),
        sha256: sha256.parse().unwrap(),
        member: member.map(|member| member.parse().unwrap()),
    }
}

#[test]
fn what_a_containerfile_does_not_copy_is_not_made() {
    let file = "FROM scratch\nADD base.tar /\nCOPY --chown=1 npm /opt/npm\nRUN echo node\n";
    assert!(copies(file, "base.tar"));
    assert!(copies(file, "npm"));
    assert!(!copies(file, "node"));
    assert_eq!(scripts(&recipe(None), file), "offline");
    assert_eq!(scripts(&recipe(None), "FROM scratch\n"), "none");
}

#[test]
fn a_copy_is_recognized_however_it_is_spelled() {
    for file in [
        "COPY npm /opt/npm",
        "  copy npm /opt/npm",
        "Add\t./npm/ /opt/npm",
        "COPY [\"npm\", \"/opt/npm\"]",
        "COPY [\"node\",\"npm\",\"/opt/\"]",
        "COPY --chown=1 \\\n    npm /opt/npm",
        "COPY . /context/",
        "COPY ./ /context/",
        "COPY np* /opt/",
    ] {
        assert!(copies(file, "npm"), "{file}");
    }
    for file in [
        "RUN npm install",
        "# COPY npm /opt/npm",
        "COPY",
        "COPYnpm npm",
        "COPY node npm",
        "COPY node .",
    ] {
        assert!(!copies(file, "npm"), "{file}");
    }
}

#[test]
fn settings_are_read_by_the_shell_as_they_were_meant() {
    let dir = tempfile::tempdir().unwrap();
    let mut recipe = recipe(None);
    recipe.recipe.gateway.plugins = Some(Plugins {
        into: "dist/extensions".parse().unwrap(),
        npm: vec!["@a/chat".parse().unwrap(), "mail".parse().unwrap()],
    });
    lay_out(&recipe, "ADD base.tar /", &sources(), dir.path()).unwrap();
    let script = file("src/image/testdata/settings.sh");
    let read = stdout(sh(&script, &[&dir.path().join("settings")], dir.path()));
    assert_eq!(
        read.lines().collect::<Vec<_>>(),
        [
            "docker.io/clawbake/clawdbot:2026.1.24-3",
            "https://registry.example/it's $(one)",
            "trixie",
            "ca-certificates,curl,git,jq,procps",
            "none",
            "@a/chat,mail",
            "clawdbot/dist/extensions",
            "1",
            "http://127.0.0.1:28789/",
            "CLAWDBOT_GATEWAY_TOKEN"
        ]
    );
}

#[test]
fn every_download_is_one_line_with_its_digest() {
    let (mut sources, digest) = (sources(), "01".repeat(64));
    let gog = binary(
        "https://example.com/gog.tgz",
        &"0".repeat(64),
        Some("bin/gog"),
    );
    let recipe = recipe(Some(gog));
    assert_eq!(
        table(&recipe, "COPY npm /opt/npm\nCOPY node /bin/node", &sources).unwrap(),
        format!(
            "npm\tsha512\t{digest}\thttps://registry.example/npm.tgz\t*\n\
             node\tsha512\t{digest}\thttps://registry.example/node.tgz\tpackage/bin/node\n\
             binaries/gog\tsha256\t{}\thttps://example.com/gog.tgz\tbin/gog\n",
            "0".repeat(64)
        )
    );
    for (tarball, told) in [
        ("file:///etc/shadow", "is not on the web"),
        ("npm.tgz", "npm's tarball npm.tgz"),
    ] {
        sources.npm = package(tarball);
        let error = table(&recipe, "COPY npm /", &sources).unwrap_err();
        assert!(error.to_string().contains(told), "{error:#}");
    }
    sources.npm = package("https://registry.example/a\tb\nc d");
    let lines = table(&recipe, "COPY npm /", &sources).unwrap();
    assert!(
        lines.contains("\thttps://registry.example/abc%20d\t*\n"),
        "{lines}"
    );
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn integrity_is_read_as_npm_writes_it() {
    // `printf '' | openssl dgst -sha512 -binary | base64 -w0`, and `printf '' | sha512sum`
    let mut empty = package("");
    empty.dist.integrity = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==".into();
    let digest = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                  47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
    assert_eq!(sha512(&empty).unwrap(), digest);
    empty.dist.integrity = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=".into();
    assert!(sha512(&empty).is_err());
}

/// The context of a container that copies a binary only.
fn gathered(dir: &TempDir, binary: Binary) -> (Output, PathBuf) {
    let work = dir.path().join("work: 'dir");
    let _ = fs::remove_dir_all(&work);
    lay_out(&recipe(Some(binary)), "FROM scratch", &sources(), &work).unwrap();
    let cache = dir.path().join("cache");
    let output = sh(&work.join("context.sh"), &[&work, &cache], dir.path());
    (output, work.join("context/binaries/gog"))
}

/// An archive that holds `bin/gog`: its URL and digest.
fn archive(dir: &Path) -> (String, String) {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, "./bin/gog", &b"hello"[..])
        .unwrap();
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let path = dir.join("gog.tar.gz");
    fs::write(&path, &bytes).unwrap();
    let url = format!("file://{}", path.display());
    (url, key::hex(&Sha256::digest(&bytes)))
}

#[test]
fn a_binary_is_fetched_once_and_executable_whole_or_out_of_an_archive() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (url, sha256) = archive(dir.path());
    let (output, gog) = gathered(&dir, binary(&url, &sha256, Some("bin/gog")));
    assert_eq!(stdout(output), format!("clawbake: fetch {url}\n"));
    assert_eq!(fs::read(&gog).unwrap(), b"hello");
    assert_eq!(gog.metadata().unwrap().permissions().mode() & 0o777, 0o755);

    let (output, gog) = gathered(&dir, binary(&url, &sha256, None));
    assert_eq!(stdout(output), "");
    assert_eq!(key::hex(&Sha256::digest(fs::read(gog).unwrap())), sha256);

    fs::write(dir.path().join("cache").join(&sha256), "rotten").unwrap();
    let (output, gog) = gathered(&dir, binary(&url, &sha256, Some("bin/gog")));
    assert_eq!(stdout(output), format!("clawbake: fetch {url}\n"));
    assert_eq!(fs::read(gog).unwrap(), b"hello");
}

#[test]
fn a_wrong_digest_and_a_wrong_member_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (url, sha256) = archive(dir.path());
    let wrong = "0".repeat(64);
    let (output, gog) = gathered(&dir, binary(&url, &wrong, None));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "{url} has the sha256 {sha256}, the recipe wants {wrong}: if the release is the one you mean, \
             correct `sha256` of the binary `gog`\n"
        )
    );
    assert_eq!((output.status.code(), gog.exists()), (Some(1), false));

    let (output, _) = gathered(&dir, binary(&url, &sha256, Some("gog")));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "the member gog is not there: the archive holds other names\n\
             {url} does not hold the binary `gog`; correct its `member`\n"
        )
    );
    assert_eq!(output.status.code(), Some(1));

    let absent = format!("file://{}", dir.path().join("absent").display());
    let (output, _) = gathered(&dir, binary(&absent, &wrong, None));
    assert!(!output.status.success());
}

#[test]
fn a_member_is_a_file_or_the_words_say_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let archives = stdout(sh(&file("src/image/testdata/archives.sh"), &[], dir.path()));
    let (mut tries, mut differences) = (0, Vec::new());
    for line in archives.lines() {
        let [expected, path, archive] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let expected = match expected {
            "link" => Err("is a link and no file"),
            "none" => Err("is not there"),
            "twice" => Err("more than once"),
            "no" => Err("is no file"),
            _ => Ok(fs::read(dir.path().join(path)).unwrap()),
        };
        let words = [Path::new(archive), Path::new(path)];
        let found = sh(&file("recipes/base/member.sh"), &words, dir.path());
        let told = String::from_utf8_lossy(&found.stderr);
        tries += 1;
        let as_expected = match expected {
            Ok(content) => found.status.success() && found.stdout == content,
            Err(words) => !found.status.success() && told.contains(words),
        };
        if !as_expected {
            differences.push(format!("{line}: {told}"));
        }
    }
    assert_eq!((tries, differences), (163, Vec::new()));
}

#[test]
fn the_container_gets_the_recipes_files_and_npm_its_plugins() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = Exact::shipped("openclaw");
    lay_out(&recipe, "COPY files /opt/clawbake", &sources(), dir.path()).unwrap();
    for file in &recipe.gateway.container.files {
        let copied = fs::read_to_string(dir.path().join("context/files").join(&**file)).unwrap();
        assert_eq!(copied, recipe.files.read(file).unwrap());
    }
    let package = package_json(&recipe);
    let version = recipe.version.to_string();
    assert_eq!(
        package["dependencies"],
        json!({"openclaw": version, "@openclaw/discord": version, "@openclaw/slack": version, "@openclaw/whatsapp": version})
    );
}

#[test]
fn a_plugin_is_moved_into_the_gateway_and_its_own_packages_stay_outside() {
    let dir = tempfile::tempdir().unwrap();
    let make = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    make("gateway/dist/extensions/own/index.js", "own");
    make("@a/chat/index.js", "chat");
    make("@a/chat/node_modules/dep/index.js", "dep");
    make("mail/index.js", "mail");
    let run = |packages: &str| {
        let words = ["gateway/dist/extensions", packages].map(Path::new);
        sh(&file("recipes/base/plugins.sh"), &words, dir.path())
    };
    stdout(run("@a/chat,mail"));
    let plugins = dir.path().join("gateway/dist/extensions");
    let read = |path: &str| fs::read_to_string(plugins.join(path)).unwrap();
    assert_eq!(read("chat/index.js"), "chat");
    assert_eq!(read("chat/node_modules/dep/index.js"), "dep");
    assert_eq!(read("mail/index.js"), "mail");
    let outside = plugins
        .join("chat/node_modules/dep")
        .canonicalize()
        .unwrap();
    assert!(
        !outside.starts_with(plugins.canonicalize().unwrap()),
        "{}",
        outside.display()
    );

    make("@b/own/index.js", "another");
    let told = run("@b/own");
    assert_eq!(
        String::from_utf8_lossy(&told.stderr),
        "the gateway has own itself: drop @b/own from the recipe's `plugins`\n"
    );
    assert_eq!(
        (told.status.code(), read("own/index.js")),
        (Some(1), "own".into())
    );
}

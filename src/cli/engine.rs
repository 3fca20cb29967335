//! `clawbake engine start|stop|status|reset|env`

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use localgce::{Accel, Endpoint};

use super::output::{self, errln, outln};
use crate::image::cache::Cache;
use crate::{engine, paths};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the engine and the VMs that ran when it stopped
    Start {
        /// Choose how guests run
        #[arg(long, env = "CLAWBAKE_ACCEL", value_enum)]
        accel: Option<Accel>,
    },
    /// Power off all VMs and stop the engine
    Stop,
    /// Show the engine's address and acceleration
    Status,
    /// Stop the engine and delete its VMs, disks, images and secrets
    Reset {
        /// Confirm the deletion
        #[arg(short, long)]
        yes: bool,
    },
    /// Print shell variables that point gcloud at the engine
    Env,
    /// Run the engine in the foreground
    #[command(hide = true)]
    Serve {
        /// Keep everything in DIR
        #[arg(long)]
        dir: PathBuf,
        /// Choose how guests run
        #[arg(long, env = "CLAWBAKE_ACCEL", value_enum, default_value_t)]
        accel: Accel,
    },
    /// Join stdin and stdout to a unix socket, for QEMU
    #[command(hide = true)]
    Connect {
        /// Path of the socket
        socket: PathBuf,
    },
}

pub(super) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Start { accel } => {
            let (endpoint, _) = engine::start(&paths::engine()?, accel).await?;
            outln!("{}", endpoint.url)?;
        }
        Command::Stop => {
            if !engine::stop(&paths::engine()?).await? {
                errln!("no engine runs");
            }
        }
        Command::Status => match Endpoint::read(&paths::engine()?)? {
            Some(endpoint) => outln!("{}", engine::describe(&endpoint))?,
            None => outln!("no engine runs")?,
        },
        Command::Reset { yes } => {
            let dir = paths::engine()?;
            ensure!(
                yes,
                "this deletes every VM, disk, image and secret in {}: say --yes",
                dir.display()
            );
            engine::reset(&dir).await?;
        }
        Command::Env => {
            let (endpoint, _) = engine::ensure(&paths::engine()?).await?;
            let token = endpoint.token_file(&paths::engine()?);
            output::document(&environment(&endpoint, &token)?)?;
        }
        Command::Serve { dir, accel } => {
            let program = std::env::current_exe()?.display().to_string();
            let connect_command = [program, "engine".into(), "connect".into()].to_vec();
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            localgce::serve(localgce::Config {
                dir,
                cache: Cache::open(&paths::cache()?)?.shared("debian-cloud")?,
                listen,
                connect_command,
                power_off: None,
                accel,
            })
            .await?;
        }
        Command::Connect { socket } => {
            tokio::task::spawn_blocking(move || localgce::connect(&socket)).await??;
        }
    }
    Ok(())
}

/// gcloud's own variables: the engine's endpoints, and a token file instead of an account.
fn environment(endpoint: &Endpoint, token: &Path) -> Result<Vec<u8>> {
    let Endpoint {
        url, project, zone, ..
    } = endpoint;
    let variables = [
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE",
            format!("{url}/compute/v1/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDBILLING",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER",
            format!("{url}/"),
        ),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", format!("{url}/")),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE",
            format!("{url}/"),
        ),
        (
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE",
            format!("{url}/storage/v1/"),
        ),
        ("CLOUDSDK_CORE_PROJECT", project.clone()),
        ("CLOUDSDK_COMPUTE_ZONE", zone.clone()),
        ("CLOUDSDK_CORE_DISABLE_PROMPTS", "1".into()),
    ];
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    let token = (
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
        token.as_os_str().as_bytes(),
    );
    let mut text = Vec::new();
    for (name, value) in variables.chain([token]) {
        let value = shlex::bytes::try_quote(value).with_context(|| format!("quoting {name}"))?;
        text.extend([b"export ", name.as_bytes(), b"=", &value, b"\n"].concat());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::*;

    /// Every awkward byte alone, in pairs and in the middle, and what a shell would run.
    fn paths() -> impl Iterator<Item = Vec<u8>> {
        let awkward: Vec<u8> = b"'\"\\$`!*?~#&;|<>(){}[]^=, \t\n\r-a\x01\x7f\x80\xff".to_vec();
        let pairs: Vec<_> = awkward
            .iter()
            .flat_map(|one| awkward.iter().map(|other| vec![*one, *other]))
            .collect();
        let bytes = (1..=u8::MAX).map(|byte| vec![b'x', byte, b'y']);
        let written: [&[u8]; 5] = [
            b"$(touch pwned)",
            b"`touch pwned`",
            b"'; touch pwned; '",
            b"a'\\''b",
            b"\nexport PATH=/nowhere\n",
        ];
        let written = written.map(<[u8]>::to_vec);
        pairs.into_iter().chain(bytes).chain(written)
    }

    #[test]
    fn a_path_with_anything_in_it_is_evaluated_as_that_path() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = Endpoint {
            url: "http://127.0.0.1:1".into(),
            token: String::new(),
            project: "p".into(),
            zone: "z".into(),
            pid: 1,
            acceleration: "tcg".into(),
            emulated: None,
        };
        let print = b"printf '%s\\0' \"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE\"\n";
        let (mut script, mut expected) = (Vec::new(), Vec::new());
        for path in paths() {
            let path = [b"/tmp/".as_slice(), &path].concat();
            // As in the README: the shell removes trailing line breaks.
            script.extend(b"eval \"$(cat <<'EOF'\n");
            script.extend(environment(&endpoint, Path::new(OsStr::from_bytes(&path))).unwrap());
            script.extend(b"EOF\n)\"\n");
            script.extend(print);
            expected.push(path);
        }
        let file = dir.path().join("script");
        std::fs::write(&file, &script).unwrap();
        let output = Command::new("sh")
            .arg("-eu")
            .arg(file)
            .current_dir(&dir)
            .output()
            .unwrap();
        let read: Vec<_> = output.stdout.split(|byte| *byte == 0).collect();
        let pairs = read.iter().zip(&expected);
        let differences = pairs.filter(|(read, path)| *read != path).count();
        println!(
            "paths through sh: {} tries, {differences} differences",
            expected.len()
        );
        assert_eq!(
            (differences, read.len()),
            (0, expected.len() + 1),
            "{output:?}"
        );
        assert!(!dir.path().join("pwned").exists());
    }
}

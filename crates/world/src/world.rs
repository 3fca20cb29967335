use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use wire::Proxy;

use crate::endpoint::Endpoint;
use crate::engine::Engine;
use crate::ran::{Ran, stdout};
use crate::registry::Registry;

/// How long what the engine has begun may take to be settled.
const SETTLED: Duration = Duration::from_secs(10);

/// A directory with what tests need in it, until it is dropped.
///
/// Whatever cannot be done panics: it is for tests.
pub struct World {
    dir: TempDir,
    clawbake: PathBuf,
    power_off: Option<u32>,
    caches: bool,
    power: Power,
    proxy: Option<Proxy>,
    registry: Option<Registry>,
}

/// How the engine runs.
enum Power {
    /// It does not, or a verb has started it.
    Off,
    /// On its own, as `clawbake engine start` leaves it.
    Started,
    /// As a child of the test.
    Served(Engine),
}

/// An empty directory. Short: the path of a unix socket below it may have 107 bytes.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn directory() -> TempDir {
    let named = tempfile::Builder::new()
        .prefix("clawbake-")
        .tempdir_in("/tmp");
    named.expect("a directory")
}

/// How a world is set up.
impl World {
    /// An empty one, in which this `clawbake` runs.
    #[must_use]
    pub fn new(clawbake: impl Into<PathBuf>) -> Self {
        Self {
            dir: directory(),
            clawbake: clawbake.into(),
            power_off: None,
            caches: false,
            power: Power::Off,
            proxy: None,
            registry: None,
        }
    }

    /// Programs use the caches of this machine's user, as a build that takes minutes must.
    #[must_use]
    pub fn caches(mut self) -> Self {
        self.caches = true;
        self
    }

    /// Guests get so many seconds to power themselves off. Before the engine.
    #[must_use]
    pub fn power_off(mut self, seconds: u32) -> Self {
        self.power_off = Some(seconds);
        self
    }

    /// With an engine that `clawbake engine start` starts.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn engine(mut self) -> Self {
        // What has begun to start is stopped.
        self.power = Power::Started;
        assert!(self.start(), "the engine does not start");
        self
    }

    /// With an engine that is a child of the test.
    ///
    /// # Panics
    /// When it does not listen in time.
    #[must_use]
    pub fn serve(mut self) -> Self {
        fs::create_dir(self.engine_dir()).expect("a directory");
        let program = self.clawbake.to_str().expect("a path in UTF-8");
        let words = [program, "engine"];
        let power_off = self.power_off.unwrap_or(0);
        let mut engine = Engine::spawn(&words, power_off, &self.engine_dir(), Stdio::null());
        let _ = engine.endpoint();
        self.power = Power::Served(engine);
        self
    }

    /// With the proxy of Google's contract between the programs and the engine that runs; what passes is
    /// recorded as the suite's.
    #[must_use]
    pub fn wire(mut self, suite: &str) -> Self {
        self.proxy = Some(Proxy::start(&self.engine_dir(), suite));
        self
    }

    /// With a registry of npm's, which programs ask from now on.
    #[must_use]
    pub fn npm(mut self) -> Self {
        self.registry = Some(Registry::start());
        self
    }

    /// With the deployment that `clawbake init` writes.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn init(self) -> Self {
        self.done(&["init"]);
        self
    }

    /// With a deployment of a recipe of its own: a copy of the one in `shipped`, in which the words are
    /// replaced that `changes` has first by those that it has second.
    ///
    /// # Panics
    /// When the recipe does not have those words.
    #[must_use]
    pub fn recipe(self, shipped: &Path, changes: &[(&str, &str)]) -> Self {
        let world = self.init();
        let name = shipped.file_name().and_then(OsStr::to_str).expect("a name");
        copy(shipped, &world.path("recipe"));
        world.replace("recipe/recipe.yaml", changes);
        let (of_all, own) = (format!("recipe: {name} "), "recipe: ./recipe ");
        world.replace("clawbake.yaml", &[(&of_all, own)]);
        world
    }
}

/// What is in it.
impl World {
    /// The directory in which programs run.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Something in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// The engine's own directory.
    #[must_use]
    pub fn engine_dir(&self) -> PathBuf {
        self.path("engine")
    }

    /// The directory in which programs find the engine: the proxy's, where there is one.
    #[must_use]
    pub fn front(&self) -> PathBuf {
        let proxy = self.proxy.as_ref().map(Proxy::engine_dir);
        proxy.unwrap_or_else(|| self.engine_dir())
    }

    /// The proxy.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("a proxy")
    }

    /// The registry of npm's.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.registry.as_ref().expect("a registry")
    }

    /// Where programs find the engine.
    ///
    /// # Panics
    /// When none runs.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::read(&self.front()).expect("an engine")
    }

    /// Replaces words of a file that must have them.
    ///
    /// # Panics
    /// When it does not.
    pub fn replace(&self, file: &str, changes: &[(&str, &str)]) {
        let path = self.path(file);
        let mut text = fs::read_to_string(&path).expect(file);
        for (words, others) in changes {
            assert!(text.contains(words), "{file} has no {words}");
            text = text.replace(words, others);
        }
        fs::write(&path, text).expect(file);
    }

    /// An archive of a disk of 1 GiB that begins with `word`, as Compute Engine imports it, in a
    /// directory called `word`.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn archive(&self, word: &str) -> PathBuf {
        archive(&self.path(word), word)
    }

    /// Journals of runs that have left something.
    ///
    /// # Panics
    /// When they cannot be listed.
    #[must_use]
    pub fn journals(&self) -> usize {
        fs::read_dir(self.path("journal")).map_or(0, Iterator::count)
    }

    /// What nobody owns in the engine's directory once it is at rest.
    ///
    /// # Panics
    /// When no engine runs.
    #[must_use]
    pub fn orphans(&self) -> Vec<orphans::Finding> {
        let engine = Endpoint::read(&self.engine_dir()).expect("an engine");
        orphans::settle(&self.engine_dir(), engine.pid, SETTLED)
    }
}

/// What is run in it.
impl World {
    /// A program, pointed at the engine.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command_at(&self.front(), program);
        command.env("CLOUDSDK_CONFIG", self.path("gcloud"));
        command
    }

    fn command_at(&self, engine: &Path, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .env("CLAWBAKE_ENGINE", engine)
            .env("CLAWBAKE_JOURNAL", self.path("journal"))
            .env("CLAWBAKE_FILE", self.path("clawbake.yaml"));
        if !self.caches {
            command.env("CLAWBAKE_CACHE", self.path("cache"));
        }
        command.envs(self.registry.as_ref().map(Registry::variable));
        command
    }

    /// A verb of clawbake.
    #[must_use]
    pub fn verb(&self, words: &[&str]) -> Command {
        let mut command = self.command(&self.clawbake);
        self.isolate(&mut command).args(words);
        command
    }

    /// Nothing of the user's own is read or written.
    fn isolate<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if !self.caches {
            command.env("HOME", self.dir());
            for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs a verb.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Ran {
        self.verb(words).output().expect("clawbake").into()
    }

    /// Runs a verb that must succeed, and returns what it prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn done(&self, words: &[&str]) -> String {
        stdout(self.verb(words).output().expect("clawbake"), words)
    }

    /// Runs a verb that must fail with this exit code and no result, and returns what it says.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn refused(&self, words: &[&str], code: i32) -> String {
        let ran = self.run(words);
        let (ended, printed) = (ran.code, ran.stdout.as_str());
        assert_eq!((ended, printed), (Some(code), ""), "{words:?}: {ran:?}");
        ran.stderr
    }

    /// Runs a verb so many times at once.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn at_once(&self, words: &[&str], times: usize) -> Vec<Ran> {
        let start = |_| {
            let mut command = self.verb(words);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("clawbake")
        };
        let children: Vec<_> = (0..times).map(start).collect();
        let outputs = children.into_iter().map(Child::wait_with_output);
        outputs.map(|it| it.expect("its end").into()).collect()
    }

    /// The variables that `clawbake engine env` sets in a shell.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = self.done(&["engine", "env"]);
        let variable = |line: &str| {
            let (name, value) = line.trim_start_matches("export ").split_once('=')?;
            Some((name.to_owned(), value.trim_matches('\'').to_owned()))
        };
        text.lines().filter_map(variable).collect()
    }

    /// Starts the engine, past the proxy. Whether that worked.
    #[must_use]
    pub fn start(&self) -> bool {
        self.engine_verb("start")
    }

    /// Stops it. Whether that worked.
    #[must_use]
    pub fn stop(&self) -> bool {
        self.engine_verb("stop")
    }

    fn engine_verb(&self, verb: &str) -> bool {
        let mut command = self.command_at(&self.engine_dir(), &self.clawbake);
        self.isolate(&mut command).args(["engine", verb]);
        if let Some(seconds) = self.power_off {
            command.env("CLAWBAKE_POWER_OFF", seconds.to_string());
        }
        let ran = command.output().map(Ran::from);
        ran.is_ok_and(|ran| {
            if !ran.success() {
                eprintln!("engine {verb}: {}", ran.stderr);
            }
            ran.success()
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let stopped = match &mut self.power {
            Power::Served(engine) => engine.stop(),
            Power::Started | Power::Off => self.stop(),
        };
        // An engine that is left running is worse than an error here.
        if !stopped {
            let engine = self.engine_dir();
            eprintln!("the engine in {} does not stop", engine.display());
        }
    }
}

/// Copies a directory and all in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("a file");
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).expect("a copy");
        }
    }
}

/// An archive of a disk of 1 GiB that begins with `content`, in a new directory.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn archive(dir: &Path, content: &str) -> PathBuf {
    fs::create_dir(dir).expect("a directory");
    let mut disk = fs::File::create(dir.join("disk.raw")).expect("a file");
    disk.write_all(content.as_bytes()).expect("a disk");
    disk.set_len(1 << 30).expect("a disk");
    let mut tar = Command::new("tar");
    tar.args(["--format=oldgnu", "-Sczf", "disk.tar.gz", "disk.raw"]);
    let status = tar.current_dir(dir).status().expect("tar");
    assert!(status.success(), "tar: {status}");
    dir.join("disk.tar.gz")
}

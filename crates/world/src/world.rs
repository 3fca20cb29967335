mod programs;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use wire::Proxy;

use crate::endpoint::Endpoint;
use crate::engine::Engine;
use crate::files::{archive, copy, directory};
use crate::registry::Registry;

/// How long what the engine has begun may take to be settled.
const SETTLED: Duration = Duration::from_secs(10);

/// A directory with what tests need in it, until it is dropped.
///
/// Whatever cannot be done panics: it is for tests.
pub struct World {
    dir: TempDir,
    clawbake: PathBuf,
    /// Whether a guest's part is played by the test, where it has one.
    halted: bool,
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

/// How a world is set up.
impl World {
    /// An empty one, in which this `clawbake` runs.
    #[must_use]
    pub fn new(clawbake: impl Into<PathBuf>) -> Self {
        Self {
            dir: directory(),
            clawbake: clawbake.into(),
            halted: true,
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

    /// Guests run, as this machine can run them or `CLAWBAKE_ACCEL` says. Before the engine.
    #[must_use]
    pub fn boots(mut self) -> Self {
        self.halted = false;
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
        let options: &[_] = if self.halted {
            &["--accel", "halted"]
        } else {
            &[]
        };
        let mut engine = Engine::spawn(&words, options, &self.engine_dir(), Stdio::null());
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

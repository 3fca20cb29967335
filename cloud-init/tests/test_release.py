import json
import os
import pathlib
import shutil
import time
import unittest

import guest

HOME = pathlib.Path("/home/clawbake")
MARKER = HOME / ".clawbake-state"
LOG = pathlib.Path("/run/stand-ins/docker.log")
DONE = pathlib.Path("/run/stand-ins/done")
SLOWNESS = pathlib.Path("/run/stand-ins/clawbake-slowness")


def note(name, rest=""):
    """A recipe's command that notes that it was run."""
    return {"run": ["sh", "-c", f"echo {name} >>{DONE}; {rest}"], "seconds": 5}


class Release(unittest.TestCase):
    def setUp(self):
        guest.write_vm()
        shutil.rmtree(guest.RUN, ignore_errors=True)
        HOME.mkdir(exist_ok=True)
        self.addCleanup(shutil.rmtree, HOME)
        os.chown(HOME, 1000, 1000)
        self.cloud = guest.Metadata()
        self.addCleanup(self.cloud.close)
        self.env = guest.stand_in(self, docker=guest.DOCKER, **{"clawbake-slowness": "echo 1"})
        guest.sh("mount", "--bind", SLOWNESS, guest.LIB / SLOWNESS.name)
        self.addCleanup(guest.sh, "umount", guest.LIB / SLOWNESS.name)
        self.image("2026.9.5")
        guest.script("clawbake-marker", "release")

    def image(self, version, **state):
        """An image whose release writes the schema 18/23."""
        guest.write_image(gateway={"package": "openclaw", "version": version, "schema": {"state": 18, "agent": 23}},
                          state={"dirs": [".openclaw"], "seeds": [], "lease": None, "preflight": None, "doctor": None, "counts": None, **state})

    def preflight(self, rest=""):
        return {**note("preflight", rest), "refused": [3]}

    def run_it(self):
        done = guest.script("clawbake-release", env=self.env)
        self.assertEqual(list(guest.RUN.glob("release.*")), [])
        return done

    def passes(self):
        done = self.run_it()
        self.assertEqual((done.returncode, self.cloud.phases), (0, []), done.stderr)

    def fails(self):
        """The reason, after checking that the marker is as it was."""
        before = MARKER.read_bytes()
        done = self.run_it()
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("canary", done.stderr)
        self.assertEqual(MARKER.read_bytes(), before)
        report = self.cloud.phases.pop()
        self.assertEqual((report["phase"], self.cloud.phases), ("failed", []))
        return report["reason"]

    def done(self):
        return DONE.read_text().split() if DONE.exists() else []

    def test_the_release_that_wrote_last_is_not_asked(self):
        self.image("2026.9.5", lease=note("lease"), preflight=self.preflight("exit 3"))
        self.passes()
        self.assertEqual((self.done(), LOG.exists()), ([], False))

    def test_another_release_is_asked_and_then_written_down(self):
        self.image("2026.9.6", preflight=self.preflight())
        self.passes()
        self.passes()
        self.assertEqual(self.done(), ["preflight"])
        self.assertEqual(json.loads(MARKER.read_text())["gateway"], "2026.9.6")
        call = LOG.read_text().splitlines()[1]
        self.assertIn(" run --rm --no-deps -T --name clawbake-preflight gateway sh -c ", call)

    def test_a_release_without_a_preflight_is_written_down(self):
        self.image("2026.9.6")
        self.passes()
        self.assertEqual((json.loads(MARKER.read_text())["gateway"], LOG.exists()), ("2026.9.6", False))

    def test_a_refusal_is_told_with_its_last_line_at_every_start(self):
        self.image("2026.9.6", preflight=self.preflight("echo state: exact; echo agent main: incompatible; echo; exit 3"))
        for _ in range(2):
            self.assertEqual(self.fails(), "preflight: this release does not take the state: agent main: incompatible")

    def test_another_status_means_that_nobody_knows(self):
        self.image("2026.9.6", preflight=self.preflight("echo no such command >&2; exit 1"))
        self.assertEqual(self.fails(), "preflight: it ended with status 1, so nobody knows whether this release takes the state: no such command")

    def test_a_command_has_its_time_and_its_container_goes(self):
        self.image("2026.9.6", preflight={**self.preflight("sleep 60"), "seconds": 1})
        start = time.monotonic()
        self.assertIn("ended with status 124, so nobody knows whether this release takes the state: its time was up", self.fails())
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(LOG.read_text().splitlines()[-1], "rm --force clawbake-preflight")

    def test_a_slow_machine_gives_a_command_more_time(self):
        SLOWNESS.write_text("#!/bin/sh\necho 20\n")
        self.image("2026.9.6", preflight={**self.preflight("sleep 2"), "seconds": 1})
        self.passes()

    def test_a_state_that_came_since_is_looked_at_too(self):
        self.image("2026.9.6", preflight=self.preflight())
        MARKER.write_text(json.dumps({"package": "openclaw", "gateway": "2026.9.8", "schema": {"state": 19, "agent": 24}}))
        self.assertIn("the state was last written by openclaw 2026.9.8 with schema 19/24", self.fails())
        self.assertEqual(self.done(), [])

    def test_the_lease_is_taken_in_a_clone_alone_and_first(self):
        self.image("2026.9.6", lease=note("lease"), preflight=self.preflight())
        self.passes()
        self.assertEqual(self.done(), ["preflight"])
        guest.write_vm(clone=True)
        self.image("2026.9.7", lease=note("lease"), preflight=self.preflight())
        self.passes()
        self.assertEqual(self.done(), ["preflight", "lease", "preflight"])
        self.image("2026.9.8", lease=note("lease", "echo locked; exit 1"), preflight=self.preflight())
        self.assertEqual(self.fails(), "lease: it cannot be taken from the copied state (status 1): locked")

    def test_the_lease_is_taken_after_an_import(self):
        disk = pathlib.Path("/var/lib/clawbake")
        disk.mkdir(parents=True, exist_ok=True)
        guest.sh("mount", "-t", "tmpfs", "tmpfs", disk)
        self.addCleanup(guest.sh, "umount", disk)
        (disk / "imported").write_text("{}")
        self.image("2026.9.6", lease=note("lease"), preflight=self.preflight())
        self.passes()
        self.assertEqual(self.done(), ["lease", "preflight"])

    def test_the_doctor_runs_once_when_it_is_asked_for(self):
        self.image("2026.9.5", doctor={**note("doctor"), "when": 400})
        self.passes()
        self.assertEqual(self.done(), [])
        (guest.RUN / "doctor-wanted").touch()
        for _ in range(2):
            self.passes()
        self.assertEqual(self.done(), ["doctor"])
        self.assertTrue((guest.RUN / "doctor-called").exists())

    def test_a_doctor_that_fails_is_told(self):
        self.image("2026.9.5", doctor={**note("doctor", "echo beyond help; exit 2"), "when": 400})
        guest.RUN.mkdir()
        (guest.RUN / "doctor-wanted").touch()
        self.assertEqual(self.fails(), "doctor: it ended with status 2: beyond help")

    def test_a_state_of_another_gateway_is_made_this_ones_before_the_first_start_on_it(self):
        adopts = lambda rest="": {"from": "clawdbot", "moves": [], **note("adopts", rest)}
        guest.write_image(gateway={"package": "clawdbot", "version": "2026.1.24-3", "schema": None})
        MARKER.unlink()
        guest.script("clawbake-marker", "release")
        self.image("2026.9.6", adopts=adopts("echo beyond help; exit 2"))
        guest.script("clawbake-marker", "adopt")
        guest.script("clawbake-marker", "adopted")
        self.assertEqual(self.fails(), "adopts: the state cannot be taken over (status 2): beyond help")
        for version in ("2026.9.6", "2026.9.6", "2026.9.7"):
            self.image(version, adopts=adopts())
            self.passes()
        self.assertEqual(self.done(), ["adopts", "adopts"])
        marker = json.loads(MARKER.read_text())
        self.assertEqual((marker["gateway"], marker["from"]["package"]), ("2026.9.7", "clawdbot"))

    def test_what_a_command_says_of_a_secret_is_not_told(self):
        (guest.RUN / "secrets").mkdir(parents=True)
        (guest.RUN / "secrets/A").write_text("canary-0123456789")
        self.image("2026.9.6", preflight=self.preflight("echo 'token canary-0123456789'; exit 3"))
        self.assertEqual(self.fails(), "preflight: this release does not take the state: token [redacted]")

    def test_an_image_of_before_names_nothing_and_passes(self):
        MARKER.unlink()
        guest.write_image()
        self.passes()
        self.assertFalse(LOG.exists())

    def test_words_arrive_as_they_are(self):
        words = ["a b", "'", '"', "$HOME", "`id`", "\\", "*", "-x", "{}", "é"]
        out = pathlib.Path("/run/stand-ins/words")
        self.image("2026.9.6", preflight={"run": ["sh", "-c", f'printf "%s\\n" "$@" >{out}', "sh", *words], "seconds": 5, "refused": [3]})
        self.passes()
        self.assertEqual(out.read_text().splitlines(), words)

import itertools
import json
import os
import pathlib
import shutil
import unittest

import guest

HOME = pathlib.Path("/home/clawbake")
MARKER = HOME / ".clawbake-state"


class Marker(unittest.TestCase):
    def setUp(self):
        guest.write_vm()
        HOME.mkdir(exist_ok=True)
        self.addCleanup(shutil.rmtree, HOME)
        os.chown(HOME, 1000, 1000)

    def image(self, version="2026.9.6", schema=(18, 23), package="openclaw"):
        guest.write_image(gateway={"package": package, "version": version, "schema": pair(schema)})

    def marker(self, command):
        done = guest.script("clawbake-marker", command)
        self.assertIn(done.returncode, (0, 1) if command == "differs" else (0,), done.stderr)
        return done.stdout if command == "check" else done.returncode == 0

    def test_no_release_works_on_a_state_that_a_newer_schema_has_written(self):
        schemas = [None, *itertools.product((17, 18), (21, 23))]
        tries, differences = 0, []
        for old, new in itertools.product(schemas, schemas):
            MARKER.write_text(json.dumps({"deployment": "clawdbot-gateway", "package": "openclaw", "gateway": "2026.9.5", "schema": pair(old)}))
            self.image(schema=new)
            may = old is None or (new is not None and old[0] <= new[0] and old[1] <= new[1])
            tries += 1
            if (self.marker("check") == "") != may:
                differences.append((old, new))
        print(f"schemas: {tries} tries, {len(differences)} differences")
        self.assertEqual((tries, differences), (25, []))

    def test_a_refusal_names_both_and_the_remedy(self):
        self.image()
        self.marker("release")
        self.image("2026.9.5", (17, 21))
        self.assertEqual(self.marker("check"), (
            "the state was last written by openclaw 2026.9.6 with schema 18/23, and this image's 2026.9.5 reads 17/21 at most: "
            "go back together with the state, by `clawbake rollback --with-state`, or use the newer release\n"))
        self.image("2026.7.33", None)
        self.assertIn("this image's openclaw 2026.7.33 names none", self.marker("check"))

    def test_another_gateways_state_is_brought_over_by_migrate(self):
        self.image("2026.1.24-3", None, "clawdbot")
        self.marker("release")
        self.assertEqual(self.marker("check"), "")
        self.image()
        self.assertEqual(self.marker("check"), (
            "the state is clawdbot's, and this image runs openclaw: bring it over with `clawbake migrate`, or use an image of clawdbot\n"))

    def test_owner_and_release_are_written_without_losing_each_other(self):
        self.image()
        self.marker("own")
        self.assertTrue(self.marker("differs"))
        self.assertEqual(set(json.loads(MARKER.read_text())), {"deployment", "at", "image"})
        self.marker("release")
        self.assertFalse(self.marker("differs"))
        guest.write_vm(deployment="other")
        self.marker("own")
        marker = json.loads(MARKER.read_text())
        del marker["at"]
        self.assertEqual(marker, {"deployment": "other", "image": "clawdbot-gateway-test", "package": "openclaw",
                                  "gateway": "2026.9.6", "schema": {"state": 18, "agent": 23}})
        self.image("2026.9.7-1")
        self.assertTrue(self.marker("differs"))
        self.assertEqual((MARKER.stat().st_uid, MARKER.stat().st_mode & 0o777), (0, 0o444))

    def test_what_says_the_same_already_is_left_alone(self):
        self.image()
        for command in ("own", "release"):
            self.marker(command)
        before = MARKER.stat().st_ino
        for command in ("own", "release", "check", "differs"):
            self.marker(command)
        self.assertEqual(MARKER.stat().st_ino, before)

    def test_an_image_of_before_and_a_disk_of_before_know_each_other(self):
        guest.write_image()  # without package and schema
        self.marker("own")
        self.assertEqual(self.marker("check"), "")
        self.marker("release")
        self.assertFalse(self.marker("differs"))
        self.image("2026.1.24-3", None, "clawdbot")
        self.assertEqual((self.marker("check"), self.marker("differs")), ("", True))

    def test_what_the_gateways_user_puts_there_is_not_believed(self):
        self.image("2026.9.5", (17, 21))
        lie = json.dumps({"deployment": "clawdbot-gateway", "package": "openclaw", "gateway": "2026.9.5", "schema": pair((99, 99))})
        (HOME / "lie").write_text(lie)
        for make in (lambda: MARKER.symlink_to("lie"), lambda: os.mkfifo(MARKER), lambda: MARKER.write_text(lie)):
            make()
            os.chown(MARKER, 1000, 1000, follow_symlinks=False)
            self.assertEqual((self.marker("check"), self.marker("differs")), ("", True))
            self.marker("release")
            self.assertEqual(json.loads(MARKER.read_text())["schema"], pair((17, 21)))
            MARKER.unlink()
        self.assertEqual((HOME / "lie").read_text(), lie)
        for text in ("", "[]", "{", "7 8"):
            MARKER.write_text(text)
            self.assertEqual(self.marker("check"), "")
            self.marker("own")
            self.assertEqual(json.loads(MARKER.read_text())["deployment"], "clawdbot-gateway")

    def test_what_a_killed_run_left_goes(self):
        self.image()
        (HOME / ".clawbake-state.0123456789").write_text("half")
        self.marker("release")
        self.assertEqual([path.name for path in HOME.iterdir()], [MARKER.name])


def pair(schema):
    return None if schema is None else {"state": schema[0], "agent": schema[1]}

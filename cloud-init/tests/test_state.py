import contextlib
import json
import os
import pathlib
import shutil
import stat
import struct
import threading
import time
import unittest

import guest

HOME = pathlib.Path("/home/clawbake")
MARKER = HOME / ".clawbake-state"
LINK = pathlib.Path("/dev/disk/by-id/google-clawbake-state")
MIB = 1 << 20


class OnDisk(unittest.TestCase):
    """A blank state disk, and the script that mounts it."""

    def setUp(self):
        guest.write_image()
        guest.write_vm()
        self.cloud = guest.Metadata()
        self.addCleanup(self.cloud.close)
        self.file = pathlib.Path("/run/disk.raw")
        self.file.write_bytes(b"")
        os.truncate(self.file, 64 * MIB)
        self.addCleanup(self.file.unlink)
        self.loop = guest.sh("losetup", "--find", "--show", self.file).stdout.strip()
        # Detached now, it lives as long as this process has it open or mounted, however that ends.
        self.addCleanup(open(self.loop, "rb").close)
        guest.sh("losetup", "-d", self.loop)
        self.addCleanup(LINK.unlink, missing_ok=True)
        self.addCleanup(guest.sh, "umount", HOME, check=False)
        LINK.symlink_to(self.loop)

    def up(self):
        done = guest.script("clawbake-state")
        self.assertEqual(done.returncode, 0, done.stderr)

    def reboot(self):
        guest.sh("umount", HOME)
        self.up()

    def refused(self):
        """The reason reported, after checking that the disk is as it was."""
        before = self.file.read_bytes()
        self.assertEqual(guest.script("clawbake-state").returncode, 1)
        self.assertEqual(self.file.read_bytes(), before)
        self.assertFalse(HOME.is_mount())
        return self.cloud.phases[-1]["reason"]


class State(OnDisk):
    def fill(self, *options):
        """Somebody's ext4, with a photo."""
        tree = pathlib.Path("/run/tree")
        (tree / "photos").mkdir(parents=True)
        self.addCleanup(shutil.rmtree, tree)
        (tree / "photos/cat").write_text("meow")
        guest.sh("mkfs.ext4", "-q", "-d", tree, *options, self.loop)

    def write(self, offset, data):
        with open(self.loop, "r+b", buffering=0) as disk:
            disk.seek(offset)
            disk.write(data)
            os.fsync(disk)

    def test_a_blank_disk_is_formatted_and_filled(self):
        self.up()
        self.assertTrue(HOME.is_mount())
        self.assertEqual(guest.sh("blkid", "-p", "-o", "value", "-s", "LABEL", self.loop).stdout, "clawbake-state\n")
        for path in (".", ".clawdbot", "clawd", ".config", ".config/clawd"):
            self.assertEqual(owner_and_mode(HOME / path), (1000, 1000, 0o700), path)
        seed = HOME / ".clawdbot/clawdbot.json"
        self.assertEqual(owner_and_mode(seed), (1000, 1000, 0o600))
        self.assertEqual(seed.read_text(), "{\"it's\": \"$HOME\\n\"}\n\n")
        options = guest.sh("findmnt", "-no", "OPTIONS", HOME).stdout.split(",")
        self.assertLessEqual({"nodev", "nosuid"}, set(options))

    def test_data_and_edited_seeds_survive(self):
        self.up()
        (HOME / "clawd/note").write_text("kept")
        (HOME / ".clawdbot/clawdbot.json").write_text("edited")
        self.reboot()
        self.up()  # and a second time while it is mounted
        self.assertEqual((HOME / "clawd/note").read_text(), "kept")
        self.assertEqual((HOME / ".clawdbot/clawdbot.json").read_text(), "edited")
        self.assertEqual(sorted(p.name for p in (HOME / ".clawdbot").iterdir()), ["clawdbot.json"])

    def test_a_grown_disk_grows_its_file_system(self):
        self.up()
        small = os.statvfs(HOME).f_blocks
        guest.sh("umount", HOME)
        os.truncate(self.file, 128 * MIB)
        guest.sh("losetup", "-c", self.loop)
        self.up()
        self.assertGreater(os.statvfs(HOME).f_blocks, 1.8 * small)

    def test_a_disk_that_comes_late_is_waited_for(self):
        LINK.unlink()
        threading.Timer(2, LINK.symlink_to, [self.loop]).start()
        start = time.monotonic()
        self.up()
        self.assertGreater(time.monotonic() - start, 1.5)

    def test_wrong_owners_are_mended_where_the_top_is_wrong(self):
        self.up()
        for name in (".clawdbot", "clawd"):
            (HOME / name / "file").write_text("")  # root's
        os.chown(HOME / "clawd", 0, 0)
        self.reboot()
        self.assertEqual(owner_and_mode(HOME / "clawd")[0], 1000)
        self.assertEqual((HOME / "clawd/file").stat().st_uid, 1000)
        self.assertEqual((HOME / ".clawdbot/file").stat().st_uid, 0, "a healthy directory was walked through")

    def test_links_do_not_lead_root_astray(self):
        self.up()
        (HOME / "clawd").rmdir()
        (HOME / "clawd").symlink_to("/etc")
        guest.sh("umount", HOME)
        self.assertEqual(guest.script("clawbake-state").returncode, 1)
        self.assertIn("symbolic link", self.cloud.phases[-1]["reason"])
        self.assertEqual(pathlib.Path("/etc").stat().st_uid, 0)

    def test_a_strangers_file_system_is_left_alone_until_it_is_adopted(self):
        self.fill("-L", "family")
        reason = self.refused()
        for part in ("labelled 'family'", "'photos'", "--adopt-state"):
            self.assertIn(part, reason)
        self.cloud.attributes["clawbake-adopt-state"] = "nonce-of-an-earlier-start"
        self.refused()
        self.cloud.attributes["clawbake-adopt-state"] = "nonce-1"
        self.up()
        self.assertEqual((HOME / "photos/cat").read_text(), "meow")
        self.assertEqual(guest.sh("blkid", "-p", "-o", "value", "-s", "LABEL", self.loop).stdout, "clawbake-state\n")
        del self.cloud.attributes["clawbake-adopt-state"]
        self.reboot()

    def test_a_strangers_journal_is_not_replayed(self):
        self.fill("-L", "family")
        HOME.mkdir(exist_ok=True)
        guest.sh("mount", self.loop, HOME)
        (HOME / "late").write_text("in the journal alone")
        os.sync()
        copy = self.file.read_bytes()  # as a machine leaves it that lost its power
        guest.sh("umount", HOME)
        self.write(0, copy)
        self.assertIn("needs_recovery", guest.sh("dumpe2fs", "-h", self.loop).stdout)
        self.refused()

    def test_another_deployments_disk_is_left_alone_until_it_is_adopted(self):
        self.up()
        guest.sh("umount", HOME)
        guest.write_vm(deployment="other")
        self.assertIn("belongs to deployment 'clawdbot-gateway', is not deployment other's", self.refused())
        self.cloud.attributes["clawbake-adopt-state"] = "nonce-1"
        self.up()
        self.assertEqual(json.loads(MARKER.read_text())["deployment"], "other")

    def test_a_disk_of_an_earlier_clawbake_gets_its_marker(self):
        self.fill("-L", "clawbake-state")
        self.up()
        marker = json.loads(MARKER.read_text())
        self.assertEqual((marker["deployment"], marker["image"]), ("clawdbot-gateway", "clawdbot-gateway-test"))
        self.assertEqual(owner_and_mode(MARKER), (0, 0, 0o444))

    def release(self, version, schema):
        state, agent = schema
        guest.write_image(gateway={"package": "clawdbot", "version": version, "schema": {"state": state, "agent": agent}})

    def test_a_fresh_disk_is_its_release_s_own_and_no_other_is(self):
        self.release("2026.9.5", (17, 21))
        self.up()
        marker = json.loads(MARKER.read_text())
        self.assertEqual((marker["package"], marker["gateway"], marker["schema"]), ("clawdbot", "2026.9.5", {"state": 17, "agent": 21}))
        self.release("2026.9.6", (18, 23))
        self.reboot()
        self.assertEqual(json.loads(MARKER.read_text())["gateway"], "2026.9.5", "only clawbake-release may say so")

    def test_a_disk_that_waits_for_an_import_is_no_release_s(self):
        guest.write_vm(hold=True)
        self.up()
        self.assertNotIn("gateway", json.loads(MARKER.read_text()))

    def test_a_release_with_an_older_schema_changes_nothing(self):
        self.release("2026.9.6", (18, 23))
        self.up()
        (HOME / ".clawdbot/clawdbot.json").unlink()  # it would be seeded again
        guest.sh("umount", HOME)
        self.release("2026.9.5", (17, 21))
        self.assertEqual(guest.script("clawbake-state").returncode, 1)
        reason = self.cloud.phases[-1]["reason"]
        self.assertIn("schema 18/23", reason)
        self.assertIn("2026.9.5 reads 17/21 at most", reason)
        self.assertEqual(list((HOME / ".clawdbot").iterdir()), [])
        self.assertEqual(json.loads(MARKER.read_text())["gateway"], "2026.9.6")
        self.release("2026.9.6", (18, 23))
        self.up()

    def test_a_marker_is_written_over_nothing(self):
        self.up()
        for make in (lambda: MARKER.symlink_to("/etc/hosts"), lambda: os.mkfifo(MARKER), lambda: MARKER.write_text("{}")):
            MARKER.unlink()
            make()
            os.chown(MARKER, 1000, 1000, follow_symlinks=False)
            self.reboot()
            self.assertEqual(owner_and_mode(MARKER), (0, 0, 0o444))
        self.assertIn("localhost", pathlib.Path("/etc/hosts").read_text())
        self.assertEqual([p.name for p in HOME.iterdir() if p.name.startswith(".clawbake")], [MARKER.name])

    def test_nothing_at_the_write_tests_name_hangs_or_misleads_it(self):
        self.up()
        for name in (".clawbake-write-test", ".clawbake-write-test.0123456789", ".clawdbot.json.clawbake-new"):
            for make in (os.mkfifo, os.mkdir, lambda p: os.symlink("/dev/full", p), lambda p: os.mknod(p, 0o600 | stat.S_IFCHR, 0x107)):
                path = HOME / "clawd" / name
                make(path)
                start = time.monotonic()
                self.reboot()
                self.assertLess(time.monotonic() - start, 20)
                self.assertTrue(os.path.lexists(path), "what is not the test's file is left alone")
                path.rmdir() if path.is_dir() else path.unlink()
        for name in (".clawbake-write-test", ".clawbake-write-test.0123456789"):
            (HOME / "clawd" / name).write_text("of a run that was killed")
        self.reboot()
        self.assertEqual(list((HOME / "clawd").iterdir()), [])

    def test_a_full_disk_is_told(self):
        self.up()
        with open(HOME / "clawd/big", "wb", buffering=0) as file:
            with self.assertRaises(OSError):
                while True:
                    file.write(bytes(MIB))
        for size in (4096, 1):
            with open(HOME / "clawd/big", "ab", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
        guest.sh("umount", HOME)
        self.assertEqual(guest.script("clawbake-state").returncode, 1)
        self.assertIn("the state disk is full", self.cloud.phases[-1]["reason"])

    def test_bytes_without_a_signature_are_left_alone(self):
        for offset in (0, 1000, 32 * MIB, 64 * MIB - 1):
            self.write(offset, b"x")
            self.assertIn("not blank", self.refused(), offset)
            self.write(offset, b"\0")

    def test_other_signatures_are_left_alone(self):
        xfs = struct.pack(">4sIQQQ16sQQQQIIIIIHHHH12sBBBBBBBB", b"XFSB", 4096, 16384, 0, 0, b"u" * 16, 8192, 128, 129, 130,
                          1, 4096, 4, 0, 1368, 0xB4A5, 512, 512, 8, b"", 12, 9, 9, 3, 12, 0, 0, 25)
        luks = b"LUKS\xba\xbe" + struct.pack(">H", 1) + b"aes".ljust(200, b"\0")
        for name, header in (("crypto_LUKS", luks), ("xfs", xfs)):
            self.write(0, header)
            self.assertIn(f"TYPE={name}", self.refused())
            self.write(0, bytes(len(header)))
        guest.sh("sfdisk", self.loop, input="label: gpt\n,,L\n", check=False)
        self.assertIn("PTTYPE=gpt", self.refused())


def owner_and_mode(path):
    stat = path.stat()
    return stat.st_uid, stat.st_gid, stat.st_mode & 0o777

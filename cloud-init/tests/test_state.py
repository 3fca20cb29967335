import os
import pathlib
import struct
import threading
import time
import unittest

import guest

HOME = pathlib.Path("/home/clawbake")
LINK = pathlib.Path("/dev/disk/by-id/google-clawbake-state")
MIB = 1 << 20


class State(unittest.TestCase):
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

    def write(self, offset, data):
        with open(self.loop, "r+b") as disk:
            disk.seek(offset)
            disk.write(data)

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

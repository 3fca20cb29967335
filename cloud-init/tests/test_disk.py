import contextlib
import hashlib
import io
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import time
import unittest

import guest

MIB = 1 << 20
SCRATCH = pathlib.Path("/run/disks")
USED = pathlib.Path("/var/lib/clawbake")
SECONDS = 30  # that the property tests may take in all
disk = guest.load("clawbake-disk")


class Disk:
    """A disk with some content, as a loop device, which goes when the block ends."""

    def __init__(self, content=None, size=64 * MIB):
        self.file = SCRATCH / "disk.raw"
        if content:
            guest.sh("cp", "--sparse=always", content, self.file)
        else:
            self.file.write_bytes(b"")
            os.truncate(self.file, size)

    def __enter__(self):
        self.loop = guest.sh("losetup", "--find", "--show", self.file).stdout.strip()
        return self

    def __exit__(self, *_):
        guest.sh("losetup", "-d", self.loop)
        self.file.unlink()

    def write(self, offset, data):
        with open(self.file, "r+b", buffering=0) as file:
            os.pwrite(file.fileno(), data, offset)

    def digest(self):
        """Of all that is not a hole, with its place."""
        digest = hashlib.sha256()
        with open(self.file, "rb") as file:
            for start, end in extents(file.fileno()):
                file.seek(start)
                data = file.read(end - start)
                if data.strip(b"\0"):
                    digest.update(struct.pack("<QQ", start, end) + data)
        return digest.hexdigest()

    def type(self):
        done = guest.sh("blkid", "-p", "-o", "value", "-s", "TYPE", self.loop, check=False)
        return done.stdout.strip()


def extents(descriptor):
    """Where a file holds data, in pieces of 4 KiB."""
    size, at = os.fstat(descriptor).st_size, 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        for piece in range(start, at, 4096):
            yield piece, min(piece + 4096, at)


def make(name, size, *commands):
    """A file with what the commands make in it; FILE stands for it."""
    file = SCRATCH / name
    file.write_bytes(b"")
    os.truncate(file, size)
    for command in commands:
        options = {"input": command.pop()} if isinstance(command[-1], bytes) else {}
        subprocess.run([str(file) if word == "FILE" else word for word in command], check=True, capture_output=True, **options)
    return file


def library(rng):
    """Disks that hold something, by name."""
    tree = SCRATCH / "tree"
    tree.mkdir()
    for number in range(8):
        (tree / f"file-{number}").write_bytes(rng.randbytes(rng.randrange(1, 2 * MIB)))
    key = SCRATCH / "key"
    key.write_bytes(b"k" * 32)
    ext4 = ["mkfs.ext4", "-q", "-F", "-d", str(tree)]
    made = {
        "ext4": make("ext4", 96 * MIB, [*ext4, "FILE"]),
        "ext4 of ours": make("ours", 96 * MIB, [*ext4, "-L", "clawbake-state", "FILE"]),
        "ext4 of 1 KiB blocks": make("ext4-1k", 48 * MIB, [*ext4, "-b", "1024", "FILE"]),
        "MBR with ext4": make("mbr", 96 * MIB, ["sfdisk", "-q", "FILE", b"label: dos\n2048,,83\n"],
                              [*ext4, "-E", f"offset={MIB}", "FILE", "80M"]),
        "GPT with ext4": make("gpt", 96 * MIB, ["sfdisk", "-q", "FILE", b"label: gpt\n2048,,L\n"],
                              [*ext4, "-E", f"offset={MIB}", "FILE", "80M"]),
        "swap": make("swap", 64 * MIB, ["mkswap", "-q", "FILE"]),
        "btrfs": make("btrfs", 128 * MIB, ["mkfs.btrfs", "-q", "-r", str(tree), "FILE"]),
        "xfs": make("xfs", 320 * MIB, ["mkfs.xfs", "-q", "FILE"]),
        "LUKS2": make("luks", 64 * MIB, ["cryptsetup", "luksFormat", "-q", "--type=luks2", "--pbkdf=pbkdf2",
                                         "--pbkdf-force-iterations=1000", f"--key-file={key}", "FILE"]),
        "LVM": make("lvm", 64 * MIB),
        "raw data": make("raw", 64 * MIB),
    }
    with open(made["LVM"], "r+b") as file:  # as pvcreate writes it
        body = struct.pack("<L", 32) + b"LVM2 001" + rng.randbytes(32) + struct.pack("<Q", 64 * MIB)
        file.seek(512)
        file.write(b"LABELONE" + struct.pack("<QL", 1, 0) + body)
    with open(made["raw data"], "r+b") as file:
        file.seek(rng.randrange(0, 40 * MIB))
        file.write(rng.randbytes(20 * MIB))
    return made


def in_child(action):
    """How a child process ends that does this: 0, or less a signal's number."""
    child = os.fork()
    if child == 0:
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def format_until(path, number, part):
    """Formats, and is killed with a part of the write of that number done."""
    write, count = os.pwritev, 0

    def cut(descriptor, views, offset):
        nonlocal count
        count += 1
        if count == number:
            write(descriptor, [views[0][: int(len(views[0]) * part) // 512 * 512]], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        return write(descriptor, views, offset)

    os.pwritev = cut
    with contextlib.redirect_stderr(io.StringIO()):
        disk.main(path)


class Disks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # A boot disk that remembers, for as long as these tests run.
        USED.parent.mkdir(parents=True, exist_ok=True)
        guest.sh("mount", "-t", "tmpfs", "tmpfs", USED.parent)
        cls.addClassCleanup(guest.sh, "umount", USED.parent)

    def setUp(self):
        guest.write_vm()
        shutil.rmtree(guest.RUN, ignore_errors=True)
        guest.RUN.mkdir()
        (guest.RUN / "nonce").write_text("nonce-1\n")
        SCRATCH.mkdir()
        self.addCleanup(shutil.rmtree, SCRATCH)
        shutil.rmtree(USED, ignore_errors=True)
        self.cloud = guest.Metadata()
        self.addCleanup(self.cloud.close)

    def accepted(self, blank):
        done = guest.script("clawbake-disk", blank.loop)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(blank.type(), "ext4")
        return done.stderr

    def refused(self, held):
        """The reason, after checking that the disk is as it was."""
        before = held.digest()
        done = guest.script("clawbake-disk", held.loop)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(held.digest(), before)
        self.assertEqual(list(guest.RUN.glob("format*")), [])
        return done.stdout

    def test_no_disk_that_holds_a_byte_is_ever_formatted(self):
        seed = 20260124
        rng = random.Random(seed)
        held, tries, unknown, failures = library(rng), 0, 0, []
        deadline = time.monotonic() + SECONDS * 0.7
        while time.monotonic() < deadline:
            name = rng.choice(list(held))
            with Disk(held[name]) as victim:
                size = victim.file.stat().st_size
                damage = rng.choice(["start", "ranges", "end"])
                holes = {
                    "start": [(0, rng.choice([4096, 64 << 10, MIB, 2 * MIB, rng.randrange(1, size)]))],
                    "end": [(0, MIB), (size - MIB, MIB)],
                    "ranges": [(0, MIB)] + [(rng.randrange(size), rng.randrange(4 * MIB)) for _ in range(3)],
                }[damage]
                for start, length in holes:
                    guest.sh("fallocate", "--punch-hole", "--keep-size", "-o", start, "-l", min(length, size - start) or 1, victim.file)
                if victim.digest() == hashlib.sha256().hexdigest():
                    continue  # nothing was left of it
                tries += 1
                unknown += victim.type() == ""
                if name == "ext4 of ours" and victim.type() == "ext4":
                    self.accepted(victim)
                    continue
                try:
                    self.refused(victim)
                except AssertionError as error:
                    failures.append((name, holes, error))
        print(f"disks that hold something: {tries} tries, {unknown} unknown to blkid, {len(failures)} failures, seed {seed}")
        self.assertEqual(failures, [])
        self.assertGreater(unknown, 10)

    def test_one_byte_anywhere_stops_it(self):
        rng = random.Random(7)
        tries, deadline = 0, time.monotonic() + SECONDS * 0.15
        sizes = [MIB, 16 * MIB, 64 * MIB, 64 * MIB + 512, 200 * MIB - 1536]
        while time.monotonic() < deadline:
            size = rng.choice(sizes)
            quarter = (size - MIB) // 4
            at = rng.choice([0, size - 1, size // 2, quarter + MIB, quarter - 1, size - MIB - 1, rng.randrange(size)])
            with Disk(size=size) as victim:
                victim.write(min(max(at, 0), size - 1), bytes([rng.randrange(1, 256)]))
                self.assertIn(f"first byte that is not zero is at {min(max(at, 0), size - 1)})", self.refused(victim), size)
            tries += 1
        print(f"disks with one byte: {tries} tries, 0 failures")

    def test_blank_disks_of_odd_sizes_are_formatted(self):
        sizes = [MIB, 5 * MIB + 512, 64 * MIB, 300 * MIB - 512, 1025 * MIB]
        for size in sizes:
            with Disk(size=size) as blank:
                self.assertIn(f"read {size} bytes", self.accepted(blank))
                guest.sh("e2fsck", "-fn", blank.loop)
        print(f"blank disks: {len(sizes)} tries, 0 failures")

    def test_a_format_that_was_cut_short_is_taken_up_again(self):
        with Disk() as whole:
            self.accepted(whole)
            shutil.copy(whole.file, SCRATCH / "whole")
        rng = random.Random(11)
        with open(SCRATCH / "whole", "rb") as file:
            blocks = list(extents(file.fileno()))
            rest = [(start, os.pread(file.fileno(), end - start, start)) for start, end in blocks if start > 0]
        tries = 12
        for number in range(tries):  # as a power cut leaves it: any of the writes, in any order
            with Disk() as half:
                for start, data in rng.sample(rest, rng.randrange(1, len(rest) + 1)):
                    half.write(start, data)
                self.assertEqual(half.type(), "", "a part of it counts as a file system")
                if number % 3 == 0:
                    half.write(rng.randrange(40 * MIB, 60 * MIB), b"!")
                    self.assertIn("not blank", self.refused(half))
                else:
                    self.accepted(half)
                    guest.sh("e2fsck", "-fn", half.loop)
        print(f"half-made formats: {tries} tries, 0 failures")

    def test_kills_in_the_midst_of_formatting_leave_a_disk_that_works(self):
        rng, tries, cut = random.Random(13), 0, 0
        for number in range(1, 100):  # the write in which it ends
            with Disk() as blank:
                status = in_child(lambda: format_until(blank.loop, number, rng.random()))
                tries += 1
                cut += status == -signal.SIGKILL
                self.assertEqual(blank.type(), "" if status else "ext4", "a part of it counts as a file system")
                self.accepted(blank)
                guest.sh("e2fsck", "-fn", blank.loop)
            if status == 0:
                break
        print(f"kill -9 in formatting: {tries} tries, {cut} of them before its end, 0 failures")
        self.assertGreater(cut, 3)

    def test_a_disk_that_this_launch_made_is_not_read_through(self):
        self.cloud.attributes["clawbake-state-made"] = "nonce-1"
        with Disk() as blank:
            self.assertNotIn("read", self.accepted(blank))

    def test_the_word_of_a_disk_just_made_counts_once_and_for_its_own_start(self):
        hidden = 5 * MIB  # no sample lies there: only reading it all finds it
        self.cloud.attributes["clawbake-state-made"] = "nonce-of-an-earlier-start"
        with Disk() as other:
            other.write(hidden, b"x")
            self.assertIn("not blank", self.refused(other))
        self.cloud.attributes["clawbake-state-made"] = "nonce-1"
        with Disk() as blank:
            self.accepted(blank)
        with Disk() as other:  # attached later, on the same boot disk and nonce
            other.write(hidden, b"x")
            self.assertIn("not blank", self.refused(other))
        with Disk() as blank:
            self.assertIn("read", self.accepted(blank))

    def test_the_word_of_a_disk_just_made_is_checked_by_samples(self):
        self.cloud.attributes["clawbake-state-made"] = "nonce-1"
        for offset in (0, 64 * MIB, 128 * MIB + 1024, 200 * MIB - 1):
            shutil.rmtree(USED, ignore_errors=True)
            with Disk(size=200 * MIB) as held:
                held.write(offset, b"x")
                self.assertIn("not blank", self.refused(held), offset)

    def test_a_long_read_says_how_far_it_is(self):
        disk.PROGRESS_SECONDS, disk.LIB = -1, guest.LIB
        self.addCleanup(setattr, disk, "PROGRESS_SECONDS", 30)
        with Disk(size=8 * MIB) as blank:
            disk.make_image(8 * MIB, {"project": "p", "deployment": "d"})
            disk.Disk(blank.loop, 8 * MIB).check_all()
        self.assertEqual([p["phase"] for p in self.cloud.phases], ["state", "state"])
        self.assertIn("reading the state disk before it is formatted: 50 %", self.cloud.phases[1]["reason"])

    def test_a_disk_in_use_is_left_alone(self):
        with Disk() as used, open(used.loop, "rb") as opened:
            holder = os.open(used.loop, os.O_RDWR | os.O_EXCL)
            self.addCleanup(os.close, holder)
            self.assertIn("busy", self.refused(used))
            self.assertTrue(opened)

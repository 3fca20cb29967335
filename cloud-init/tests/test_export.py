import contextlib
import gzip
import io
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import stat
import subprocess
import tarfile
import time
import unittest

import guest
from storage import TOKEN, Storage

HOME = pathlib.Path("/home/clawbake")
MIB = 1 << 20
DIRS = [".config/clawd", ".clawdbot", "clawd"]
SEED = {"path": ".clawdbot/clawdbot.json", "content": '{"it\'s": "é"}'}
GATEWAY = {"package": "clawdbot", "version": "2026.1.24-3", "schema": {"state": 18, "agent": 21}}
MANIFEST = {"clawbake_export": 1, "dirs": DIRS, "gateway": GATEWAY}


class Home(unittest.TestCase):
    """A VM with a state disk, whose gateway does not run."""

    def setUp(self):
        guest.write_image(gateway=GATEWAY, state={"dirs": DIRS, "seeds": [SEED]})
        guest.write_vm()
        HOME.mkdir(exist_ok=True)
        self.mount()

    def mount(self, size=192 * MIB):
        """A new disk, with what clawbake-state puts there."""
        guest.sh("umount", HOME, check=False)
        file = pathlib.Path("/run/state.raw")
        file.unlink(missing_ok=True)
        file.write_bytes(b"")
        os.truncate(file, size)
        guest.sh("mkfs.ext4", "-q", "-F", "-m", "0", file)
        guest.sh("mount", "-o", "loop,nodev,nosuid", file, HOME)
        self.addCleanup(guest.sh, "umount", HOME, check=False)
        os.chown(HOME, 1000, 1000)
        HOME.chmod(0o700)
        for name in DIRS:
            self.as_owner("mkdir", "-p", "-m", "0700", HOME / name)
        self.as_owner("sh", "-c", f"umask 077; cat >{HOME}/{SEED['path']}", input=SEED["content"])

    def as_owner(self, *command, **options):
        return guest.sh("setpriv", "--reuid", 1000, "--regid", 1000, "--clear-groups", *command, **options)

    def serve(self, content=None):
        storage = Storage(content)
        self.addCleanup(storage.close)
        return storage

    def run_script(self, name, **way):
        done = guest.script(name, input=json.dumps(way))
        answer = json.loads(done.stdout)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(done.returncode, 1 if "reason" in answer else 0, done.stderr)
        for canary in (TOKEN, "session-canary"):
            self.assertNotIn(canary, done.stdout + done.stderr)
        return answer

    def export(self, storage):
        return self.run_script("clawbake-export", url=storage.upload)

    def load(self, storage, token=TOKEN):
        return self.run_script("clawbake-import", url=storage.object, token=token)

    def load_tar(self, content):
        """Imports a tar."""
        with contextlib.closing(Storage(content)) as storage:
            return self.load(storage)


class Export(Home):
    def fill(self, rng):
        """A state with all that a file system can hold."""
        work = os.fsencode(HOME / "clawd")
        deep = b"/".join([b"d" * 200] * 4)
        os.makedirs(os.path.join(work, deep))
        for number, name in enumerate([b"plain", b"\xff\xfe", b"new\nline", b"back\\slash", b"'\"$ *", b"tar: x", "ü".encode(), b"n" * 255, deep + b"/f"]):
            with open(os.path.join(work, name), "wb") as file:
                file.write(rng.randbytes(number * 1000))
        with open(work + b"/sparse", "wb") as file:
            for at in (5 * MIB, 60 * MIB, 1 << 30):
                file.seek(at)
                file.write(rng.randbytes(5000))
            file.truncate((1 << 30) + 9 * MIB)
        with open(work + b"/holes", "wb") as file:
            file.truncate(1 << 32)
        (HOME / "clawd/big").write_bytes(rng.randbytes(30 * MIB))
        (HOME / "clawd/empty").mkdir()
        os.link(HOME / "clawd/plain", HOME / ".clawdbot/hard")
        for name, target in (("python", "/usr/bin/python3"), ("gone", "../nowhere"), ("top", ".."), ("self", "self")):
            (HOME / "clawd" / name).symlink_to(target)
        os.link(HOME / "clawd/gone", HOME / "clawd/gone-too", follow_symlinks=False)
        (HOME / "clawd/plain").chmod(0o4755)
        (HOME / "clawd/big").chmod(0o400)
        os.setxattr(HOME / "clawd/big", "user.comment", b"caf\xc3\xa9")
        os.setxattr(HOME / "clawd/empty", "user.comment", b"of a directory")
        os.mkfifo(HOME / "clawd/pipe")
        for path in [HOME, *HOME.rglob("*")]:
            os.chown(path, 1000, 1000, follow_symlinks=False)
            os.utime(path, ns=(1, 1_700_000_000_123_456_789), follow_symlinks=False)
        os.utime(HOME / "clawd/plain", ns=(1, -1_000_000_000))

    def listing(self):
        """What there is, name by name."""
        found, inodes = {}, {}
        for top in DIRS:
            for parent, directories, names in os.walk(os.fsencode(HOME / top)):
                for path in [parent, *(os.path.join(parent, name) for name in directories + names)]:
                    status = os.lstat(path)
                    kind = stat.S_IFMT(status.st_mode)
                    inodes.setdefault(status.st_ino, []).append(path)
                    if kind == stat.S_IFIFO:
                        continue
                    content = None
                    if kind == stat.S_IFLNK:
                        content = os.readlink(path)
                    elif kind == stat.S_IFREG and status.st_size < 100 * MIB:
                        content = pathlib.Path(os.fsdecode(path)).read_bytes()
                    elif kind == stat.S_IFREG:
                        content = guest.sh("md5sum", "-z", path.decode()).stdout
                    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path, follow_symlinks=False)} if kind != stat.S_IFLNK else {}
                    # Time to the second for links, which are made anew.
                    when = None if kind == stat.S_IFLNK else status.st_mtime_ns // 1000
                    found[path] = (kind, status.st_mode & 0o777, status.st_uid, status.st_gid, status.st_size if kind == stat.S_IFREG else 0, when, content, attributes)
        groups = sorted(sorted(set(paths)) for paths in inodes.values() if len(set(paths)) > 1 and not os.path.islink(paths[0]))
        return found, groups

    def test_what_is_exported_is_imported_to_the_byte(self):
        self.fill(random.Random(1))
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(HOME / ".clawdbot/socket"))
        sock.close()
        os.chown(HOME / ".clawdbot/socket", 1000, 1000)
        os.utime(HOME / ".clawdbot", ns=(1, 1_700_000_000_123_456_789))
        storage = self.serve()
        start = time.monotonic()
        answer = self.export(storage)
        seconds = time.monotonic() - start
        self.assertNotIn("reason", answer)
        self.assertEqual(answer["size"], len(storage.content))
        self.assertLess(answer["size"], 40 * MIB, "holes are not sent")
        listed = subprocess.run(["tar", "-tzf", "-"], input=storage.content, capture_output=True, check=True).stdout.splitlines()
        self.assertEqual(len(listed), answer["files"] + 1, "tar reads it, and counts the same")
        self.assertEqual(listed[0], b".clawbake-export")
        (HOME / ".clawdbot/socket").unlink()
        os.utime(HOME / ".clawdbot", ns=(1, 1_700_000_000_123_456_789))
        before = self.listing()
        self.mount()
        start = time.monotonic()
        taken = self.load(storage)
        print(f"{answer['files']} files, {answer['size'] / MIB:.1f} MiB: exported in {seconds:.1f} s, imported in {time.monotonic() - start:.1f} s")
        self.assertEqual(taken["files"], answer["files"])
        after = self.listing()
        self.maxDiff = None
        self.assertEqual(before[1], after[1], "hard links")
        self.assertEqual({path: it[:6] for path, it in before[0].items()}, {path: it[:6] for path, it in after[0].items()})
        self.assertEqual([path for path in before[0] if before[0][path] != after[0][path]], [])
        self.assertLess((HOME / "clawd/holes").stat().st_blocks, 100)
        self.assertFalse((HOME / ".clawbake-import").exists())

    def test_an_upload_goes_on_over_cuts(self):
        self.as_owner("sh", "-c", f"head -c 30000000 /dev/urandom >{HOME}/clawd/big")
        storage = self.serve()
        storage.faults = [None, 503, None, "cut", None, "keep", 429, None, None, None, "lose"]
        answer = self.export(storage)
        self.assertNotIn("reason", answer)
        self.assertEqual(storage.faults, [])
        with tarfile.open(fileobj=io.BytesIO(storage.content)) as tar:
            self.assertEqual(tar.extractfile("clawd/big").read(), (HOME / "clawd/big").read_bytes())
        self.assertTrue(all("Authorization" not in headers for _, headers in storage.requests))

    def test_a_session_that_is_over_or_a_state_that_cannot_be_read_leaves_no_object(self):
        storage = self.serve()
        storage.faults = [None, 410]
        answer = self.export(storage)
        self.assertRegex(answer["reason"], "status 410")
        self.assertTrue(answer["again"], "another session may do")
        storage.parts = bytearray()
        secret = HOME / "clawd/secret"
        secret.write_text("root's alone")
        secret.chmod(0)
        answer = self.export(storage)
        self.assertRegex(answer["reason"], "cannot be read .tar says 2.*Permission denied")
        self.assertNotIn("again", answer)
        self.assertEqual((storage.content, storage.parts), (None, None), "the session is cancelled")
        for url in ("", "file:///etc/passwd", "http://"):
            self.assertIn("no URL", self.run_script("clawbake-export", url=url)["reason"])

    def test_an_export_that_was_cut_short_is_told_and_not_mixed_with_another(self):
        self.as_owner("sh", "-c", f"head -c 30000000 /dev/urandom >{HOME}/clawd/big")
        storage = self.serve()
        storage.slow = 0.5
        process = subprocess.Popen([guest.LIB / "clawbake-export"], stdin=subprocess.PIPE, start_new_session=True)
        process.stdin.write(json.dumps({"url": storage.upload}).encode())
        process.stdin.close()
        deadline = time.monotonic() + 20
        while not storage.parts and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(1)
        self.assertGreater(len(storage.parts), 0)
        answer = self.export(storage)
        self.assertRegex(answer["reason"], "to this session was cut short: the VM, or clawbake-listen in it, was restarted")
        self.assertTrue(answer["again"])
        self.assertIsNone(storage.parts, "the session is cancelled")
        # One whose last answer was lost is no less over.
        whole = self.serve_anew(storage)
        self.assertNotIn("reason", self.export(whole))
        self.assertRegex(self.export(whole)["reason"], "cut short")

    def serve_anew(self, storage):
        storage.close()
        return self.serve()

    def test_its_memory_has_bounds(self):
        self.as_owner("sh", "-c", f"head -c 100000000 /dev/urandom >{HOME}/clawd/big")
        storage = self.serve()
        code = "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], check=True)\n" \
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
        most = {}
        for name, way in (("clawbake-export", {"url": storage.upload}), ("clawbake-import", {"url": storage.object, "token": TOKEN})):
            done = guest.sh("/usr/bin/python3", "-c", code, guest.LIB / name, input=json.dumps(way))
            most[name] = int(done.stderr.splitlines()[-1])
            self.mount()
        print(f"memory for 95 MiB: {most} KiB")
        self.assertLess(max(most.values()), 80_000)


def packed(*members, manifest=MANIFEST, form=tarfile.PAX_FORMAT):
    """A gzipped tar of these members: (name, what), what being content, or fields of its header."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=form) as tar:
        if manifest is not None:
            add(tar, ".clawbake-export", json.dumps(manifest).encode())
        for name, what in members:
            add(tar, name, what)
    return stream.getvalue()


def add(tar, name, what):
    member = tarfile.TarInfo(name)
    content = what if isinstance(what, bytes) else b""
    for field, value in ({"size": len(content)} if isinstance(what, bytes) else what).items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(content))


LINK = {"type": tarfile.SYMTYPE}
HARD = {"type": tarfile.LNKTYPE}
DIRECTORY = {"type": tarfile.DIRTYPE, "mode": 0o755}


class Import(Home):
    def setUp(self):
        super().setUp()
        self.outside = pathlib.Path("/home/outside")
        shutil.rmtree(self.outside, ignore_errors=True)
        self.outside.mkdir(mode=0o777)
        self.outside.chmod(0o777)
        self.addCleanup(shutil.rmtree, self.outside)

    def refused(self, content):
        """The reason, after checking that the state is as it was."""
        answer = self.load_tar(content)
        self.assertIn("reason", answer)
        self.assertEqual(list(self.outside.iterdir()), [])
        self.assertEqual(sorted(p.name for p in HOME.rglob("*") if ".clawbake-import" not in str(p) and p.name != "lost+found"),
                         sorted([".clawdbot", ".config", "clawd", "clawd", "clawdbot.json"]))
        return answer["reason"]

    def test_hostile_members_are_refused_and_nothing_is_done(self):
        out = {**LINK, "linkname": str(self.outside)}
        hostile = {
            "an absolute name": [("/home/outside/x", b"x")],
            "a way up": [("clawd/../../outside/x", b"x")],
            "a way up at its end": [("clawd/..", DIRECTORY)],
            "outside of the state": [("other", b"x")],
            "a neighbour's name": [("clawdette/x", b"x")],
            "above the state": [(".config/other", b"x")],
            "no name": [("", b"x")],
            "a file through a link": [("clawd/l", out), ("clawd/l/x", b"x")],
            "a file through a link that comes later": [("clawd/l/x", b"x"), ("clawd/l", out)],
            "a directory through a link": [("clawd/l", out), ("clawd/l", DIRECTORY), ("clawd/l/x", b"x")],
            "a file over a link": [("clawd/l", out), ("clawd/l", b"x")],
            "a state directory that is a link": [("clawd", out)],
            "a state directory that is a file": [("clawd", b"x")],
            "a name twice": [("clawd/x", b"1"), ("clawd/x", b"2")],
            "a link twice": [("clawd/l", out), ("clawd/l", out)],
            "a hard link out": [("clawd/x", {**HARD, "linkname": "/etc/passwd"})],
            "a hard link up": [("clawd/x", {**HARD, "linkname": "clawd/../../outside/y"})],
            "a hard link to what comes later": [("clawd/x", {**HARD, "linkname": "clawd/y"}), ("clawd/y", b"y")],
            "a link to nothing": [("clawd/l", {**LINK, "linkname": ""})],
            "a device": [("clawd/null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3})],
            "a disk": [("clawd/sda", {"type": tarfile.BLKTYPE, "devmajor": 8})],
            "an endless name": [("clawd/" + "x" * 5000, b"x")],
            "a long header": [("clawd/x", {"pax_headers": {"comment": "x" * (2 * MIB)}})],
            "a time that is none": [("clawd/x", {"pax_headers": {"mtime": "inf"}})],
            "an enormous time": [("clawd/x", {"pax_headers": {"mtime": "1e300"}})],
        }
        reasons = {name: self.refused(packed(*members)) for name, members in hostile.items()}
        for name, reason in reasons.items():
            self.assertNotIn("mistake", reason, name)
        # As GNU tar writes them, too.
        tree = pathlib.Path("/run/tree")
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "clawd").mkdir(parents=True)
        (tree / ".clawbake-export").write_text(json.dumps(MANIFEST))
        (tree / "clawd/x").write_text("x")
        os.mknod(tree / "clawd/device", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        gnu = lambda *words: subprocess.run(["tar", "-czf", "-", "-C", tree, *words], capture_output=True, check=True).stdout
        for words in ([".clawbake-export", "clawd"], ["--transform=s,clawd/x,../outside/x,", "-P", ".clawbake-export", "clawd/x"],
                      ["--transform=s,clawd/x,/home/outside/x,", "-P", ".clawbake-export", "clawd/x"]):
            self.refused(gnu(*words))
        print(f"hostile archives: {len(hostile) + 3}, all refused")

    def test_what_is_no_export_is_refused(self):
        whole = packed(("clawd/x", b"x" * 1000), ("clawd/y", b"y" * 70000))
        plain = gzip.decompress(whole)
        for name, content in {
            "nothing": b"", "noise": random.Random(2).randbytes(5000), "a tar": plain, "a gzip of nothing": gzip.compress(b""),
            "no manifest": packed(("clawd/x", b"x"), manifest=None), "an odd manifest": packed(manifest=[]),
            "a newer one": packed(manifest={**MANIFEST, "clawbake_export": 2}),
            "another gateway's": packed(manifest={**MANIFEST, "dirs": [".openclaw"]}),
            "another package's": packed(manifest={**MANIFEST, "gateway": {"package": "openclaw", "version": "1"}}),
            "a newer schema": packed(manifest={**MANIFEST, "gateway": {"package": "clawdbot", "version": "2", "schema": {"state": 18, "agent": 22}}}),
            "an odd schema": packed(manifest={**MANIFEST, "gateway": {"package": "clawdbot", "version": "2", "schema": {"state": [], "agent": "x"}}}),
            "directories that are none": packed(manifest={**MANIFEST, "dirs": {"clawd": 1}}),
            "cut off": whole[:-20], "cut off between members": gzip.compress(plain[: 4 * 512]),
            "cut off in a member": gzip.compress(plain[: 4 * 512 + 700]),
            "damaged": gzip.compress(plain[:1024] + b"\x55" * 512 + plain[1536:]),
        }.items():
            with self.subTest(name):
                self.refused(content)
        rng, deadline, tries = random.Random(3), time.monotonic() + 5, 0
        while time.monotonic() < deadline:  # whatever is changed, it ends, with its reason
            bad = bytearray(plain)
            for _ in range(rng.randrange(1, 8)):
                bad[rng.randrange(5 * 512)] = rng.randrange(256)
            answer = self.load_tar(gzip.compress(bytes(bad), 1))
            self.assertNotIn("mistake", answer.get("reason", ""))
            self.assertEqual(list(self.outside.iterdir()), [])
            tries += 1
            self.mount(16 * MIB)
        print(f"headers with changed bytes: {tries} tries")

    def test_names_of_gnu_and_old_tars_are_read(self):
        for form in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT):
            name = "./clawd/" + "/".join(["a" * 40] * 4)
            self.assertEqual(self.load_tar(packed((name, b"x"), form=form)), {"files": 1, "bytes": 1})
            self.assertEqual((HOME / name).read_bytes(), b"x")
            self.mount()

    def test_an_older_releases_state_is_taken(self):
        for schema in ({"state": 17, "agent": 21}, None):
            older = {**MANIFEST, "gateway": {**GATEWAY, "version": "2026.1.1", "schema": schema}}
            self.assertEqual(self.load_tar(packed(("clawd/x", b"x"), manifest=older)), {"files": 1, "bytes": 1})
            self.mount()

    def test_bits_and_owners_are_its_own(self):
        taken = self.load_tar(packed(("clawd", {**DIRECTORY, "mode": 0o2000}), ("clawd/x", {"mode": 0o6755, "uid": 0, "gid": 0})))
        self.assertEqual(taken["files"], 2)
        status = (HOME / "clawd/x").stat()
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o7777), (1000, 1000, 0o755))
        self.assertEqual((HOME / "clawd").stat().st_mode & 0o7777, 0o700)

    def test_a_bomb_ends_at_the_disks_size(self):
        self.mount(24 * MIB)
        bomb = packed(("clawd/zeros", b"\0" * (300 * MIB)))
        self.assertLess(len(bomb), MIB)
        self.assertIn("too small", self.refused(bomb))
        self.assertIn("too small", self.refused(packed(*((f"clawd/{n}", b"") for n in range(20_000)))))
        # The same disk takes one that fits.
        self.assertNotIn("reason", self.load_tar(packed(("clawd/x", b"x"))))

    def test_state_that_is_there_is_never_replaced(self):
        content = packed(("clawd/x", b"x"), (".clawdbot/clawdbot.json", b"{}"))
        seed = HOME / SEED["path"]
        for change in (lambda: self.as_owner("touch", HOME / "clawd/mine"), lambda: seed.write_text("edited"),
                       lambda: (seed.unlink(), seed.symlink_to("/etc/hosts"))):
            self.mount()
            change()
            before = sorted(HOME.rglob("*"))
            self.assertRegex(self.load_tar(content)["reason"], "already: an import fills a blank disk only")
            self.assertEqual(sorted(HOME.rglob("*")), before)
        self.mount()
        self.assertEqual(self.load_tar(content), {"files": 2, "bytes": 3})
        self.assertEqual(seed.read_text(), "{}")
        self.assertRegex(self.load_tar(content)["reason"], "already")

    def test_a_download_goes_on_over_cuts_and_is_checked(self):
        data = random.Random(4).randbytes(3 * MIB)
        content = packed(("clawd/x", data))
        storage = self.serve(content)
        storage.faults = [503, "cut", 429, "cut"]
        self.assertEqual(self.load(storage), {"files": 1, "bytes": len(data)})
        self.assertEqual((HOME / "clawd/x").read_bytes(), data)
        for faults, words in ((["cut", "replace"], "replaced"), (["damage"], "damaged|unpacked"), ([403], "status 403"), ([404], "404")):
            self.mount()
            storage.faults, storage.generation = faults, "1"
            self.assertRegex(self.load(storage)["reason"], words)
            self.assertFalse((HOME / "clawd/x").exists())
        self.assertRegex(self.load(storage, token="another")["reason"], "status 401")

    def test_an_import_that_is_killed_is_taken_up_again(self):
        rng, data = random.Random(5), random.Random(6).randbytes(2 * MIB)
        storage = self.serve(packed(*((f"clawd/{n}", data[n * 9000 :]) for n in range(40)), (".clawdbot/a/b", b"b"), (".config/clawd/c", b"c")))
        kills, rounds = 0, 4
        for _ in range(rounds):
            self.mount()
            for attempt in range(1, 100):
                process = subprocess.Popen([guest.LIB / "clawbake-import"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
                process.stdin.write(json.dumps({"url": storage.object, "token": TOKEN}).encode())
                process.stdin.close()
                try:
                    process.wait(rng.uniform(0.05, 0.3 * attempt))  # a little more each time
                except subprocess.TimeoutExpired:
                    kills += 1
                    os.killpg(process.pid, signal.SIGKILL)
                output = process.stdout.read()
                process.wait()
                process.stdout.close()
                if output:
                    break
            # Once it is in its place, it is in use: then it is refused to be overwritten.
            answer = json.loads(output)
            self.assertRegex(answer.get("reason", "already"), "already")
            self.assertEqual(answer.get("files", 42), 42)
            self.assertEqual([(HOME / f"clawd/{n}").read_bytes() == data[n * 9000 :] for n in range(40)], [True] * 40)
            self.assertEqual((HOME / ".config/clawd/c").read_bytes() + (HOME / ".clawdbot/a/b").read_bytes(), b"cb")
        print(f"imports: {rounds}, killed {kills} times")
        self.assertGreater(kills, rounds)


if __name__ == "__main__":
    unittest.main()

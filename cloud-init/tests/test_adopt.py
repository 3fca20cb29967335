import json
import os
import pathlib
import shutil

import guest
from test_state import HOME, MARKER, MIB, OnDisk, owner_and_mode

MOVES = [{"from": ".clawdbot", "to": ".openclaw"}, {"from": "clawd", "to": ".openclaw/workspace"}]
STATE = {".openclaw/clawdbot.json": "edited", ".openclaw/agents/main/sessions.json": "4", ".openclaw/workspace/MEMORY.md": "canary"}


class Adopt(OnDisk):
    """A disk that clawdbot has had, under an image of openclaw that takes its state over."""

    def setUp(self):
        super().setUp()
        self.clawdbot()
        self.up()
        guest.script("clawbake-marker", "release")
        for path, text in STATE.items():
            path = HOME / path.replace(".openclaw/workspace", "clawd").replace(".openclaw", ".clawdbot")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            guest.sh("chown", "-R", "1000:1000", path.parent)
        self.openclaw()
        guest.script("clawbake-phase", "state")  # as the unit does, which fetches the nonce

    def clawdbot(self):
        guest.write_image(gateway={"package": "clawdbot", "version": "2026.1.24-3", "schema": None})

    def openclaw(self):
        guest.write_image(
            image="openclaw-gateway-test",
            gateway={"package": "openclaw", "version": "2026.9.6", "schema": {"state": 18, "agent": 23}},
            state={
                "dirs": [".openclaw", ".config/openclaw"],
                "seeds": [{"path": ".openclaw/openclaw.json", "content": "{}"}],
                "adopts": {"from": "clawdbot", "moves": MOVES},
            },
        )
        guest.write_vm(deployment="openclaw-gateway")

    def vouch(self):
        self.cloud.put(clawbake_adopt_state="nonce-1", clawbake_adopt_gateway="nonce-1")

    def fails(self, **options):
        done = guest.script("clawbake-state", **options)
        self.assertEqual(done.returncode, 1, done.stderr)
        return self.cloud.phases[-1]["reason"]

    def is_taken_over(self):
        for path, text in STATE.items():
            self.assertEqual((HOME / path).read_text(), text)
            self.assertEqual((HOME / path).stat().st_uid, 1000)
        self.assertEqual(owner_and_mode(HOME / ".openclaw"), (1000, 1000, 0o700))
        for gone in (".clawdbot", "clawd", ".openclaw/openclaw.json"):
            self.assertFalse(os.path.lexists(HOME / gone), gone)
        marker = json.loads(MARKER.read_text())
        self.assertEqual(marker["from"], {"package": "clawdbot", "gateway": "2026.1.24-3"})
        self.assertEqual((marker["deployment"], marker["package"]), ("openclaw-gateway", "openclaw"))
        self.assertNotIn("adopting", marker)

    def test_it_gets_its_new_names_and_no_seeds(self):
        self.vouch()
        self.reboot()
        self.is_taken_over()
        self.assertEqual(guest.script("clawbake-marker", "differs").returncode, 0, "its release has not written yet")
        guest.script("clawbake-marker", "release")
        for key in ("clawbake-adopt-state", "clawbake-adopt-gateway"):
            del self.cloud.attributes[key]
        self.reboot()
        self.is_taken_over()
        self.assertEqual(json.loads(MARKER.read_text())["schema"], {"state": 18, "agent": 23})
        self.clawdbot()
        guest.sh("umount", HOME)
        self.cloud.put(clawbake_adopt_state="nonce-1", clawbake_adopt_gateway="nonce-1")
        self.assertIn("the state is openclaw's, and this image runs clawdbot", self.fails())

    def test_nothing_is_taken_over_unless_this_very_start_says_so(self):
        before = sorted(HOME.rglob("*"))
        guest.sh("umount", HOME)
        self.cloud.put(clawbake_adopt_state="nonce-1")
        for word in (None, "nonce-of-an-earlier-start", ""):
            if word is not None:
                self.cloud.put(clawbake_adopt_gateway=word)
            self.assertIn("bring it over with `clawbake migrate`", self.fails())
            self.assertEqual(sorted(HOME.rglob("*")), before)
            self.assertEqual(json.loads(MARKER.read_text())["package"], "clawdbot")

    def test_a_third_gateways_state_is_refused(self):
        guest.sh("umount", HOME)
        image = json.loads(pathlib.Path("/etc/clawbake/image.json").read_text())
        image["state"]["adopts"]["from"] = "moltbot"
        guest.write_image(**image)
        self.vouch()
        self.assertIn("the state is clawdbot's", self.fails())
        self.assertTrue((HOME / ".clawdbot").is_dir())

    def test_a_disk_of_an_earlier_clawbake_is_taken_over_too(self):
        marker = json.loads(MARKER.read_text())
        del marker["package"]
        MARKER.write_text(json.dumps(marker))
        self.vouch()
        self.reboot()
        self.is_taken_over()

    def test_it_goes_on_wherever_it_was_cut_short(self):
        self.vouch()
        guest.sh("umount", HOME)
        blank = self.file.read_bytes()
        cuts = 0
        for program in ("mv", "sync", "mkdir"):
            for when in ("before", "after"):
                for nth in range(1, 99):
                    self.write_all(blank)
                    self.vouch()
                    env = guest.stand_in(self, **{program: CUT % (nth, when, shutil.which(program))})
                    with open("/run/stand-ins/calls", "w") as calls:
                        calls.write("0\n")
                    os.chmod("/run/stand-ins/calls", 0o666)
                    done = guest.script("clawbake-state", env=env)
                    shutil.rmtree("/run/stand-ins")
                    if done.returncode == 0:
                        guest.sh("umount", HOME)
                        break
                    cuts += 1
                    # The word was of that start alone, unless nothing has been written.
                    if HOME.is_mount():
                        if json.loads(MARKER.read_text())["package"] == "openclaw":
                            del self.cloud.attributes["clawbake-adopt-gateway"]
                        guest.sh("umount", HOME)
                    self.up()
                    self.is_taken_over()
                    guest.sh("umount", HOME)
        print(f"adoption: {cuts} cuts")
        self.assertGreater(cuts, 20)
        self.up()

    def write_all(self, content):
        with open(self.loop, "r+b", buffering=0) as disk:
            disk.write(content)
            os.fsync(disk)

    def test_a_place_that_is_taken_is_left_to_a_person(self):
        self.vouch()
        for taken in (".openclaw", ".openclaw/workspace"):
            path = HOME / (".clawdbot/workspace" if "/" in taken else taken)
            path.mkdir()
            (path / "mine").write_text("mine")
            guest.sh("chown", "-R", "1000:1000", path)
            guest.sh("umount", HOME)
            reason = self.fails()
            self.assertIn(f"cannot become {HOME}/{taken}, for there is something already", reason)
            self.assertEqual((HOME / taken / "mine").read_text(), "mine")
            self.assertEqual((HOME / "clawd/MEMORY.md").read_text(), "canary")
            (HOME / taken / "mine").unlink()
            if taken == ".openclaw":
                (HOME / taken).rmdir()
        self.reboot()  # an empty one is nobody's
        self.is_taken_over()

    def test_links_are_refused_and_lead_nowhere(self):
        self.vouch()
        (HOME / ".clawdbot").rename(HOME / "elsewhere")
        for name, target in ((".clawdbot", "elsewhere"), (".clawdbot", "/etc"), (".openclaw", "/etc")):
            (HOME / name).symlink_to(target)
            if name == ".openclaw":
                (HOME / ".clawdbot").mkdir()
            guest.sh("umount", HOME)
            reason = self.fails()
            self.assertTrue("is a symbolic link" in reason or "something already" in reason, reason)
            self.assertEqual((HOME / "clawd/MEMORY.md").read_text(), "canary")
            (HOME / name).unlink()
        (HOME / ".clawdbot").rmdir()
        (HOME / ".clawdbot").write_text("no directory")
        guest.sh("umount", HOME)
        self.assertIn("is no directory", self.fails())
        (HOME / ".clawdbot").unlink()
        (HOME / "elsewhere").rename(HOME / ".clawdbot")
        self.reboot()
        self.is_taken_over()

    def test_a_full_disk_loses_nothing(self):
        big = HOME / "clawd/big"
        with open(big, "wb", buffering=0) as file, self.assertRaises(OSError):
            while True:
                file.write(bytes(MIB))
        with open(big, "ab", buffering=0) as file, self.assertRaises(OSError):
            while True:
                file.write(b"0")
        self.vouch()
        guest.sh("umount", HOME)
        self.fails()
        big = next(HOME.rglob("big"))
        self.assertEqual((big.parent / "MEMORY.md").read_text(), "canary")
        big.unlink()
        self.reboot()
        self.is_taken_over()


# Does what the real program does, but for its nth call: with that the start ends, before or after it.
CUT = """
nth=%d when=%s program=%s
n=$(($(cat /run/stand-ins/calls) + 1))
echo $n >/run/stand-ins/calls
[ $n != $nth ] || [ $when = after ] || exit 9
$program "$@" || exit
[ $n != $nth ] || exit 9
"""

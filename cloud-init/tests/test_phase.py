import contextlib
import json
import pathlib
import shutil
import unittest

import guest


class Phase(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(guest.RUN, ignore_errors=True)
        guest.write_image()
        self.cloud = guest.Metadata()
        self.addCleanup(self.cloud.close)

    def test_carries_what_tells_boots_apart(self):
        self.assertEqual(guest.script("clawbake-phase", "state").returncode, 0)
        (report,) = self.cloud.phases
        at = report.pop("at")
        self.assertRegex(at, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self.assertEqual(report, {
            "nonce": "nonce-1",
            "boot_id": boot_id,
            "image": "clawdbot-gateway-test",
            "gateway": "2026.1.24-3",
            "phase": "state",
        })

    def test_reasons_are_escaped_and_redacted(self):
        secrets = guest.RUN / "secrets"
        secrets.mkdir(parents=True)
        (secrets / "A").write_text("canary-$1\n")
        (secrets / "B").write_text("")
        guest.script("clawbake-phase", "failed", 'said "canary-$1"\n\tthen \\ left')
        self.assertEqual(self.cloud.phases[0]["reason"], 'said "[redacted]" then \\ left')

    def test_the_hook_keeps_a_precise_reason(self):
        guest.script("clawbake-phase", "failed", "precise")
        guest.script("clawbake-phase", "--unless-failed", "failed", "vague")
        self.assertEqual([p["reason"] for p in self.cloud.phases], ["precise"])
        guest.script("clawbake-phase", "gateway")
        guest.script("clawbake-phase", "--unless-failed", "failed", "after a restart")
        self.assertEqual([p.get("reason") for p in self.cloud.phases], ["precise", None, "after a restart"])

    def test_a_gateway_that_failed_on_a_full_state_disk_is_told_so(self):
        home = pathlib.Path("/home/clawbake")
        home.mkdir(exist_ok=True)
        guest.sh("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", home)
        self.addCleanup(guest.sh, "umount", home)
        guest.script("clawbake-failed", "clawbake-gateway.service")
        self.assertRegex(self.cloud.phases[0]["reason"], "^clawbake-gateway.service failed")
        with contextlib.suppress(OSError):
            (home / "big").write_bytes(bytes(8 << 20))
        guest.script("clawbake-phase", "gateway")
        guest.script("clawbake-failed", "clawbake-gateway.service")
        self.assertRegex(self.cloud.phases[-1]["reason"], "^the state disk is full: .*clawbake state grow.*; clawbake-gateway.service failed")

    def test_never_fails_its_caller(self):
        pathlib.Path("/etc/clawbake/image.json").unlink()
        self.assertEqual(guest.script("clawbake-phase", "state").returncode, 0)
        self.assertEqual(self.cloud.phases[0]["image"], None)
        pathlib.Path("/etc/clawbake/image.json").write_text("{")
        self.assertEqual(guest.script("clawbake-phase", "state").returncode, 0)
        self.assertEqual(self.cloud.phases[1]["nonce"], "nonce-1")
        self.assertEqual(json.loads(json.dumps(self.cloud.phases[1]))["phase"], "state")

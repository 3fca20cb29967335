import os
import pathlib
import shutil
import threading
import time
import unittest
import unittest.mock

import guest

env = guest.load("clawbake-env")
ROLE = "roles/secretmanager.secretAccessor"


def good(value):
    data = value if isinstance(value, bytes) else value.encode()
    return guest.payload(data, env.crc32c(data))


class Env(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(guest.RUN, ignore_errors=True)
        guest.write_image()
        self.cloud = guest.Metadata()
        self.addCleanup(self.cloud.close)

    def fetch(self, answers, **vm):
        self.cloud.secrets = {f"secret-{name.lower()}": list(a) for name, a in answers.items()}
        names = {name: {"secret": f"secret-{name.lower()}", "version": "latest"} for name in answers}
        guest.write_vm(secrets=names, **vm)
        return guest.script("clawbake-env")

    def failure(self, answers, **vm):
        """The reason reported, after checking that it is reported once and gives nothing away."""
        done = self.fetch(answers, **vm)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual([p["phase"] for p in self.cloud.phases], ["failed"])
        reason = self.cloud.phases[0]["reason"]
        for text in (reason, done.stderr, done.stdout):
            self.assertNotIn(guest.TOKEN, text)
            self.assertNotIn("canary", text)
        return reason

    def test_crc32c_is_castagnoli(self):
        self.assertEqual(env.crc32c(b"123456789"), 0xE3069283)

    def test_writes_env_and_raw_values(self):
        value = 'a "$b" \\c\r\nd # é 😀 '
        done = self.fetch({"A": [good(value)], "B": [good("")]}, env={"TZ": "UTC"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((guest.RUN / "secrets/A").read_bytes(), value.encode())
        lines = (guest.RUN / ".env").read_text()
        self.assertEqual(lines, f'TZ="UTC"\nA={env.encode(value)}\nB=""\n')
        self.assertEqual([oct(p.stat().st_mode & 0o777) for p in (guest.RUN, guest.RUN / "secrets")], ["0o700"] * 2)
        self.assertEqual([oct((guest.RUN / p).stat().st_mode & 0o777) for p in (".env", "secrets/A")], ["0o600"] * 2)

    def test_a_restart_takes_the_new_version_and_drops_what_is_no_longer_named(self):
        self.fetch({"A": [good("old")], "B": [good("b")]})
        self.fetch({"A": [good("new")]})
        self.assertEqual((guest.RUN / ".env").read_text(), 'A="new"\n')
        self.assertEqual([p.name for p in (guest.RUN / "secrets").iterdir()], ["A"])

    def test_all_or_nothing(self):
        self.fetch({"A": [good("old")]})
        self.cloud.phases.clear()
        self.failure({"A": [good("canary-new")], "B": [(404, "")]})
        self.assertEqual((guest.RUN / ".env").read_text(), 'A="old"\n')
        self.assertEqual((guest.RUN / "secrets/A").read_text(), "old")

    def test_a_missing_grant_is_told_within_ten_seconds_in_all(self):
        start = time.monotonic()
        reason = self.failure({"A": [(403, "{}")], "B": [(403, "{}")]})
        self.assertLess(time.monotonic() - start, 12)
        for part in ("secret-a", "vm@p.iam.gserviceaccount.com", ROLE, "add-iam-policy-binding"):
            self.assertIn(part, reason)

    def test_a_grant_that_is_still_spreading_is_waited_for(self):
        self.assertEqual(self.fetch({"A": [(403, "{}"), good("x")]}).returncode, 0)

    def test_no_grant_helps_when_the_api_is_off(self):
        reason = self.failure({"A": [(403, '{"error": {"details": [{"reason": "SERVICE_DISABLED"}]}}')]})
        self.assertIn("gcloud services enable", reason)

    def test_missing_and_destroyed_secrets_fail_at_once(self):
        for status, word in ((404, "there is no secret secret-a"), (400, "disabled or destroyed")):
            self.cloud.phases.clear()
            reason = self.failure({"A": [(status, "canary")]})
            for part in (word, "vm@p.iam.gserviceaccount.com", ROLE):
                self.assertIn(part, reason)

    def test_trouble_passes(self):
        done = self.fetch({"A": [(503, ""), (429, ""), good("x")]})
        self.assertEqual(done.returncode, 0, done.stderr)

    def impatient(self):
        """As the script is, with seconds for minutes; in this process."""
        names = ("PATIENCE_TROUBLE", "PATIENCE_DOWN", "LONGEST_PAUSE")
        patch = unittest.mock.patch.multiple(env, **dict.fromkeys(names, 0.6))
        patch.start()
        self.addCleanup(patch.stop)
        self.addCleanup(os.umask, os.umask(0o077))

    def test_a_gateway_that_has_crashed_goes_on_with_the_secrets_of_its_last_start(self):
        self.fetch({"A": [good("canary-old")]})
        self.impatient()
        for trouble in ((503, "canary"), (429, ""), None):
            self.cloud.phases.clear()
            self.cloud.secrets = {"secret-a": [trouble]}
            guest.write_vm(secrets={"A": {"secret": "secret-a"}}, **({} if trouble else {"secret_manager": "http://127.0.0.1:9"}))
            env.main()
            self.assertEqual((guest.RUN / ".env").read_text(), 'A="canary-old"\n')
            guest.script("clawbake-phase", "gateway")
            # It is said as long as it is so.
            self.assertEqual([p["phase"] for p in self.cloud.phases], ["secrets", "gateway"])
            for phase in self.cloud.phases:
                self.assertIn("secrets of its last start: cannot read secret secret-a", phase["reason"])
                self.assertNotIn("canary", phase["reason"])
        self.assertEqual(self.fetch({"A": [good("new")]}).returncode, 0)
        self.assertEqual((guest.RUN / ".env").read_text(), 'A="new"\n')
        guest.script("clawbake-phase", "gateway")
        self.assertNotIn("reason", self.cloud.phases[-1])

    def test_what_is_wrong_for_good_is_told_of_a_crashed_gateway_too(self):
        self.fetch({"A": [good("old")]})
        for status, word in ((403, "may not read"), (404, "there is no secret"), (400, "disabled or destroyed")):
            self.cloud.phases.clear()
            self.assertIn(word, self.failure({"A": [(status, "")]}))

    def test_the_first_start_waits_without_an_end_and_says_so(self):
        self.impatient()
        self.fetch({"A": [good("of other names")]})
        guest.write_vm(secrets={"B": {"secret": "secret-b"}})
        self.cloud.secrets = {"secret-b": [(503, "")]}
        self.cloud.phases.clear()
        start = threading.Thread(target=env.main, daemon=True)
        start.start()
        deadline = time.monotonic() + 20
        while len(self.cloud.phases) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(start.is_alive())
        for phase in self.cloud.phases:
            self.assertEqual(phase["phase"], "failed")
            self.assertRegex(phase["reason"], "cannot read secret secret-b .* answer was 503: check that .* tried again until it works")
        self.cloud.secrets = {"secret-b": [good("x")]}
        start.join(20)
        self.assertFalse(start.is_alive())
        self.assertEqual((guest.RUN / ".env").read_text(), 'B="x"\n')

    def test_damage_is_noticed(self):
        done = self.fetch({"A": [guest.payload(b"x", 1), good("x")]})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("damaged", self.failure({"A": [guest.payload(b"canary", 1)]}))

    def test_values_that_no_environment_can_carry(self):
        self.assertIn("NUL", self.failure({"A": [good("canary\0")]}))
        self.cloud.phases.clear()
        self.assertIn("UTF-8", self.failure({"A": [good(b"canary\xff")]}))

    def test_a_byte_order_mark_is_told(self):
        self.assertIn("secret-a begins with a byte order mark", self.failure({"A": [good("\ufeffcanary")]}))

    def test_a_token_that_no_header_carries_never_reaches_the_gateway(self):
        for letter in ("\n", "\r", "\r\n", "\0", " ", "\t", "\x1b", "\x7f", "é", "\u2028", "\ufeff"):
            self.cloud.phases.clear()
            reason = self.failure({"GATEWAY_TOKEN": [good(f"canary{letter}canary")]})
            self.assertIn("secret-gateway_token", reason)
            self.assertFalse((guest.RUN / ".env").exists())
        for newline in ("", "\n", "\r\n"):
            done = self.fetch({"GATEWAY_TOKEN": [good(f"plain{newline}")]})
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_unforeseen_error_does_not_tell_its_words(self):
        self.cloud.attributes["token"] = "canary\nof an access token"
        reason = self.failure({"A": [good("x")]})
        self.assertRegex(reason, r"^clawbake-env ended by ValueError in its line \d+")

    def test_without_secrets_nobody_is_asked(self):
        self.cloud.secrets = {}
        guest.write_vm(env={"TZ": "UTC"})
        self.assertEqual(guest.script("clawbake-env").returncode, 0)
        self.assertEqual(pathlib.Path("/run/clawbake/.env").read_text(), 'TZ="UTC"\n')

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import threading
import time
import unittest

import guest

TOKEN = "gateway-token-canary"
# A probe that settles before time is up, on a machine that has much else to do.
PATIENT = {"post": "/tools/invoke", "body": "{}", "without": 401, "with": 200, "start_seconds": 10}
STATE = {"dirs": [".clawdbot", "clawd", ".config/clawd"], "seeds": []}


class Gateway(http.server.ThreadingHTTPServer):
    """A gateway as a client sees it; `open` lets everybody in, `status` is for the token's holder."""

    daemon_threads = True

    def __init__(self, open=False, status=200):
        super().__init__(("127.0.0.1", 18789), Handler)
        self.open, self.status = open, status
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen(self.headers["Authorization"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.server.open or self.headers["Authorization"] == f"Bearer {TOKEN}"
        self.send_response(self.server.status if allowed and self.path == "/tools/invoke" else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Ready(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(guest.RUN, ignore_errors=True)
        (guest.RUN / "secrets").mkdir(parents=True)
        (guest.RUN / "secrets/GATEWAY_TOKEN").write_text(TOKEN + "\n")
        guest.write_image()
        for name in (".clawdbot", "clawd", ".config/clawd"):
            path = pathlib.Path("/home/clawbake") / name
            path.mkdir(parents=True)
            os.chown(path, 1000, 1000)
        os.chmod("/home/clawbake", 0o755)
        self.addCleanup(shutil.rmtree, "/home/clawbake")
        self.cloud = guest.Metadata()
        self.addCleanup(self.cloud.close)

    def serve(self, **how):
        self.gateway = Gateway(**how)
        self.addCleanup(self.gateway.close)

    def outcome(self, **options):
        done = guest.script("clawbake-ready", **options)
        (report,) = self.cloud.phases
        self.assertEqual(done.returncode, 0 if report["phase"] == "ready" else 1, done.stderr)
        self.assertNotIn(TOKEN, str(report) + done.stdout + done.stderr)
        return report["phase"], report.get("reason")

    def test_waits_until_the_gateway_listens(self):
        threading.Timer(2, self.serve).start()
        start = time.monotonic()
        self.assertEqual(self.outcome(), ("ready", None))
        self.assertGreater(time.monotonic() - start, 2)

    def test_a_gateway_that_lets_everybody_in_is_not_ready(self):
        self.serve(open=True)
        self.assertEqual(self.outcome(), ("failed", "the gateway answers 200 without a token, not 401"))

    def test_a_gateway_that_refuses_its_own_token_is_not_ready(self):
        self.serve(status=401)
        self.assertEqual(self.outcome(), ("failed", "the gateway answers 401 with the right token, not 200"))

    def test_state_must_be_writable(self):
        self.serve()
        os.chown("/home/clawbake/clawd", 0, 0)
        phase, reason = self.outcome()
        self.assertEqual(phase, "failed")
        self.assertIn("cannot write to its state", reason)

    def test_a_full_disk_is_told(self):
        self.serve()
        state = pathlib.Path("/home/clawbake/clawd")
        guest.sh("mount", "-t", "tmpfs", "-o", "size=64k,uid=1000,gid=1000", "tmpfs", state)
        self.addCleanup(guest.sh, "umount", state)
        with contextlib.suppress(OSError):
            (state / "big").write_bytes(bytes(1 << 20))
        phase, reason = self.outcome()
        self.assertEqual(phase, "failed")
        self.assertIn("the state disk is full", reason)

    def test_a_pipe_at_the_write_tests_name_does_not_hang_it(self):
        self.serve()
        os.mkfifo("/home/clawbake/clawd/.clawbake-write-test")
        start = time.monotonic()
        self.assertEqual(self.outcome(), ("ready", None))
        self.assertLess(time.monotonic() - start, 20)

    def test_what_passes_for_a_token_arrives_as_it_is(self):
        ready = guest.load("clawbake-ready")
        tries, accepted, differences = 0, 0, 0
        arrived = []
        self.serve()
        self.gateway.seen = arrived.append
        for code in range(0x3000):
            token = f"a{chr(code)}b"
            (guest.RUN / "secrets/GATEWAY_TOKEN").write_text(token, newline="")
            tries += 1
            with contextlib.suppress(ready.Failure):
                token = ready.read_token("GATEWAY_TOKEN")
                accepted += 1
                ready.probe(18789, {"get": "/"}, token)
                differences += arrived.pop() != f"Bearer {token}"
        print(f"tokens: {tries} tries, {accepted} accepted, {differences} differences")
        self.assertEqual((accepted, differences), (94, 0))

    def test_an_unforeseen_error_does_not_tell_its_words(self):
        image = json.loads(pathlib.Path("/etc/clawbake/image.json").read_text())
        image["health"]["start_seconds"] = TOKEN  # a ValueError that quotes it
        guest.write_image(**image)
        phase, reason = self.outcome()
        self.assertEqual(phase, "failed")
        self.assertRegex(reason, r"^clawbake-ready ended by \w+Error in its line \d+")

    def test_silence_ends_at_the_deadline(self):
        phase, reason = self.outcome()
        self.assertEqual(phase, "failed")
        self.assertRegex(reason, r"answers nothing without a token, not 401, \d+ s after its start")

    def test_a_gateway_that_systemd_gave_up_is_told_with_its_last_words(self):
        # No systemd runs here: two stand-ins answer as the real ones would.
        env = guest.stand_in(self, systemctl="", journalctl=f"printf 'bad config\\ntoken {TOKEN}\\n'")
        phase, reason = self.outcome(env=env)
        self.assertEqual((phase, reason), (
            "failed",
            "clawbake-gateway.service failed; it last said: bad config|token [redacted]",
        ))

    def count(self, command):
        """Has a recipe's command count, in place of the gateway's container."""
        guest.write_image(state={**STATE, "counts": {"run": ["sh", "-c", command], "seconds": 5}})
        self.serve()
        try:
            return self.outcome(env=guest.stand_in(self, docker=guest.DOCKER))
        finally:
            self.gateway.close()

    def test_what_the_state_holds_is_told_before_it_is_ready(self):
        (guest.RUN / "nonce").write_text("nonce-1\n")
        self.assertEqual(self.count("echo warm >&2; echo '{\"sessions\": 4, \"cron\": 0}'"), ("ready", None))
        (report,) = self.cloud.said["counts"]
        self.assertRegex(report.pop("at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(report, {"nonce": "nonce-1", "gateway": "2026.1.24-3", "counts": {"sessions": 4, "cron": 0}})
        log = pathlib.Path("/run/stand-ins/docker.log").read_text()
        self.assertIn(" exec -T gateway timeout -k 5 5 sh -c", log)

    def test_counts_are_numbers_of_kinds_or_nothing_is_ready(self):
        tries, kinds = 0, ", ".join(f'"k{n}": 1' for n in range(9))
        for printed in ("", "none", "[1]", "4", '{"sessions": -1}', '{"sessions": 1.5}', '{"sessions": "4"}', '{"sessions": null}',
                        '{"a-b": 1}', '{"": 1}', '{"Sessions": 1}', '{"sessions": 1} {"sessions": 1}', f"{{{kinds}}}",
                        '{"sessions": 1e300}', '{"abcdefghijklmnopq": 1}'):
            tries += 1
            with self.subTest(printed):
                self.cloud.phases.clear()
                phase, reason = self.count(f"echo '{printed}'")
                self.assertEqual(phase, "failed")
                self.assertTrue(reason.startswith("counts: the recipe's command printed no object of kinds and numbers: "), reason)
                self.assertNotIn("counts", self.cloud.said)
        print(f"counts that are none: {tries} tries")

    def test_a_count_that_fails_or_hangs_or_has_no_end_is_told(self):
        for command, words in (
            (f"echo '{{\"sessions\": 4}}'; echo no {TOKEN} file >&2; exit 3", r"ended with status 3: no \[redacted\] file$"),
            ("echo slow >&2; sleep 60", r"ended with status 124: its time was up$"),
            ("yes", r"ended with status \d+: "),
        ):
            with self.subTest(command):
                self.cloud.phases.clear()
                phase, reason = self.count(command)
                self.assertEqual(phase, "failed")
                self.assertRegex(reason, f"^counts: the recipe's command {words}")
                self.assertNotIn("counts", self.cloud.said)
                self.assertEqual(list(guest.RUN.glob("counts.*")), [])

    def test_the_doctor_is_called_once_for_the_status_that_asks_for_it(self):
        guest.write_image(state={**STATE, "doctor": {"run": ["true"], "seconds": 5, "when": 400}}, health=PATIENT)
        self.serve(status=400)
        # As systemd does, the stand-in ends who asked for the restart.
        env = guest.stand_in(self, systemctl='echo "$*" >>/run/stand-ins/systemctl.log\n[ "$1" != restart ] || kill "$PPID"')
        done = guest.script("clawbake-ready", env=env)
        self.assertEqual((done.returncode, self.cloud.phases), (-15, []))
        self.assertTrue((guest.RUN / "doctor-wanted").exists())
        self.assertFalse((guest.RUN / "attempts").exists())
        self.assertEqual(pathlib.Path("/run/stand-ins/systemctl.log").read_text(), "restart --no-block clawbake-gateway.service\n")
        (guest.RUN / "doctor-wanted").rename(guest.RUN / "doctor-called")
        phase, reason = self.outcome(env=env)
        self.assertEqual(phase, "failed")
        self.assertIn("answers 400 with the right token, not 200, and the recipe's doctor did not mend it", reason)

    def test_another_status_calls_no_doctor(self):
        guest.write_image(state={**STATE, "doctor": {"run": ["true"], "seconds": 5, "when": 400}}, health=PATIENT)
        self.serve(status=403)
        self.assertEqual(self.outcome(), ("failed", "the gateway answers 403 with the right token, not 200"))
        self.assertFalse((guest.RUN / "doctor-wanted").exists())

    def test_a_gateway_that_crashes_again_and_again_is_told(self):
        (guest.RUN / "attempts").write_text("3")  # as left by three runs that its restarts cut short
        phase, reason = self.outcome()
        self.assertEqual(phase, "failed")
        self.assertIn("clawbake-gateway.service failed", reason)
        self.assertFalse((guest.RUN / "attempts").exists())

    def test_without_a_token_in_the_deployment_the_remedy_is_told(self):
        (guest.RUN / "secrets/GATEWAY_TOKEN").unlink()
        phase, reason = self.outcome()
        self.assertEqual(phase, "failed")
        self.assertIn("no secret provides GATEWAY_TOKEN", reason)

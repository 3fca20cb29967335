import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

import guest

TAKEN = pathlib.Path("/var/lib/clawbake")
BIN = pathlib.Path("/run/bin")
UP = pathlib.Path("/run/gateway-up")  # while the stand-in gateway runs
LOG = pathlib.Path("/run/calls")
COUNTS = {"run": ["node", "counts.mjs"], "seconds": 60}
# Stand-ins of what a machine has and a namespace has not.
SYSTEMCTL = f"""#!/bin/sh
echo "systemctl $*" >>{LOG}
case "$1 $*" in
show*clawbake-gateway*)
    if [ -e {UP} ]; then echo ActiveState=active; else echo "ActiveState=$(cat /run/down 2>/dev/null || echo inactive)"; fi
    echo "InvocationID=$(cat /run/start 2>/dev/null || echo first)"
    echo "ExecMainStatus=$(cat /run/exit 2>/dev/null || echo 0)" ;;
stop*) sleep "$(cat /run/drain 2>/dev/null || echo 0)"; [ -e /run/stuck ] || rm -f {UP} /run/down ;;
start*clawbake-guard*) exit "$(cat /run/guard 2>/dev/null || echo 0)" ;;
enable*clawbake-gateway*) : >{UP} ;;
esac
"""
DOCKER = f"""#!/bin/sh
echo "docker $*" >>{LOG}
case "$*" in
*exec*) [ -e {UP} ] || exit 1; cat /run/counts ;;
*ps*) [ ! -e {UP} ] || echo 0123456789ab ;;
esac
"""


class Listen(unittest.TestCase):
    def setUp(self):
        for path in (guest.RUN, BIN):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        TAKEN.mkdir(parents=True, exist_ok=True)
        guest.sh("mount", "-t", "tmpfs", "tmpfs", TAKEN)  # a boot disk that remembers
        self.addCleanup(guest.sh, "umount", TAKEN)
        for name, text in (("systemctl", SYSTEMCTL), ("docker", DOCKER)):
            (BIN / name).write_text(text)
            (BIN / name).chmod(0o755)
        for path in ("/run/exit", "/run/drain", "/run/stuck", "/run/down", "/run/start", "/run/guard", LOG):
            pathlib.Path(path).unlink(missing_ok=True)
        pathlib.Path("/run/counts").write_text('{"sessions": 4, "cron": 1}\n')
        UP.touch()
        guest.write_vm()
        self.write_image(counts=COUNTS)
        self.cloud = guest.Metadata()
        self.addCleanup(lambda: self.cloud.close())
        self.listener = None
        self.addCleanup(self.kill)

    def write_image(self, **state):
        guest.write_image(stop_seconds=1, state={"dirs": [".clawdbot"], "seeds": [], **state})

    def listen(self):
        """Starts the listener, as systemd does."""
        self.kill()
        environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
        self.listener = subprocess.Popen([guest.LIB / "clawbake-listen"], env=environment, stderr=subprocess.PIPE, start_new_session=True)

    def kill(self):
        if self.listener:
            os.killpg(self.listener.pid, signal.SIGKILL)
            self.listener.wait()
            self.listener.stderr.close()
            self.listener = None

    def ask(self, id, do="counts", nonce="nonce-1", **more):
        self.cloud.put(clawbake_request=json.dumps({"id": id, "nonce": nonce, "do": do, **more}))

    def answers(self):
        return self.cloud.said.get("answer", [])

    def answer(self, number=1, seconds=20):
        """The answer of that number."""
        self.wait(lambda: len(self.answers()) >= number, seconds)
        return self.answers()[number - 1]

    def wait(self, done, seconds=20):
        deadline = time.monotonic() + seconds
        while not done():
            self.assertLess(time.monotonic(), deadline, "no answer" if self.listener.poll() is None else self.listener.stderr.read())
            time.sleep(0.05)

    def calls(self, word):
        text = LOG.read_text() if LOG.exists() else ""
        return [line for line in text.splitlines() if word in line]

    def test_counts_are_told_once(self):
        self.ask("a1")
        self.listen()
        self.assertEqual(self.answer(), {"nonce": "nonce-1", "id": "a1", "ok": True, "counts": {"sessions": 4, "cron": 1}})
        self.assertRegex(self.calls(" exec ")[0], "exec -T gateway timeout .* node counts.mjs")
        self.cloud.put(other="changed")  # metadata that change are no new request
        self.ask("a2")
        self.assertEqual(self.answer(2)["id"], "a2")
        self.listen()  # restarted: told again, and not done again
        self.assertEqual(self.answer(3)["id"], "a2")
        self.assertEqual(len(self.calls(" exec ")), 2)

    def test_only_what_this_start_is_asked_is_done(self):
        self.listen()
        odd = ["", "{", "[]", "1" * 20_000, '{"id":"a0"}', json.dumps({"id": 1, "nonce": "nonce-1", "do": "stop"}),
               json.dumps({"id": "../a", "nonce": "nonce-1", "do": "stop"}), "[" * 10_000]
        for text in odd:
            self.cloud.put(clawbake_request=text)
            time.sleep(0.2)
        self.ask("a1", "stop", nonce="of-an-earlier-start")
        time.sleep(1.5)
        self.ask("a2", "reboot")
        self.assertEqual(self.answer()["id"], "a2")
        self.assertRegex(self.answer()["reason"], "knows no request 'reboot'")
        self.assertTrue(UP.exists())

    def test_a_stop_is_answered_when_the_gateway_is_down(self):
        pathlib.Path("/run/drain").write_text("1.5")
        self.listen()
        start = time.monotonic()
        self.ask("s1", "stop")
        answer = self.answer()
        self.assertGreater(time.monotonic() - start, 1.5)
        self.assertFalse(UP.exists())
        self.assertEqual(answer, {"nonce": "nonce-1", "id": "s1", "ok": True, "killed": False, "counts": {"sessions": 4, "cron": 1}})
        # Somebody who was interrupted asks again, and gets what was counted then.
        self.ask("s2", "stop")
        self.assertEqual(self.answer(2), {**answer, "id": "s2"})
        self.assertEqual(len(self.calls(" exec ")), 1)
        self.ask("c1", "counts")
        self.assertRegex(self.answer(3)["reason"], "does not run")

    def test_a_gateway_that_cannot_be_counted_is_stopped_too(self):
        for text in ("no JSON canary-1", "[]", '{"a": 1.5}', '{"a": true}', "{}" * 100_000):
            UP.touch()
            pathlib.Path("/run/counts").write_text(text)
            secrets = guest.RUN / "secrets"
            secrets.mkdir(exist_ok=True)
            (secrets / "A").write_text("canary-1")
            self.listen()
            number = len(self.answers()) + 1
            self.ask(f"s{number}", "stop")
            answer = self.answer(number)
            self.assertTrue(answer["ok"])
            self.assertRegex(answer["reason"], "^not counted, because the gateway's state cannot be counted")
            self.assertNotIn("counts", answer)
            self.assertNotIn("canary-1", json.dumps(answer))
            self.assertFalse(UP.exists())

    def test_a_stop_of_a_gateway_between_two_crashes_says_that_nothing_was_counted(self):
        self.listen()
        self.ask("s1", "stop")
        self.assertEqual(self.answer()["counts"], {"sessions": 4, "cron": 1})
        # It was started since, and has crashed: what was counted then is not what it holds now.
        pathlib.Path("/run/start").write_text("second")
        pathlib.Path("/run/down").write_text("activating")
        self.ask("s2", "stop")
        answer = self.answer(2)
        self.assertEqual((answer["ok"], answer["killed"]), (True, False))
        self.assertNotIn("counts", answer)
        self.assertRegex(answer["reason"], r"^not counted, because the gateway was not up \(activating\)")
        # A recipe that counts nothing has nothing to say either.
        self.write_image()
        pathlib.Path("/run/start").write_text("third")
        self.ask("s3", "stop")
        self.assertNotIn("reason", self.answer(3))

    def carrying(self, name, text):
        """The script in the listener's place for moving the state: what it prints and how it ends."""
        library = pathlib.Path("/run/library")
        shutil.rmtree(library, ignore_errors=True)
        shutil.copytree(guest.SCRIPTS, library)
        (library / name).write_text(f"#!/bin/sh\necho \"{name} $*\" >>{LOG}\n{text}\n")
        guest.sh("mount", "--bind", library, guest.LIB)
        self.addCleanup(guest.sh, "umount", guest.LIB)

    def test_whoever_packs_the_state_is_shut_off_first(self):
        UP.unlink()
        self.carrying("clawbake-export", """cat >/dev/null; echo '{"size": 1}'""")
        self.listen()
        self.ask("e1", "export", url="http://h/session")
        self.assertEqual(self.answer(), {"nonce": "nonce-1", "id": "e1", "ok": True, "size": 1})
        order = [word for line in self.calls("") for word in ("start clawbake-guard", "clawbake-export") if word in line]
        self.assertEqual(order, ["start clawbake-guard", "clawbake-export"])
        pathlib.Path("/run/guard").write_text("1")
        self.ask("e2", "export", url="http://h/session")
        self.assertRegex(self.answer(2)["reason"], "the packet filter cannot be set")
        self.assertEqual(len(self.calls("clawbake-export")), 1)

    def test_what_was_cut_short_says_that_it_may_be_asked_for_again(self):
        UP.unlink()
        self.carrying("clawbake-export", """cat >/dev/null; echo '{"reason": "the session has ended", "again": true}'; exit 1""")
        self.listen()
        self.ask("e1", "export", url="http://h/session")
        self.assertEqual(self.answer(), {"nonce": "nonce-1", "id": "e1", "ok": False, "reason": "the session has ended", "again": True})

    def test_a_recipe_without_counts_gets_none(self):
        self.write_image()
        self.listen()
        self.ask("c1")
        self.assertEqual(self.answer(), {"nonce": "nonce-1", "id": "c1", "ok": True})

    def test_a_gateway_that_was_killed_or_stays_is_told(self):
        pathlib.Path("/run/exit").write_text("137")
        self.listen()
        self.ask("s1", "stop")
        self.assertEqual(self.answer()["killed"], True)
        UP.touch()
        pathlib.Path("/run/stuck").touch()
        self.ask("s2", "stop")
        self.assertRegex(self.answer(2)["reason"], "did not stop within 61 s")

    def test_a_request_that_was_cut_short_is_done_again_in_this_boot_and_not_in_the_next(self):
        pathlib.Path("/run/drain").write_text("6")
        self.ask("s1", "stop")
        self.listen()
        self.wait(lambda: self.calls(" stop "))
        self.kill()
        pathlib.Path("/run/drain").write_text("0")
        self.listen()
        self.assertEqual(self.answer()["counts"], {"sessions": 4, "cron": 1})
        self.assertEqual(len(self.calls(" stop ")), 2)
        # The same at the moment of a reboot: the gateway that has come back is not stopped.
        UP.touch()
        record = TAKEN / "request"
        record.write_text(json.dumps({"nonce": "nonce-1", "id": "s2", "boot_id": "of-the-boot-before"}))
        self.ask("s2", "stop")
        self.listen()
        self.assertRegex(self.answer(2)["reason"], "cut short: the VM was restarted before it had answered")
        self.assertEqual(self.answer(2)["again"], True)
        self.assertTrue(UP.exists())
        # And one that was answered before a reboot stays as it is.
        self.listen()
        self.assertEqual(self.answer(3), self.answers()[1])
        self.assertTrue(UP.exists())

    def test_a_metadata_server_that_comes_back_is_heard(self):
        self.listen()
        self.ask("a1")
        self.answer()
        before = self.cloud
        before.close()
        time.sleep(1)
        self.cloud = guest.Metadata()
        self.ask("a2")
        self.assertEqual(self.answer()["id"], "a2")

    def test_its_memory_does_not_grow_with_what_it_reads(self):
        self.listen()
        resident = lambda: int(pathlib.Path(f"/proc/{self.listener.pid}/statm").read_text().split()[1]) * 4
        self.ask("a1")
        self.answer()
        for number in range(2, 6):
            self.cloud.put(user_data=str(number) * 500_000)
            self.ask(f"a{number}")
            self.answer(number)
        print(f"the listener's memory: {resident()} KiB")
        self.assertLess(resident(), 40_000)


if __name__ == "__main__":
    unittest.main()

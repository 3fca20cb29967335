import base64
import html
import json
import os
import pathlib
import random
import shlex
import shutil
import time
import traceback
import unittest
import urllib.parse

import guest

redact = guest.load("clawbake-redact")
SECRETS = guest.RUN / "secrets"
# What quoting and escaping trip over, each byte below 0x100 and some letters beyond.
AWKWARD = [chr(code) for code in range(1, 256)] + ["\\n", '\\"', "%41", "\\x41", "\r\n", "\n\n", "😀", "\u2028", "\ufeff", "${X}"]
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def word(rng, length):
    return "".join(rng.choices(ALPHABET, k=length))


def value(rng):
    """Words of letters and digits with something awkward between them, and the words."""
    words = [word(rng, rng.randrange(8, 24)) for _ in range(rng.randrange(1, 4))]
    text = rng.choice(["", rng.choice(AWKWARD)])
    for part in words:
        text += part + rng.choice(AWKWARD)
    return text, words


def raised(text):
    """What Python says of such a header."""
    import http.client

    try:
        http.client.HTTPConnection("127.0.0.1", 1).putheader("Authorization", f"Bearer {text}")
    except Exception as error:
        return "".join(traceback.format_exception(error))
    return "nothing"


QUOTES = {
    "plain": str,
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "repr of repr": lambda text: repr(repr(text)),
    "shell": shlex.quote,
    "URL": lambda text: urllib.parse.quote(text, safe=""),
    "form": urllib.parse.quote_plus,
    "URL twice": lambda text: urllib.parse.quote(urllib.parse.quote(text)),
    "HTML": html.escape,
    "lines joined": lambda text: "|".join(text.splitlines()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"x:" + text.encode()).decode(),
    "base64 of a header": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "an exception": raised,
    "cut off": lambda text: text[: len(text) * 2 // 3],
    "its end": lambda text: repr(text[len(text) // 3 :]),
    "upper case": str.upper,
}


def leaks(text, secret, words):
    """Whether a run of 8 letters and digits of a word, or of its base64 or hexadecimal digits, is left."""
    low = text.lower()
    known = [part.lower() for part in words]
    for before in (b"", b"\0", b"\0\0"):
        for part in words:
            encoded = base64.b64encode(before + part.encode()).decode().lower()
            known.append(encoded[4:-4])
    known += [part.encode().hex() for part in words]
    return any(part[at : at + 8] in low for part in known for at in range(len(part) - 7))


class Redact(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(guest.RUN, ignore_errors=True)
        SECRETS.mkdir(parents=True)
        guest.write_image()
        self.cloud = guest.Metadata()
        self.addCleanup(self.cloud.close)

    def test_canaries_in_every_quotation(self):
        rng, tries, control, failures = random.Random(5), 0, 0, []
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            secret, words = value(rng)
            name = rng.choice(list(QUOTES))
            text = f"--- {QUOTES[name](secret)} ---"
            tries += 1
            control += leaks(text, secret, words)
            clean = redact.redact(text, [word(rng, 30), secret])
            if leaks(clean, secret, words) or not (clean.startswith("--- ") and clean.endswith(" ---")):
                failures.append((name, secret, text, clean))
        print(f"redaction: {tries} tries, {control} of them would leak, {len(failures)} failures")
        self.assertEqual(failures, [])
        self.assertGreater(control, tries // 2)

    def test_short_and_odd_values_in_the_usual_quotations(self):
        tries, failures = 0, []
        for letter in AWKWARD:
            for secret in (f"k{letter}7q", f"{letter}{letter}!{letter}{letter}", f"pw{letter}d4"):
                for name in ("plain", "repr", "ascii", "bytes", "JSON", "URL", "form"):
                    if len(secret) < 4 or any(len(line) < 4 for line in secret.splitlines()):
                        continue
                    tries += 1
                    clean = redact.redact(f"<{QUOTES[name](secret)}>", [secret])
                    if redact.CUT not in clean:
                        failures.append((name, secret, clean))
        print(f"redaction of short values: {tries} tries, {len(failures)} failures")
        self.assertEqual(failures, [])

    def test_text_without_secrets_stays_as_it_is(self):
        rng = random.Random(8)
        for _ in range(2000):
            text = "".join(rng.choice(AWKWARD) + word(rng, 3) for _ in range(20))
            self.assertEqual(redact.redact(text, [word(rng, 40), "", "abc"]), text)

    def test_no_failing_path_tells_a_value(self):
        """Through the scripts: journal (stderr and stdout), guest attribute, and what the console gets."""
        rng, tries, failures = random.Random(9), 0, []
        stand_ins = pathlib.Path("/run/stand-ins")
        stand_ins.mkdir()
        self.addCleanup(shutil.rmtree, stand_ins)
        environment = {**os.environ, "PATH": f"{stand_ins}:{os.environ['PATH']}"}
        (stand_ins / "journalctl").write_text("#!/bin/sh\ncat /run/last-words\n")
        (stand_ins / "systemctl").write_text("#!/bin/sh\n")
        for script in stand_ins.iterdir():
            script.chmod(0o755)
        last_words = pathlib.Path("/run/last-words")
        self.addCleanup(last_words.unlink)
        for letter in rng.sample(AWKWARD, 12) + ['"', "\\", "\r", "é", "\n", "\x1b", "\u2028"]:
            words = [word(rng, 12), word(rng, 12)]
            secret = letter.join(words)
            (SECRETS / "GATEWAY_TOKEN").write_text(secret, newline="")
            last_words.write_text(raised(secret) + repr(secret) + "\n" + json.dumps(secret) + "\n", newline="")
            for path in (
                ["clawbake-failed", "clawbake-gateway.service"],
                ["clawbake-ready"],
                ["clawbake-phase", "failed", f"cannot send {secret!r}"],
            ):
                (guest.RUN / "failed").unlink(missing_ok=True)
                self.cloud.phases.clear()
                done = guest.script(*path, env=environment)
                told = done.stdout + done.stderr + json.dumps(self.cloud.phases) + json.dumps(self.cloud.phases, ensure_ascii=False)
                tries += 1
                if leaks(told, secret, words) or [p["phase"] for p in self.cloud.phases] != ["failed"]:
                    failures.append((path, secret, told))
        print(f"canaries through failing scripts: {tries} tries, {len(failures)} failures")
        self.assertEqual(failures, [])

    def test_a_reason_that_cannot_be_redacted_is_not_told(self):
        (SECRETS / "A").mkdir()  # which no file reader expects
        done = guest.script("clawbake-phase", "failed", "canary-canary")
        self.assertEqual(self.cloud.phases[0]["reason"], "a reason that cannot be told without secrets")
        self.assertNotIn("canary", done.stderr)

    def test_the_largest_secret_takes_no_long_time(self):
        rng = random.Random(10)
        (SECRETS / "A").write_text("\n".join(word(rng, 63) for _ in range(1024)))
        start = time.monotonic()
        guest.script("clawbake-phase", "failed", "words " * 1000)
        self.assertLess(time.monotonic() - start, 15)
        self.assertEqual(self.cloud.phases[0]["phase"], "failed")

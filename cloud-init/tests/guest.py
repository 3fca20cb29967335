"""The guest that the scripts under test find: a scratch /etc, /run and /home, the scripts in their
place, and a metadata server. Imported once per run, inside the namespaces that `run` makes."""

import base64
import http.server
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import threading
import urllib.parse

HERE = pathlib.Path(__file__).parent.resolve()
SCRIPTS = HERE.parent / "scripts"
UNITS = HERE.parent / "units"
LIB = pathlib.Path("/usr/local/lib/clawbake")
RUN = pathlib.Path("/run/clawbake")
TOKEN = "access-token-canary"


def sh(*args, check=True, **options):
    """Runs a command, its output captured."""
    return subprocess.run([str(a) for a in args], check=check, capture_output=True, text=True, timeout=120, **options)


def script(name, *args, **options):
    """Runs one of the scripts where the guest has it."""
    return sh(LIB / name, *args, check=False, **options)


def load(name):
    """A Python script as a module."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(SCRIPTS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def build():
    """Lays scratch file systems over what the scripts read and write."""
    scratch = pathlib.Path("/run")
    sh("mount", "-t", "tmpfs", "tmpfs", scratch)
    for directory in ("/etc", "/usr/local/lib", "/var/lib"):
        upper = scratch / directory.strip("/").replace("/", "-")
        for part in ("upper", "work"):
            (upper / part).mkdir(parents=True)
        options = f"lowerdir={directory},upperdir={upper}/upper,workdir={upper}/work"
        sh("mount", "-t", "overlay", "overlay", "-o", options, directory)
    sh("mount", "-t", "tmpfs", "tmpfs", "/home")
    pathlib.Path("/dev/disk").mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "tmpfs", "/dev/disk")
    pathlib.Path("/dev/disk/by-id").mkdir()
    LIB.mkdir(exist_ok=True)
    sh("mount", "--bind", SCRIPTS, LIB)
    pathlib.Path("/etc/clawbake").mkdir()
    pathlib.Path("/etc/hosts").write_text("127.0.0.1 localhost metadata.google.internal\n")
    sh("ip", "link", "set", "lo", "up")


def stand_in(test, **programs):
    """Puts programs before the real ones for as long as the test runs: what each prints and does, as a
    shell script. Returns the environment that finds them."""
    stand_ins = pathlib.Path("/run/stand-ins")
    stand_ins.mkdir(exist_ok=True)
    test.addCleanup(shutil.rmtree, stand_ins, ignore_errors=True)
    for name, text in programs.items():
        (stand_ins / name).write_text(f"#!/bin/sh\n{text}\n")
        (stand_ins / name).chmod(0o755)
    return {**os.environ, "PATH": f"{stand_ins}:{os.environ['PATH']}"}


# Does in place of a container what would be done in it, and notes how it was called.
DOCKER = """
echo "$*" >>/run/stand-ins/docker.log
[ "$1" = compose ] || exit 0
while [ "$1" != gateway ]; do shift; done
shift
exec "$@"
"""


def write_image(**changes):
    """Writes image.json as a bake does."""
    image = {
        "schema": 1,
        "image": "clawdbot-gateway-test",
        "recipe": "clawdbot",
        "gateway": {"version": "2026.1.24-3"},
        "token_env": "GATEWAY_TOKEN",
        "port": 18789,
        "inner_port": 28789,
        "state": {
            "dirs": [".clawdbot", "clawd", ".config/clawd"],
            "seeds": [{"path": ".clawdbot/clawdbot.json", "content": "{\"it's\": \"$HOME\\n\"}\n\n"}],
        },
        "health": {"post": "/tools/invoke", "body": "{}", "without": 401, "with": 200, "start_seconds": 1},
    }
    pathlib.Path("/etc/clawbake/image.json").write_text(json.dumps({**image, **changes}))


def write_vm(**changes):
    """Writes vm.json as user-data does."""
    vm = {
        "schema": 1,
        "project": "p",
        "deployment": "clawdbot-gateway",
        "secret_manager": "http://127.0.0.1",
        "state_device": "clawbake-state",
        "secrets": {},
        "env": {},
    }
    pathlib.Path("/etc/clawbake/vm.json").write_text(json.dumps({**vm, **changes}))


class Metadata(http.server.ThreadingHTTPServer):
    """The metadata server and Secret Manager on one address. `secrets` maps a name to the answers that
    it gives in turn, the last one again and again; `attributes` are the instance's metadata items, and
    `phases` collects what the VM reported, `said` what it wrote into its other guest attributes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("0.0.0.0", 80), Handler)
        self.secrets = {}
        self.attributes = {"clawbake-nonce": "nonce-1"}
        self.phases = []
        self.said = {}
        self.changed = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, **attributes):
        """Sets metadata items; `_` stands for a hyphen."""
        with self.changed:
            self.attributes.update({key.replace("_", "-"): value for key, value in attributes.items()})
            self.changed.notify_all()

    def all_attributes(self, etag, seconds):
        """All metadata items and their etag, once it is another one or time is up."""
        with self.changed:
            self.changed.wait_for(lambda: str(hash(frozenset(self.attributes.items()))) != etag, seconds)
            return json.dumps(self.attributes), str(hash(frozenset(self.attributes.items())))

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as Google's servers do, as far as the scripts ask."""

    def do_GET(self):
        instance = "/computeMetadata/v1/instance/"
        if self.path.startswith(instance):
            if self.headers["Metadata-Flavor"] != "Google":
                return self.answer(403, "")
            if self.path.startswith(instance + "attributes/?"):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                body, etag = self.server.all_attributes(query["last_etag"], float(query["timeout_sec"]))
                return self.answer(200, body, ETag=etag)
            known = {
                **{f"attributes/{key}": value for key, value in self.server.attributes.items()},
                "service-accounts/default/email": "vm@p.iam.gserviceaccount.com",
                "service-accounts/default/token": json.dumps({"access_token": self.server.attributes.get("token", TOKEN)}),
            }
            body = known.get(self.path.removeprefix(instance))
            return self.answer(404 if body is None else 200, body or "")
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(401, "")
        answers = self.server.secrets.get(self.path.split("/")[5], [(404, "")])
        return self.answer(*(answers.pop(0) if len(answers) > 1 else answers[0]))

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        key = self.path.rpartition("/")[2]
        reports = self.server.phases if key == "phase" else self.server.said.setdefault(key, [])
        reports.append(json.loads(body))
        self.answer(200, "")

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def payload(data, checksum):
    """Secret Manager's answer to versions:access."""
    encoded = base64.b64encode(data).decode()
    return 200, json.dumps({"payload": {"data": encoded, "dataCrc32c": str(checksum)}})


build()

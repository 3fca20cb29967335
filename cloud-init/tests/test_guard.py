import os
import pathlib
import shutil
import socket
import subprocess
import time
import unittest

import guest

METADATA = "http://169.254.169.254/computeMetadata/v1/instance/attributes/clawbake-nonce"
# The metadata server, the secret server, and the gateway and the resolver of a local VM.
ADDRESSES = ["169.254.169.254", "169.254.169.253", "169.254.10.2", "169.254.10.3", "fd20:ce::254"]
SEND = """
import socket, sys
kind, address, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, getattr(socket, kind)) as client:
    client.settimeout(5)
    client.connect((address, int(port)))
    client.send(b"x")
"""


def run_as(uid, *command):
    return guest.sh("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", *command, check=False).returncode == 0


def may_read(uid):
    return run_as(uid, "curl", "-sf", "--max-time", "5", "-H", "Metadata-Flavor: Google", METADATA)


def arrives(uid, kind, address, port):
    """Whether what a user sends to an address comes in there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, getattr(socket, kind)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, port))
        server.settimeout(0.2)
        if kind == "SOCK_STREAM":
            server.listen()
        run_as(uid, "/usr/bin/python3", "-c", SEND, kind, address, port)
        try:
            if kind == "SOCK_STREAM":
                server.accept()[0].close()
            else:
                server.recv(1)
            return True
        except TimeoutError:
            return False


class Guard(unittest.TestCase):
    def setUp(self):
        guest.write_vm()
        for address in ADDRESSES:
            size = 128 if ":" in address else 32
            guest.sh("ip", "address", "add", f"{address}/{size}", "dev", "lo", *["nodad"][: size // 128])
            self.addCleanup(guest.sh, "ip", "address", "del", f"{address}/{size}", "dev", "lo")

    def guard(self, *how):
        for _ in range(2):
            done = guest.script("clawbake-guard", *how)
            self.assertEqual(done.returncode, 0, done.stderr)
        for family in ("iptables", "ip6tables"):
            self.assertEqual(guest.sh(family, "-S", "OUTPUT").stdout.count("--uid-owner 1000"), 1)
            self.addCleanup(guest.sh, family, "-F", "OUTPUT")

    def test_the_gateway_cannot_reach_the_metadata_server_and_others_can(self):
        cloud = guest.Metadata()
        self.addCleanup(cloud.close)
        self.assertTrue(may_read(1000), "the test proves nothing otherwise")
        self.guard()
        self.assertFalse(may_read(1000))
        self.assertTrue(may_read(0))

    def test_whoever_packs_or_unpacks_a_held_state_is_shut_off_and_root_reaches_cloud_storage(self):
        cloud = guest.Metadata()
        self.addCleanup(cloud.close)
        for clone in (False, True):
            guest.write_vm(hold=True, clone=clone)
            self.assertTrue(may_read(1000), "the test proves nothing otherwise")
            self.guard("--held")
            self.assertFalse(may_read(1000))
            self.assertTrue(may_read(0))
            self.assertTrue(arrives(0, "SOCK_STREAM", "169.254.169.253", 5300))
            for family in ("iptables", "ip6tables"):
                guest.sh(family, "-F", "OUTPUT")

    def test_of_all_that_is_link_local_the_gateway_reaches_only_names(self):
        ways = [(kind, address, port) for kind in ("SOCK_STREAM", "SOCK_DGRAM") for address in ADDRESSES
                for port in (53, 5300)]
        for way in ways:
            self.assertTrue(arrives(1000, *way), f"{way}: the test proves nothing otherwise")
        self.guard()
        for way in ways:
            self.assertEqual(arrives(1000, *way), way[2] == 53, way)
        self.assertTrue(arrives(0, "SOCK_STREAM", "169.254.10.2", 5300))
        self.assertTrue(arrives(1000, "SOCK_STREAM", "127.0.0.1", 5300))


ECHO = """
import socket, sys, threading
def streams(server):
    while True:
        client, _ = server.accept()
        client.sendall(b"x")
        client.close()
def datagrams(server):
    while True:
        server.sendto(b"x", server.recvfrom(9)[1])
for address, port in (word.rsplit("/", 1) for word in sys.argv[1:]):
    for kind, serve in ((socket.SOCK_STREAM, streams), (socket.SOCK_DGRAM, datagrams)):
        server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((address, int(port)))
        if kind == socket.SOCK_STREAM:
            server.listen()
        threading.Thread(target=serve, args=(server,)).start()
print("up", flush=True)
"""
HEAR = """
import socket, sys
kind, address, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, getattr(socket, kind)) as client:
    client.settimeout(1)
    client.connect((address, int(port)))
    client.send(b"x")
    client.recv(1) == b"x" or sys.exit(1)
"""
# Of the neighbour: on its network by either protocol, and as the metadata and the secret server.
NEIGHBOUR, NEIGHBOUR_6, SECRETS = "198.18.9.2", "fd00:9::2", "169.254.169.253"
OWN, OWN_6 = "198.18.9.1", "fd00:9::1"
KINDS = ("SOCK_STREAM", "SOCK_DGRAM")
FRONT, INNER = 18789, 28789


def hears(uid, kind, address, port):
    """Whether a user gets an answer from there."""
    return run_as(uid, "/usr/bin/python3", "-c", HEAR, kind, address, port)


def neighbour_hears(address, port):
    """Whether the neighbour gets an answer from this machine."""
    return guest.sh("ip", "netns", "exec", "neighbour", "/usr/bin/python3", "-c", HEAR, "SOCK_STREAM", address, port,
                    check=False).returncode == 0


class Clone(unittest.TestCase):
    """A machine with a neighbour, who answers on every port that matters."""

    def setUp(self):
        guest.write_image()
        guest.write_vm(clone=True, secret_manager=f"http://{SECRETS}")
        guest.sh("ip", "netns", "add", "neighbour")
        self.addCleanup(guest.sh, "ip", "netns", "del", "neighbour")
        inside = ["ip", "netns", "exec", "neighbour"]
        self.addCleanup(guest.sh, "ip", "link", "del", "near")
        guest.sh("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", "neighbour")
        for prefix, device, addresses in (
            ([], "near", [f"{OWN}/24", f"{OWN_6}/64"]),
            (inside, "far", [f"{NEIGHBOUR}/24", f"{NEIGHBOUR_6}/64", "169.254.169.254/32", f"{SECRETS}/32"]),
        ):
            for address in addresses:
                guest.sh(*prefix, "ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
            guest.sh(*prefix, "ip", "link", "set", device, "up")
        guest.sh(*inside, "ip", "link", "set", "lo", "up")
        guest.sh("ip", "route", "add", "169.254.0.0/16", "via", NEIGHBOUR)
        self.serve(*inside, addresses=(NEIGHBOUR, NEIGHBOUR_6, "169.254.169.254", SECRETS), ports=(53, 80, 443, 5300))
        # The machine's own: a resolver, the gateway and whoever forwards to it, a door.
        self.serve(addresses=("127.0.0.1", "127.0.0.53", "::1", OWN, OWN_6), ports=(53, FRONT, INNER, 22))
        deadline = time.monotonic() + 10
        while not hears(0, "SOCK_STREAM", NEIGHBOUR_6, 80):  # a link takes a moment
            self.assertLess(time.monotonic(), deadline)

    def serve(self, *prefix, addresses, ports):
        places = [f"{address}/{port}" for address in addresses for port in ports]
        server = subprocess.Popen([*prefix, "/usr/bin/python3", "-c", ECHO, *places], stdout=subprocess.PIPE)
        self.assertEqual(server.stdout.readline(), b"up\n")
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

    def guard(self):
        self.addCleanup(lambda: [guest.sh(family, flag) for family in ("iptables", "ip6tables") for flag in ("-F", "-X")])
        for _ in range(2):  # as when the unit is started again
            done = guest.script("clawbake-guard")
            self.assertEqual(done.returncode, 0, done.stderr)
        for family in ("iptables", "ip6tables"):
            self.assertEqual(guest.sh(family, "-S").stdout.count("-A OUTPUT "), 1)

    def ways_out(self):
        for kind in KINDS:
            for port in (53, 80, 443, 5300):
                yield from ((kind, address, port) for address in (NEIGHBOUR, NEIGHBOUR_6))
            yield from ((kind, address, port) for address in ("169.254.169.254", SECRETS) for port in (53, 80))
            # What its names would be resolved by.
            yield from ((kind, address, 53) for address in ("127.0.0.1", "127.0.0.53", "::1"))

    def test_a_clones_gateway_reaches_nothing_but_loopback(self):
        for way in self.ways_out():
            self.assertTrue(hears(1000, *way), f"{way}: the test proves nothing otherwise")
        self.guard()
        self.assertEqual([way for way in self.ways_out() if hears(1000, *way)], [])
        for address in ("127.0.0.1", "::1"):
            self.assertTrue(hears(1000, "SOCK_STREAM", address, INNER))
        # Nor what is its own machine's, by another address.
        self.assertFalse(hears(1000, "SOCK_STREAM", OWN, FRONT))

    def test_the_rest_of_a_clone_reaches_metadata_and_secrets_alone(self):
        self.guard()
        allowed = {("SOCK_STREAM", "169.254.169.254", 80), ("SOCK_STREAM", SECRETS, 80)}
        outside = {way for way in self.ways_out() if not way[1].startswith(("127.", "::1")) and way[1:] != ("169.254.169.254", 53)}
        self.assertEqual({way for way in outside if hears(0, *way)}, allowed | {("SOCK_DGRAM", "169.254.169.254", 80)})
        self.assertFalse(hears(65534, "SOCK_STREAM", SECRETS, 80))
        self.assertTrue(hears(65534, "SOCK_STREAM", "127.0.0.1", INNER))

    def test_only_the_probe_comes_in_to_a_clone(self):
        doors = [(address, port) for address in (OWN, OWN_6) for port in (FRONT, INNER, 22)]
        self.assertEqual([door for door in doors if not neighbour_hears(*door)], [], "the test proves nothing otherwise")
        self.guard()
        self.assertEqual([door for door in doors if neighbour_hears(*door)], [(OWN, FRONT)])

    def test_google_is_reached_by_root_alone(self):
        guest.write_vm(clone=True, secret_manager="https://secretmanager.googleapis.com")
        self.guard()
        self.assertTrue(hears(0, "SOCK_STREAM", NEIGHBOUR, 443))
        self.assertFalse(hears(0, "SOCK_STREAM", NEIGHBOUR, 80))
        self.assertFalse(hears(65534, "SOCK_STREAM", NEIGHBOUR, 443))
        self.assertFalse(hears(1000, "SOCK_STREAM", NEIGHBOUR, 443))

    def test_another_machine_than_a_clone_reaches_the_outside(self):
        guest.write_vm()
        self.guard()
        for way in [(kind, address, 5300) for kind in KINDS for address in (NEIGHBOUR, NEIGHBOUR_6)]:
            self.assertTrue(hears(1000, *way), way)
        self.assertFalse(hears(1000, "SOCK_STREAM", "169.254.169.254", 80))

    def test_without_rules_the_gateway_does_not_start(self):
        for word in ("yes", "", 1):
            guest.write_vm(clone=word)
            self.assertNotEqual(guest.script("clawbake-guard").returncode, 0, word)
        for odd in ("ftp://h", "http://1.2.3.4:80 -j ACCEPT", "http://1.2.3.4\nCOMMIT", None):
            guest.write_vm(clone=True, secret_manager=odd)
            self.assertNotEqual(guest.script("clawbake-guard").returncode, 0, odd)
        pathlib.Path("/etc/clawbake/vm.json").write_text("{")
        self.assertNotEqual(guest.script("clawbake-guard").returncode, 0)
        self.assertEqual(guest.sh("iptables", "-S").stdout.count("-A "), 0)
        guest.write_vm(clone=True)
        directory = pathlib.Path("/run/broken")
        directory.mkdir()
        self.addCleanup(shutil.rmtree, directory)
        for name in ("ip6tables-restore", "ip6tables"):
            (directory / name).write_text("#!/bin/sh\nexit 1\n")
            (directory / name).chmod(0o755)
        environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
        self.addCleanup(lambda: [guest.sh(family, flag) for family in ("iptables", "ip6tables") for flag in ("-F", "-X")])
        self.assertNotEqual(guest.script("clawbake-guard", env=environment).returncode, 0)

import socket
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
        for address in ADDRESSES:
            size = 128 if ":" in address else 32
            guest.sh("ip", "address", "add", f"{address}/{size}", "dev", "lo", *["nodad"][: size // 128])
            self.addCleanup(guest.sh, "ip", "address", "del", f"{address}/{size}", "dev", "lo")

    def guard(self):
        for _ in range(2):
            done = guest.script("clawbake-guard")
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

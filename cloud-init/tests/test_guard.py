import unittest

import guest

METADATA = "http://169.254.169.254/computeMetadata/v1/instance/attributes/clawbake-nonce"


def may_read(uid):
    return guest.sh("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "curl", "-sf", "--max-time", "5",
                    "-H", "Metadata-Flavor: Google", METADATA, check=False).returncode == 0


class Guard(unittest.TestCase):
    def test_the_gateway_cannot_reach_the_metadata_server_and_others_can(self):
        cloud = guest.Metadata()
        self.addCleanup(cloud.close)
        guest.sh("ip", "address", "add", "169.254.169.254/32", "dev", "lo")
        self.addCleanup(guest.sh, "ip", "address", "del", "169.254.169.254/32", "dev", "lo")
        self.assertTrue(may_read(1000), "the test proves nothing otherwise")
        for _ in range(2):
            done = guest.script("clawbake-guard")
            self.assertEqual(done.returncode, 0, done.stderr)
        for family in ("iptables", "ip6tables"):
            self.assertEqual(guest.sh(family, "-S", "OUTPUT").stdout.count("--uid-owner 1000"), 1)
        self.assertFalse(may_read(1000))
        self.assertTrue(may_read(0))

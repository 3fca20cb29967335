import pathlib
import re
import shutil
import unittest

import guest

SYSTEM = pathlib.Path("/etc/systemd/system")


class Units(unittest.TestCase):
    def test_systemd_accepts_them_with_what_the_generator_writes(self):
        guest.write_image()
        for unit in guest.UNITS.iterdir():
            shutil.copy(unit, SYSTEM)
        # Baked beside ours; here they only have to exist.
        (SYSTEM / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
        done = guest.script("clawbake-ports", SYSTEM, SYSTEM, SYSTEM)
        self.assertEqual(done.returncode, 0, done.stderr)
        socket = (SYSTEM / "clawbake-proxy.socket.d/port.conf").read_text()
        self.assertIn("ListenStream=0.0.0.0:18789\n", socket)
        units = [SYSTEM / u.name.replace("@.", "@x.") for u in guest.UNITS.iterdir()]
        # docker itself need not be installed where the tests run
        done = guest.sh("systemd-analyze", "verify", "--man=no", *units, check=False)
        complaints = [line for line in done.stderr.splitlines() if "clawbake" in line and "/usr/bin/docker is not" not in line]
        self.assertEqual(complaints, [])

    def test_each_service_may_do_what_it_needs_and_no_more(self):
        table = {}
        for unit in sorted(guest.UNITS.glob("*.service")):
            done = guest.sh("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
            table[unit.name] = float(re.search(r"exposure level for \S+: (\d+\.\d)", done.stdout)[1])
            self.assertIn("\nLimitCORE=0\n", unit.read_text(), f"{unit.name} dumps secrets with its memory")
        print("exposure, below 5:", ", ".join(f"{name} {level}" for name, level in table.items()))
        self.assertEqual({name: level for name, level in table.items() if level >= 5}, {})

    def test_systemd_puts_a_variable_inside_of_a_word_only_where_it_has_braces(self):
        for unit in guest.UNITS.iterdir():
            self.assertEqual(re.findall(r"^Exec.*[^\s=]=?\$\w+.*", re.sub(r"(?m)^(Exec\w+)=", r"\1 ", unit.read_text()), re.M), [], unit.name)

    def test_what_mounts_the_state_disk_does_so_for_all(self):
        own_namespace = re.compile(r"^(Protect(System|Home|Kernel|Control|Proc)|Private|ReadOnly|ReadWrite|Inaccessible|Bind|Tmp)\w*=", re.M)
        self.assertIsNone(own_namespace.search((guest.UNITS / "clawbake-state.service").read_text()))

    def test_image_units_agree_with_their_names(self):
        for mount in (guest.HERE.parent / "image").glob("*.mount"):
            where = "/" + mount.stem.replace("-", "/")
            self.assertIn(f"Where={where}\n", mount.read_text())

    @unittest.skipUnless(shutil.which("shellcheck"), "no shellcheck here")
    def test_shellcheck_is_content(self):
        shell = [s for s in guest.SCRIPTS.iterdir() if s.read_text().startswith("#!/bin/sh")]
        done = guest.sh("shellcheck", *shell, guest.HERE / "run", check=False)
        self.assertEqual(done.stdout, "")

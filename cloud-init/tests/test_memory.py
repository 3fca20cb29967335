import json
import pathlib
import shutil
import unittest

import guest

memory = guest.load("clawbake-memory")
TOLD = guest.RUN / "memory"


def report(pressure=0.0, kills=0):
    return {"pressure_some_avg300": pressure, "oom_kills": kills}


def told(pressure=0.0, kills=0, seconds=0, level=0):
    return {"seconds": seconds, "levels": {"pressure_some_avg300": level}, "report": report(pressure, kills)}


class Memory(unittest.TestCase):
    def setUp(self):
        shutil.rmtree(guest.RUN, ignore_errors=True)
        guest.RUN.mkdir()
        (guest.RUN / "nonce").write_text("nonce-1\n")
        self.cloud = guest.Metadata()
        self.addCleanup(lambda: self.cloud.close())

    def run_script(self):
        done = guest.script("clawbake-memory")
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.cloud.said.get("memory", [])

    def test_this_machines_memory_is_told_once(self):
        (said,) = self.run_script()
        total = int(guest.sh("awk", "/^MemTotal/ { print $2 }", "/proc/meminfo").stdout) >> 10
        self.assertEqual((said["nonce"], said["total_mb"]), ("nonce-1", total))
        self.assertGreater(said["available_mb"], 0)
        self.assertRegex(said["at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(len(self.run_script()), 1, "nothing is new")

    def test_what_could_not_be_told_is_told_later(self):
        self.cloud.close()
        self.assertEqual(self.run_script(), [])
        self.assertFalse(TOLD.exists())
        self.cloud = guest.Metadata()
        self.assertEqual(len(self.run_script()), 1)
        (guest.RUN / "nonce").unlink()
        TOLD.write_text("no JSON")
        self.assertEqual(len(self.run_script()), 1, "nobody would know whose report it is")

    def test_the_kernels_files_are_read(self):
        root = pathlib.Path("/run/machine")
        for path, text in {
            "proc/meminfo": "MemTotal:        2017424 kB\nMemFree:  1 kB\nMemAvailable:      90112 kB\n",
            "proc/pressure/memory": "some avg10=1.00 avg60=2.00 avg300=41.70 total=99\nfull avg10=0.00 avg60=0.00 avg300=9.00 total=9\n",
            "proc/vmstat": "pgfault 12\noom_kill 2\noom_kill_other 7\n",
            "sys/fs/cgroup/system.slice/docker-ab.scope/memory.peak": f"{1204 * memory.MIB}\n",
        }.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.assertEqual(memory.measure_memory(root), {
            "total_mb": 1970, "available_mb": 88, "pressure_some_avg300": 41.7, "oom_kills": 2, "gateway_peak_mb": 1204,
        })
        shutil.rmtree(root)
        self.assertEqual(memory.measure_memory(root), {"total_mb": 0, "available_mb": 0, "pressure_some_avg300": 0, "oom_kills": 0})

    def test_only_news_are_told_and_not_too_often(self):
        news = lambda report, told, now=1000: memory.is_news(report, told, now)
        self.assertTrue(news(report(), None))
        self.assertFalse(news(report(9.9), told()))
        self.assertTrue(news(report(10), told()))
        self.assertTrue(news(report(kills=1), told()))
        self.assertFalse(news(report(50, 1), told(seconds=701)), "five minutes have not passed")
        self.assertTrue(news(report(50, 1), told(seconds=700)))
        # Around a level: up once, down once.
        self.assertFalse(news(report(8), told(12, level=1)))
        self.assertTrue(news(report(6.9), told(12, level=1)))
        level = lambda pressure, before=0: memory.levels(report(pressure), {"pressure_some_avg300": before})["pressure_some_avg300"]
        self.assertEqual([level(pressure) for pressure in (0, 9.9, 10, 39.9, 40, 100)], [0, 0, 1, 1, 2, 2])
        self.assertEqual([level(pressure, 2) for pressure in (6.9, 7, 27.9, 28)], [0, 1, 1, 2])

    def disks(self):
        """What was told of the disks, by a script that has not told anything for long."""
        file = guest.RUN / "disk"
        if file.exists():
            file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": -memory.PAUSE}))
        self.run_script()
        return [{key: value for key, value in said.items() if key.endswith("percent")} for said in self.cloud.said["disk"]]

    def test_a_state_disk_that_fills_up_is_told(self):
        (said,) = self.disks()
        self.assertEqual(list(said), ["boot_used_percent"], "there is no state disk")
        home, file = pathlib.Path("/home/clawbake"), pathlib.Path("/run/state.raw")
        home.mkdir(exist_ok=True)
        with open(file, "wb") as raw:
            raw.truncate(64 << 20)
        guest.sh("mkfs.ext4", "-q", "-F", "-m", "0", file)
        guest.sh("mount", "-o", "loop", file, home)
        self.addCleanup(file.unlink)
        self.addCleanup(guest.sh, "umount", home)
        self.assertLess(self.disks()[-1]["state_used_percent"], 20)
        number = len(self.disks())
        avail = lambda: int(guest.sh("df", "--output=avail", "-B1", home).stdout.split()[1])
        (home / "most").write_bytes(b"x" * (avail() * 9 // 10))
        self.assertEqual(len(self.disks()), number + 1)
        self.assertIn(self.disks()[-1]["state_used_percent"], range(88, 95))
        # What has no bytes takes room, too.
        (home / "most").unlink()
        self.assertLess(self.disks()[-1]["state_used_percent"], 20)
        for name in range(100_000):
            try:
                (home / str(name)).touch()
            except OSError:
                break
        self.assertEqual(self.disks()[-1]["state_used_percent"], 100)


if __name__ == "__main__":
    unittest.main()

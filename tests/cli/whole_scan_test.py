"""A 64 x 64 scan of 2.7 GB goes from files to a verified store in bounded memory."""

import os
import shutil
import subprocess
import unittest

from program import COUNTEM, ProgramTest


class WholeScan(ProgramTest):
    def test_counted_in_bounded_memory(self):
        needed = 4 << 30
        if shutil.disk_usage(self.directory).free < needed:
            self.skipTest(f"needs {needed >> 30} GiB of free space in {self.directory}")
        raw, counted = self.directory / "raw", self.directory / "counted.h5"
        self.succeed("simulate", raw, "--scan", "64x64", "--occupancy", 0.001, timeout=600)

        running = subprocess.Popen([COUNTEM, "count", str(raw), "-o", str(counted), "--quiet"], stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(running.returncode, 0)
        self.assertLess(usage.ru_maxrss, 1 << 20, "peak resident memory in KiB")

        copied = self.directory / "copied.h5"
        self.succeed("count", raw, "-o", copied, "--copy-input", "--threads", 1, "--quiet")
        same = self.succeed_json("compare", counted, copied)
        self.assertEqual((same["matched"], same["rms_error_px"]["radial"]), (same["events"], 0))
        self.assertEqual(same["events"], same["electrons"])

        self.succeed("verify", counted)
        self.assertEqual(self.succeed_json("info", counted)["frames"], 4096)


if __name__ == "__main__":
    unittest.main()

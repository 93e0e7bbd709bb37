"""count killed at random moments and with a full disk: recover and resume lose nothing. scripts/crash_campaign.sh runs it at length."""

import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from program import COUNTEM, ProgramTest
from raw_files import npy

SCAN = (30, 50)
FRAME = (192, 192)  # a count writes about 340 of them at a time
KILLS = int(os.environ.get("COUNTEM_KILL_ROUNDS", 3))
FULL_DISKS = int(os.environ.get("COUNTEM_FULL_DISK_ROUNDS", 2))
IO_FAILURE = 4
BAD_INPUT = 3


class SmallDisk:
    """A directory that holds few bytes: a tmpfs where this process may mount one, else a limit on the size of each file."""

    def __init__(self, size):
        self.size = size
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="countem_full_"))
        self.mounted = os.geteuid() == 0 and self._mount("size")

    def _mount(self, option):
        command = ["mount", "-t", "tmpfs", "-o", f"{option}={self.size}", "tmpfs", self.path]
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def options(self):
        """What subprocess needs for the limit to hold."""
        return {} if self.mounted else {"preexec_fn": self._limit_files}

    def _limit_files(self):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))

    def grow(self):
        if self.mounted:
            subprocess.run(["mount", "-o", "remount,size=1G", self.path], check=True)

    def close(self):
        if self.mounted:
            subprocess.run(["umount", self.path], check=True)
        shutil.rmtree(self.path, ignore_errors=True)


@unittest.skipIf(os.environ.get("COUNTEM_SANITIZE"), "under the sanitizers test_store kills its own processes; the program is too slow there to be caught in the middle")
class Crashes(ProgramTest):
    @classmethod
    def setUpClass(cls):
        """A scan, and what counts of it that nothing interrupts make."""
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        kept = pathlib.Path(folder.name)
        pixels = SCAN[0] * SCAN[1] * FRAME[0] * FRAME[1]
        values = bytearray(2 * pixels)
        values[0::2] = random.Random(11).randbytes(pixels)  # 0 to 255: 2 % of the pixels are above the threshold
        cls.raw = kept / "raw.npy"
        cls.raw.write_bytes(npy((*SCAN, *FRAME), values))
        cls.whole, cls.seconds = {}, {}
        for fast in (False, True):
            cls.whole[fast] = kept / f"whole_{fast}.h5"
            begin = time.monotonic()
            subprocess.run([COUNTEM, *map(str, cls.command(cls.whole[fast], fast))], check=True, timeout=120)
            cls.seconds[fast] = time.monotonic() - begin

    def setUp(self):
        super().setUp()
        self.random = random.Random(11)

    @classmethod
    def command(cls, output, fast, *more):
        return ("count", cls.raw, "-o", output, "--threshold", 250, "--method", "pixels", "--backend", "reference", "--quiet",
                *(["--fast-sparse"] if fast else []), *more)

    def expect_part_of_whole(self, store, fast):
        """Every event of `store` is one of the uninterrupted count's."""
        self.assertIn(self.succeed_json("compare", store, self.whole[fast])["precision"], (1.0, None))  # None: no events yet

    def check_what_is_left(self, output, fast):
        """Recovers what a count left, then resumes it; returns how many frames were recovered."""
        part = output.with_name(output.name + ".part")
        self.assertFalse(output.exists())
        if not part.exists():
            return 0
        code, _, err = self.run_program("compare", part, self.whole[fast], "--json")
        if code == 0:  # HDF5 opens it: then it shows nothing wrong
            self.expect_part_of_whole(part, fast)
        else:
            self.assertEqual(code, BAD_INPUT, err)
        before = part.read_bytes()
        fixed = self.directory / "fixed.h5"
        code, out, err = self.run_program("recover", part, "-o", fixed, "--json", "--force")
        self.assertEqual(part.read_bytes(), before, "the broken file was changed")
        if code != 0:
            self.assertIn("no trace", err)  # killed before the description was written: no frame can be lost
            part.unlink()
            return 0
        frames = self.succeed_json("info", fixed)["frames"] - self.succeed_json("info", fixed)["missing_frames"]
        if frames > 0:
            self.succeed("verify", fixed)
            self.expect_part_of_whole(fixed, fast)
        return frames

    def resume(self, output, fast, frames):
        told = self.succeed_json(*self.command(output, fast, "--resume"))
        self.assertEqual(told["resumed_after_frames"], frames)
        self.succeed("verify", output)
        compared = self.succeed_json("compare", output, self.whole[fast])
        self.assertEqual((compared["recall"], compared["precision"]), (1.0, 1.0))
        self.assertFalse(output.with_name(output.name + ".part").exists())
        output.unlink()

    def test_killed_at_random_moments(self):
        output = self.directory / "counted.h5"
        met, rounds = 0, 0
        while rounds < KILLS or (met == 0 and rounds < 20 + KILLS):  # a busy machine may be killed before the first write each time
            number, rounds = rounds, rounds + 1
            fast = number % 2 == 1
            moment = self.random.uniform(0.02, self.seconds[fast])
            running = subprocess.Popen([COUNTEM, *map(str, self.command(output, fast))], stderr=subprocess.DEVNULL)
            time.sleep(moment)
            running.kill()
            running.wait()
            with self.subTest(round=number, fast_sparse=fast, moment=moment):
                if output.exists():  # was faster this time
                    output.unlink()
                    continue
                frames = self.check_what_is_left(output, fast)
                self.resume(output, fast, frames)
                met += frames > 0
        print(f"killed {rounds} times, {met} of them while frames were being written")
        self.assertGreater(met, 0)

    def test_full_disks(self):
        for number in range(FULL_DISKS):
            fast = number % 2 == 1
            size = int(self.whole[fast].stat().st_size * self.random.uniform(0.15, 0.95)) // 4096 * 4096
            disk = SmallDisk(size)
            self.addCleanup(shutil.rmtree, disk.path, ignore_errors=True)
            try:
                with self.subTest(round=number, fast_sparse=fast, size=size, tmpfs=disk.mounted):
                    output = disk.path / "counted.h5"
                    self.refuse(IO_FAILURE, *self.command(output, fast), mentions=[str(output)], **disk.options())
                    frames = self.check_what_is_left(output, fast)
                    disk.grow()
                    self.resume(output, fast, frames)
            finally:
                disk.close()


if __name__ == "__main__":
    unittest.main()

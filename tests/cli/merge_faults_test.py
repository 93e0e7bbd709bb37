"""Merges that meet another, a full disk, or are killed: a sentence each, the parts untouched, nothing lost."""

import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from crash_test import SmallDisk
from program import COUNTEM, ProgramTest
from same_content import SameContent

IO_FAILURE = 4
KILLS = int(os.environ.get("COUNTEM_KILL_ROUNDS", 10))
PARTS = 4


class MergeFaults(SameContent, ProgramTest):
    @classmethod
    def setUpClass(cls):
        """Four parts of a scan, and what one process makes of it."""
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        kept = pathlib.Path(folder.name)

        def run(*arguments):
            subprocess.run([COUNTEM, *map(str, arguments), "--quiet"], check=True, timeout=120, stderr=subprocess.DEVNULL)

        run("simulate", kept / "sim", "--scan", "64x40", "--frame", "48x64", "--format", "npy", "--occupancy", 0.02)
        counting = ("count", kept / "sim" / "data.npy", "--no-png", "--values", "charge")
        cls.expected = kept / "one.h5"
        run(*counting, "-o", cls.expected)
        for number in range(1, PARTS + 1):
            run(*counting, "--part", f"{number}/{PARTS}", "-o", kept / "counted.{part}.h5")
        cls.parts = sorted(kept.glob("counted.*_of_4.h5"))
        cls.bytes_of_parts = [part.read_bytes() for part in cls.parts]
        begin = time.monotonic()
        run("merge", *cls.parts, "-o", kept / "merged.h5")
        cls.seconds = time.monotonic() - begin
        cls.size = (kept / "merged.h5").stat().st_size

    def setUp(self):
        super().setUp()
        self.whole = self.directory / "whole.h5"
        self.random = random.Random(17)

    def tearDown(self):
        for part, content in zip(self.parts, self.bytes_of_parts):
            self.assertEqual(part.read_bytes(), content, part)

    def start(self, *more):
        return subprocess.Popen([COUNTEM, "merge", *map(str, self.parts), "-o", self.whole, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True)

    def test_two_merges_into_one_output(self):
        """One writes it; the other is refused, or comes later and replaces it."""
        refused = 0
        for _ in range(40):
            both = [self.start(), self.start()]
            words = [process.communicate(timeout=120)[1] for process in both]
            codes = [process.returncode for process in both]
            self.assertIn(0, codes, words)
            for code, sentence in zip(codes, words):
                if code != 0:
                    refused += 1
                    self.assertEqual(code, IO_FAILURE, sentence)
                    self.assertRegex(sentence, re.escape(str(self.whole)) + r".*(is being written by|was made by) another process")
                    self.assertEqual(len(sentence.strip().splitlines()), 1, sentence)
            self.assertEqual([path.name for path in self.directory.iterdir()], ["whole.h5"])
            if refused:
                break
            self.whole.unlink()
        self.assertGreater(refused, 0)
        self.assert_same_content(self.whole, self.expected)

    def test_killed_at_random_moments(self):
        met = 0
        for number in range(KILLS):
            moment = self.random.uniform(0.01, self.seconds)
            with self.subTest(round=number, moment=moment):
                running = self.start()
                time.sleep(moment)
                running.kill()
                running.communicate()
                met += not self.whole.exists()
                if self.whole.exists():
                    self.succeed("verify", self.whole)
                told = self.succeed_json("merge", *self.parts, "-o", self.whole)
                self.assertEqual((told["frames"], told["shared_frames"], told["warnings"]), (told["scan_frames"], 0, []))
                self.assertEqual([path.name for path in self.directory.iterdir()], ["whole.h5"])
                self.whole.unlink()
        print(f"killed {KILLS} times, {met} of them before the end")
        self.assertGreater(met, 0)
        self.succeed("merge", *self.parts, "-o", self.whole)
        self.assert_same_content(self.whole, self.expected)

    def test_killed_while_it_replaces_a_store(self):
        """The store that was there is there until the new one is whole."""
        shutil.copy(self.parts[0], self.whole)
        before = self.whole.read_bytes()
        for moment in (self.seconds / 4, self.seconds / 2):
            running = self.start()
            time.sleep(moment)
            running.kill()
            running.communicate()
            if self.whole.read_bytes() != before:
                self.assert_same_content(self.whole, self.expected)
        self.succeed("merge", *self.parts, "-o", self.whole)
        self.assert_same_content(self.whole, self.expected)

    def test_full_disks(self):
        for share in (0.02, 0.3, 0.8):
            disk = SmallDisk(int(self.size * share) // 4096 * 4096)
            self.addCleanup(shutil.rmtree, disk.path, ignore_errors=True)
            try:
                with self.subTest(share=share, tmpfs=disk.mounted):
                    output = disk.path / "whole.h5"
                    err = self.refuse(IO_FAILURE, "merge", *self.parts, "-o", output, mentions=[str(output)], **disk.options())
                    self.assertRegex(err, "No space left on device|File too large")
                    beforehand, failure = err.strip().splitlines()
                    self.assertIn("it may not fit", beforehand)
                    self.assertNotIn("warning", failure)
                    self.assertFalse(output.exists())
                    disk.grow()
                    self.succeed("merge", *self.parts, "-o", output)
                    self.assertEqual(self.content(output), self.content(self.expected))
                    self.assertEqual([path.name for path in disk.path.iterdir()], ["whole.h5"])
            finally:
                disk.close()


if __name__ == "__main__":
    unittest.main()

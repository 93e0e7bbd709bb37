"""A rank of an MPI job killed at random moments, and one whose writes fail: what was written is kept, and resumed by another number of ranks."""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import time
import unittest

from mpi_program import WHY_NOT, MpiTest
from program import COUNTEM
from raw_files import npy

SCAN = (30, 50)
FRAME = (192, 192)
KILLS = int(os.environ.get("COUNTEM_MPI_KILL_ROUNDS", 20))
IO_FAILURE = 4


def ranks_of(launcher):
    """Process numbers of the program's ranks that descend from a process."""
    children = pathlib.Path(f"/proc/{launcher}/task/{launcher}/children")
    found = []
    try:
        for child in children.read_text().split():
            name = pathlib.Path(f"/proc/{child}/comm").read_text().strip()
            found += [int(child)] if name == "countem" else ranks_of(child)
    except OSError:
        pass
    return found


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Kills(MpiTest):
    @classmethod
    def setUpClass(cls):
        """A scan, and what counts of it that nothing interrupts make."""
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        kept = pathlib.Path(folder.name)
        pixels = SCAN[0] * SCAN[1] * FRAME[0] * FRAME[1]
        values = bytearray(2 * pixels)
        values[0::2] = random.Random(11).randbytes(pixels)  # 0 to 255: 3 % of the pixels are above median and threshold
        cls.raw = kept / "raw.npy"
        cls.raw.write_bytes(npy((*SCAN, *FRAME), values))
        cls.one = kept / "one.h5"
        subprocess.run([COUNTEM, *map(str, cls.command(cls.one))], check=True, timeout=300)

    def setUp(self):
        super().setUp()
        self.random = random.Random(7)
        self.whole = self.directory / "whole.h5"

    @classmethod
    def command(cls, output, *more):
        return ("count", cls.raw, "-o", output, "--threshold", 120, "--method", "pixels", "--row-noise", "median", "--backend", "reference", "--no-png", "--threads", 1, "--quiet", *more)

    def content(self, store):
        exported = self.directory / "content.npz"
        self.succeed("convert", store, "-o", exported, "--to", "npz", "--force", "--quiet")
        self.succeed("verify", store)
        return exported.read_bytes()

    def written(self):
        """Frames in the stores that are left, of which each must be what one process counts."""
        frames = 0
        for part in self.directory.glob("whole.h5.rank*.part"):
            fixed = self.directory / "fixed.h5"
            code, out, err = self.run_program("recover", part, "-o", fixed, "--force", "--json")
            self.assertEqual(code, 0, err)
            frames += json.loads(out)["frames"]
            if json.loads(out)["frames"]:
                self.assertEqual(self.succeed_json("compare", fixed, self.one)["precision"], 1.0)
        return frames

    def resume(self, ranks, frames):
        """`frames`: that were written."""
        command = self.command(self.whole, "--resume", "--json")
        out, _ = self.succeed_on(ranks, *command) if ranks > 1 else self.succeed(*command)
        told = json.loads(out)
        self.assertEqual((told["resumed_after_frames"], told["frames"]), (frames, SCAN[0] * SCAN[1] - frames))
        self.assertEqual(self.content(self.whole), self.content(self.one))
        self.assertEqual([path.name for path in self.directory.iterdir() if ".rank" in path.name], [])
        self.whole.unlink()

    def test_a_rank_killed_at_random_moments(self):
        met = 0
        for number in range(KILLS):
            running = self.start(self.random.choice((2, 3, 4)), *self.command(self.whole))
            until = time.monotonic() + 60
            while time.monotonic() < until and running.poll() is None and not list(self.directory.glob("whole.h5.rank*.part")):
                time.sleep(0.01)
            time.sleep(self.random.uniform(0, 1.5))
            ranks = ranks_of(running.pid)
            if ranks:
                os.kill(self.random.choice(ranks), signal.SIGKILL)
            _, err = running.communicate(timeout=120)
            if self.whole.exists():  # was faster this time
                self.whole.unlink()
                continue
            with self.subTest(round=number):
                self.assertNotEqual(running.returncode, 0, err)
                frames = self.written()
                met += frames > 0
                self.resume(self.random.choice((1, 2, 4)), frames)
        print(f"killed {KILLS} times, {met} of them while frames were being written")
        self.assertGreater(met, 0)

    def test_an_interrupted_job_keeps_what_was_counted(self):
        running = self.start(3, *self.command(self.whole))
        while running.poll() is None and not list(self.directory.glob("whole.h5.rank*.part")):
            time.sleep(0.01)
        time.sleep(0.7)
        for rank in ranks_of(running.pid)[:1]:
            os.kill(rank, signal.SIGTERM)  # one hears of it, all end
        _, err = running.communicate(timeout=120)
        self.assertEqual(running.returncode, 130, err)
        sentences = [line for line in err.splitlines() if line.startswith("countem: ")]
        self.assertEqual(len(sentences), 1, err)
        found = re.search(r"countem: interrupted after ([\d,]+) of 1,500 frames; they are kept in \S+whole\.h5\.rank\*\.part; resume with --resume", sentences[0])
        self.assertTrue(found, err)
        frames = self.written()
        self.assertEqual(frames, int(found[1].replace(",", "")))
        self.resume(2, frames)

    def test_a_full_disk(self):
        """Each rank may write files of so many bytes."""
        limit = self.one.stat().st_size // 3
        script = self.directory / "limited.sh"
        script.write_text(f'#!/bin/bash\nif [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then trap "" XFSZ; ulimit -f {limit // 1024}; fi\nexec "{COUNTEM}" "$@"\n')
        script.chmod(0o755)
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", "2", str(script), *map(str, self.command(self.whole))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, IO_FAILURE, done.stderr)
        sentences = [line for line in done.stderr.splitlines() if line.startswith("countem: ")]
        self.assertEqual(len(sentences), 1, done.stderr)
        self.assertRegex(sentences[0], r"countem: rank 1 on \S+: .*whole\.h5\.rank0001\.part.*; what was counted before is kept in \S+whole\.h5\.rank\*\.part")
        frames = self.written()
        self.assertGreater(frames, 0)
        self.resume(2, frames)


if __name__ == "__main__":
    unittest.main()

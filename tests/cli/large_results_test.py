"""Results that are large: their sizes are stated and refused before the work, and memory follows bytes, not positions."""

import array
import os
import re
import subprocess
import sys
import unittest

from program import COUNTEM, ProgramTest

POSITIONS = 100_000
SIDE = 16
MIB = 1 << 20
NO_BOUND = unittest.skipIf(os.environ.get("COUNTEM_SANITIZE"), "the sanitizers take memory of their own")
NO_PRELOAD = unittest.skipIf(os.environ.get("COUNTEM_SANITIZE"), "sanitizers want to be the first library")


class LargeResults(ProgramTest):
    """A line of positions, each with one event in every pixel."""

    def count_line(self, positions=POSITIONS):
        raw = self.directory / "line.raw"
        with open(raw, "wb") as out:
            for _ in range(0, positions, 1000):
                out.write(bytes([1, 0]) * (SIDE * SIDE * 1000))
        counted = self.directory / "line.h5"
        self.succeed("count", raw, "--input-format", "raw", "--shape", f"{SIDE}x{SIDE}", "--dtype", "u16", "--scan", f"{positions}x1",
                     "--method", "counts", "--no-png", "-o", counted, "--quiet", timeout=600)
        raw.unlink()
        return counted

    def peak_mib(self, *command):
        """Started by a small process: a child begins with the memory of its parent."""
        code = ("import os, subprocess, sys\n"
                "running = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)\n"
                "_, status, used = os.wait4(running.pid, 0)\n"
                "print(os.waitstatus_to_exitcode(status), used.ru_maxrss)")
        told = subprocess.run([sys.executable, "-c", code, COUNTEM, *map(str, command), "--quiet"], capture_output=True, text=True, check=True,
                              timeout=600)
        exit_code, kib = map(int, told.stdout.split())
        self.assertEqual(exit_code, 0, told.stderr)
        return kib / 1024

    @NO_BOUND
    def test_memory_follows_bytes(self):
        counted = self.count_line()
        # 213 rings of 8 bytes at each position are 170 MB, three times in memory while results were held.
        arrays = self.directory / "arrays"
        peak = self.peak_mib("reduce", counted, "-o", self.directory / "radial.h5", "--radial", "--radial-step", "0.05", "--centre", "7.5,7.5",
                             "--npy", arrays)
        self.assertLess(peak, 130)
        bytes_of = (arrays / "radial_radial.npy").read_bytes()
        start = bytes_of.index(b"\n") + 1
        self.assertEqual((len(bytes_of) - start) % (8 * POSITIONS), 0)
        rings = (len(bytes_of) - start) // (8 * POSITIONS)
        profile = array.array("d", bytes_of[start:start + 8 * rings])
        self.assertEqual(sum(profile), SIDE * SIDE)
        nearest = (0.5 ** 2 + 0.5 ** 2) ** 0.5
        self.assertEqual(profile[int(nearest / 0.05)], 4)
        self.assertEqual(bytes_of[start:], bytes_of[start:start + 8 * rings] * POSITIONS)
        # 25.6 million events of one row, which took 500 MB while rows were held.
        merged = self.directory / "merged.h5"
        self.assertLess(self.peak_mib("reduce", counted, "-o", merged, "--scan-bin", 2, "--keep-remainder"), 200)
        told = self.succeed_json("info", merged)
        self.assertEqual((told["frames"], told["events"]), (POSITIONS // 2, POSITIONS * SIDE * SIDE))
        self.succeed("verify", merged, timeout=600)

    @NO_PRELOAD
    def test_sizes_are_stated_and_what_cannot_fit_is_refused(self):
        counted = self.count_line(2000)
        little = {**os.environ, "LD_PRELOAD": os.environ["COUNTEM_HOST_FAULTS"], "COUNTEM_FREE": str(MIB // 2)}
        refused = ("and 512.0 KiB are free in", "nothing was written; make room there, or name an output on another file system")
        dense = self.directory / "dense.npy"
        err = self.refuse(4, "convert", counted, "--to", "dense", "-o", dense, mentions=(
            dense, f"dense frames of 1 x 2000 x {SIDE} x {SIDE} numbers, 1000.0 KiB, ", *refused), env=little)
        self.assertEqual(len(err.strip().splitlines()), 1, err)
        arrays = self.directory / "arrays"
        radial = ("reduce", counted, "-o", self.directory / "radial.h5", "--radial", "--radial-step", "0.05")
        self.refuse(4, *radial, "--npy", arrays, "--centre", "7.5,7.5", mentions=(
            "radial_radial.npy: radial, 1 x 2000 x 213 numbers, 3.3 MiB, ", *refused), env=little)
        simulated = self.directory / "simulated"
        self.refuse(4, "simulate", simulated, "--scan", "20x2", "--format", "raw", mentions=("40 frames of 576 x 576 pixels, 25.3 MiB", *refused),
                    env=little)
        self.assertEqual(sorted(path.name for path in self.directory.iterdir() if not path.is_dir()), ["line.h5"])
        # Without the centre the number of rings is not known, and what is compressed may be smaller: both are tried.
        code, _, err = self.run_program(*radial, "--npy", arrays, env=little)
        self.assertEqual(code, 4, err)
        self.assertIn("countem: warning: ", err)
        self.assertIn("about 3.3 MiB", err)
        self.assertIn("it may not fit", err)
        csr = self.directory / "csr.h5"
        told = self.succeed_json("convert", counted, "--to", "csr", "-o", csr, env=little)
        self.assertEqual(told["outputs"], [str(csr)])
        self.assertIn("512000 events before compression, about 3.9 MiB", told["warnings"][0])
        self.succeed("verify", counted)

    @NO_BOUND
    def test_a_large_size_is_stated_before_the_work(self):
        counted = self.count_line(160_000)
        arrays = self.directory / "arrays"
        _, err = self.succeed("reduce", counted, "-o", self.directory / "radial.h5", "--radial", "--radial-step", "0.05", "--centre", "7.5,7.5",
                              "--npy", arrays, timeout=600)
        lines = err.splitlines()
        self.assertRegex(lines[0], r"radial\.h5: radial, 1 x 160000 x 213 numbers before compression, about 260\.0 MiB$")
        self.assertRegex(lines[1], r"radial_radial\.npy: radial, 1 x 160000 x 213 numbers, 260\.0 MiB$")
        self.assertTrue(re.search(r"wrote .*radial\.h5", err), err)


if __name__ == "__main__":
    unittest.main()

"""scripts/gpu_check.sh: its steps, their time and its exit codes, with programs that stand for those of a machine with a GPU."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import measured

CLAIMS_WITHOUT_FILES = 1 + 4 + 12 + 2 + 14


class GpuCheck(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("scripts/gpu_check.sh", "bench/gpu/report.py"):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(measured.ROOT / name, self.folder / name)
        (self.folder / "check.json").write_text(json.dumps(measured.check()))
        (self.folder / "whole.json").write_text(json.dumps(measured.whole()))
        self.write("path/nvidia-smi", 'case $1 in *compute_cap*) echo 9.0;; *) echo "a device";; esac')
        self.write("path/compute-sanitizer", 'echo "========= ERROR SUMMARY: 0 errors"')
        self.bundle = "build/gpu_bundle/bundle"
        self.write(f"{self.bundle}/bin/countem", "exit 0")
        self.gpu_check(0)
        (self.folder / self.bundle / "architectures").write_text("80-real;90-real\n")
        self.write("scripts/gpu_whole_program.sh", f'while [ "$1" != --json ]; do shift; done; cp {self.folder}/whole.json "$2"')
        (self.folder / "bench/gpu/peers").mkdir()
        (self.folder / "bench/gpu/peers/cupy_label.py").write_text('import sys\nprint("cupy_label: not run", file=sys.stderr)\nsys.exit(77)\n')

    def write(self, name: str, script: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def gpu_check(self, code: int, before: str = "") -> None:
        self.write(f"{self.bundle}/bin/gpu_check", f'[ "$1" != --help ] || exit 0; {before}\n'
                   f'case "$*" in *no-timing*) echo "{{\\"cases_equal_to_reference\\": $2}}";; *) cat {self.folder}/check.json;; esac; exit {code}')

    def run_check(self, *options: str, **environment: str) -> tuple[int, str]:
        done = subprocess.run([self.folder / "scripts/gpu_check.sh", *options], capture_output=True, text=True, timeout=120,
                              env={"PATH": f"{self.folder}/path:/usr/bin:/bin", "HOME": str(self.folder), **environment})
        return done.returncode, done.stdout + done.stderr

    def claims(self) -> list[dict]:
        return json.loads((self.folder / "build/gpu/gpu_check.json").read_text())["claims"]

    def test_every_step_and_the_claims(self):
        code, told = self.run_check()
        self.assertEqual(code, 0, told)
        for name in ("equal to the reference in 600 cases", "times", "the same job by CuPy's label", "the whole program", "compute-sanitizer", "claims"):
            self.assertIn(f"\n== {name}\n", told)
        self.assertNotIn("\n== build\n", told)
        self.assertIn("cupy_label: not run", told)
        claims = self.claims()
        self.assertEqual(len(claims), CLAIMS_WITHOUT_FILES + 4 + 1)
        self.assertEqual({one["claim"] for one in claims if one["met"] is None}, {f"counting on the device at {p} %, of CuPy's label" for p in ("0.1", "1")})
        self.assertFalse(any(one["met"] is False for one in claims), told)

    def test_a_packed_bundle_is_unpacked(self):
        subprocess.run(["tar", "-czf", "bundle.tar.gz", "bundle"], cwd=self.folder / "build/gpu_bundle", check=True)
        shutil.rmtree(self.folder / self.bundle)
        self.assertEqual(self.run_check()[0], 0)

    def test_no_device(self):
        self.gpu_check(5, 'echo "gpu_check: no CUDA device answers" >&2; exit 5')
        code, told = self.run_check()
        self.assertEqual(code, 5)
        self.assertIn("no CUDA device answers", told)

    def test_a_difference_ends_the_check(self):
        self.gpu_check(1)
        code, told = self.run_check()
        self.assertEqual(code, 1)
        self.assertNotIn("== times", told)

    def test_a_step_that_fails_ends_no_other(self):
        self.write("path/compute-sanitizer", 'case $2 in racecheck) echo "========= RACECHECK SUMMARY: 2 hazards displayed"; exit 1;; esac\n'
                   'echo "========= ERROR SUMMARY: 0 errors"')
        self.write("scripts/gpu_whole_program.sh", "exit 3")
        code, told = self.run_check()
        self.assertEqual(code, 1)
        self.assertIn("the whole program: failed (3)", told)
        found = {one["claim"]: one["met"] for one in self.claims()}
        self.assertIs(found["compute-sanitizer racecheck, findings"], False)
        self.assertIs(found["compute-sanitizer synccheck, findings"], True)
        self.assertIsNone(found["from files to a finished store, of the processor alone"])

    def test_what_has_no_time_left_is_not_run(self):
        code, told = self.run_check(COUNTEM_SECONDS="107")  # a step leaves up to 200 s to those after it
        self.assertEqual(code, 1)
        self.assertIn("equal to the reference in 600 cases: not run, no time is left", told)

    def test_a_bundle_for_other_devices_is_not_used(self):
        for architectures in ("80-real\n", "90-virtual\n", "890-real\n"):
            (self.folder / self.bundle / "architectures").write_text(architectures)
            code, told = self.run_check()  # and there is nothing to build with
            self.assertEqual(code, 1)
            self.assertIn("is needed and not on the PATH" if shutil.which("nvcc", path="/usr/bin:/bin:/usr/local/cuda/bin") is None else "== build", told)

    def test_quick(self):
        code, told = self.run_check("--quick", str(self.folder / "out" / "quick.json"))
        self.assertEqual(code, 0, told)
        claims = json.loads((self.folder / "out" / "quick.json").read_text())["claims"]
        self.assertEqual((claims[0]["measured"], claims[0]["met"]), (100, False))


if __name__ == "__main__":
    unittest.main()

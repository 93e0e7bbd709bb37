"""The batch scripts of docs/cluster.md, as they stand there, on a Slurm of four nodes: each makes what one process makes."""

import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

from slurm import Slurm, missing_programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "cli"), str(ROOT / "tests" / "faults")]

from program import COUNTEM, ProgramTest  # noqa: E402
from same_content import SameContent  # noqa: E402
from shim import KINDS  # noqa: E402

SKIPPED = 77  # SKIP_RETURN_CODE of the ctest entry


def scripts_of_page():
    """Name and text of each shell script in docs/cluster.md: its second line is its name."""
    page = (ROOT / "docs" / "cluster.md").read_text()
    blocks = re.findall(r"^```bash\n(#!/bin/bash\n# (\S+)\n.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return {name: text for text, name in blocks}


class OnSlurm(SameContent, ProgramTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="countem_slurm_")
        cls.addClassCleanup(folder.cleanup)
        kept = pathlib.Path(folder.name)
        subprocess.run([COUNTEM, "simulate", kept / "sim", "--scan", "64x48", "--frame", "48x64", "--format", "npy", "--occupancy", "0.02",
                        "--dark-frames", "20", "--quiet"], check=True, timeout=120)
        for name in ("data", "dark"):
            (kept / name).mkdir()
            (kept / "sim" / f"{name}.npy").rename(kept / name / f"{name}.npy")
        programs = kept / "bin"
        programs.mkdir()
        (programs / "countem").symlink_to(COUNTEM)
        cls.scan, cls.dark = kept / "data", kept / "dark"
        cls.whole = kept / "whole.h5"
        subprocess.run([COUNTEM, "count", cls.scan, "--dark", cls.dark / "dark.npy", "-o", cls.whole, "--no-png", "--quiet"], check=True, timeout=120)
        cls.scripts = scripts_of_page()
        (kept / "slurm").mkdir()
        cls.slurm = Slurm(kept / "slurm")
        cls.slurm.__enter__()
        cls.addClassCleanup(cls.stop)
        cls.programs = programs

    @classmethod
    def stop(cls):
        cls.slurm.stop()
        if left := cls.slurm.left():
            raise RuntimeError(f"processes of the cluster are left: {left}")

    def setUp(self):
        super().setUp()
        for name, text in self.scripts.items():
            (self.directory / name).write_text(text)
        self.out = self.directory / "shared"
        self.out.mkdir()

    def submit(self, *command, programs=None, **variables):
        """Runs a command that submits jobs in the folder of the scripts, waits until all have ended, returns what it printed."""
        path = f"{programs or self.programs}{os.pathsep}{os.environ['PATH']}"
        printed = self.slurm.run(command, self.directory, SCAN=str(self.scan), DARK=str(self.dark), OUT=str(self.out), PATH=path, **variables)
        self.slurm.wait()
        return printed.split()

    def logs(self):
        return "\n".join(f"{path.name}: {path.read_text()}" for path in sorted(self.directory.glob("*.log")))

    def check(self, number):
        """The merged store is that of one process, of so many parts, which are whole."""
        names = [path.name for path in self.out.glob("counted.*_of_*.h5")]
        self.assertEqual(len(names), number, f"{names}\n{self.logs()}")
        self.assertEqual([path.name for path in self.out.iterdir() if path.suffix != ".h5"], [])
        self.assertTrue((self.out / "counted.h5").exists(), self.logs())
        self.assert_same_content(self.out / "counted.h5", self.whole)

    def states(self, job):
        """Of the tasks of an array, or of a job."""
        return {name.partition("_")[2]: state for name, state in self.slurm.states().items() if name.partition("_")[0] == job}

    def test_calibration_then_array_then_merge(self):
        merged = self.submit("bash", "submit.sh")[-1]
        self.assertEqual(self.states(merged), {"": "COMPLETED"}, self.logs())
        self.check(8)
        self.assertIn("merged 8 parts: 3,072 of 3,072 frames", self.logs())

    def test_tasks_of_srun(self):
        self.submit("sbatch", "--parsable", "count_tasks.sh")
        self.check(4)

    def test_an_allocation_of_srun_alone(self):
        self.submit("srun", "-n", "4", "countem", "count", self.scan, "--dark", self.dark / "dark.npy", "--part", "auto", "-o",
                    self.out / "counted.{part}.h5", "--quiet")
        self.succeed("merge", *self.out.glob("counted.*_of_4.h5"), "-o", self.out / "counted.h5")
        self.check(4)

    def test_node_local_disks(self):
        local = self.directory / "local"
        local.mkdir()
        self.submit("sbatch", "--parsable", "count_local.sh", TMPDIR=str(local))
        self.check(4)
        self.assertEqual(list(local.iterdir()), [])

    def calls_of_pwrite(self):
        """Of a count of part 3 of 8."""
        log = self.directory / "calls"
        environment = {**os.environ, "LD_PRELOAD": os.environ["COUNTEM_FAULTS"], "FAULT_FOLDER": str(self.directory), "FAULT_LOG": str(log)}
        self.succeed("count", self.scan, "--calibration", self.out / "calibration.h5", "--part", "3/8", "-o", self.directory / "tried.{part}.h5",
                     "--quiet", env=environment)
        return struct.unpack_from("=q", log.read_bytes(), 8 * KINDS.index("pwrite"))[0]

    def killed_once(self):
        """A folder of programs whose countem is killed when it counts part 3 for the first time and has written most of it."""
        folder = self.directory / "bin"
        folder.mkdir()
        wrapper = folder / "countem"
        wrapper.write_text(f"""#!/bin/bash
if [ "$1" = count ] && [ "$SLURM_ARRAY_TASK_ID" = 3 ] && mkdir "{folder}/killed" 2> /dev/null; then
  export LD_PRELOAD={os.environ['COUNTEM_FAULTS']} FAULT_FOLDER="$OUT" FAULT_KIND=pwrite FAULT_CALL={self.calls_of_pwrite() - 2} FAULT_ERROR=KILL
fi
exec {COUNTEM} "$@"
""")
        wrapper.chmod(0o755)
        return folder

    def test_a_part_that_is_killed_is_counted_again(self):
        self.submit("sbatch", "--parsable", "calibrate.sh")
        counted, = self.submit("sbatch", "--parsable", "count_again.sh", programs=self.killed_once())
        self.assertEqual(self.states(counted), {str(task): "COMPLETED" for task in range(1, 9)}, self.logs())
        log = (self.directory / f"count.{counted}_3.log").read_text()
        self.assertIn("Killed", log)
        self.assertRegex(log, r"resuming after [1-9]\d* frame", log)
        self.assertIn("resuming after 0 frames", (self.directory / f"count.{counted}_4.log").read_text())
        self.submit("sbatch", "--parsable", "merge.sh")
        self.check(8)

    def test_a_part_that_fails_for_ever_stops_the_merge(self):
        programs = self.directory / "bin"
        programs.mkdir()
        (programs / "countem").write_text(f'#!/bin/bash\n[ "$1" = count ] && [ "$SLURM_ARRAY_TASK_ID" = 3 ] && exit 4\nexec {COUNTEM} "$@"\n')
        (programs / "countem").chmod(0o755)
        merged = self.submit("bash", "submit.sh", programs=programs)[-1]
        self.assertEqual(self.states(merged), {"": "CANCELLED"})
        self.assertFalse((self.out / "counted.h5").exists())
        self.assertEqual(len(list(self.out.glob("counted.*_of_8.h5"))), 7)
        # Merged all the same, as with afterany.
        self.submit("sbatch", "--parsable", "merge.sh")
        self.assertIn("part 3 of 8 is missing: frames 768 to 1151", self.logs())
        # One part counted again by name.
        self.succeed("count", self.scan, "--calibration", self.out / "calibration.h5", "--part", "3/8", "-o", self.out / "counted.{part}.h5", "--quiet")
        self.submit("sbatch", "--parsable", "merge.sh")
        self.check(8)


class Page(unittest.TestCase):
    def test_every_script_is_submitted(self):
        """By its name, in a test above or in a script that a test runs."""
        tested = pathlib.Path(__file__).read_text() + scripts_of_page()["submit.sh"]
        self.assertEqual([name for name in scripts_of_page() if name not in tested], [])


if __name__ == "__main__":
    if missing := missing_programs():
        print(f"skipped: {', '.join(missing)} not found: scripts/install_dependencies.sh full installs slurm-wlm and munge")
        sys.exit(SKIPPED)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as ctest ends it: the daemons are stopped
    unittest.main()

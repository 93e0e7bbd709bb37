"""The examples of the help are run as they stand, in a shell, one after the other."""

import os
import re
import subprocess
import unittest

from program import COUNTEM, ProgramTest

COMMANDS = ("", "simulate", "calibrate", "count", "index", "info", "verify", "recover", "merge", "convert", "reduce", "report", "compare", "bench",
            "bench count", "bench reductions", "bench machine", "version", "help")
# The same command on less data.
SMALLER = {"--scan 32x32": "--scan 4x4", "--dark-frames 20": "--dark-frames 4",
           "bench count": "bench count --frames 50 --distinct 2 --repetitions 1",
           "bench reductions": "bench reductions --repetitions 1", "bench machine": "bench machine --megabytes 4 --repetitions 1"}


class Examples(ProgramTest):
    def setUp(self):
        super().setUp()
        programs = self.directory / "bin"
        programs.mkdir()
        (programs / "countem").symlink_to(COUNTEM)
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        self.work = self.directory / "work"
        self.work.mkdir()

    def shell(self, line):
        return subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=300, cwd=self.work,
                              env=self.environment, stdin=subprocess.DEVNULL)

    def prepare(self, line):
        done = self.shell(line)
        self.assertEqual(done.returncode, 0, f"{line}\n{done.stderr}")

    def examples(self):
        for command in COMMANDS:
            lines = self.succeed(*command.split(), "--help")[0].partition("\nExamples:\n")[2].splitlines()
            found = [line.strip() for line in lines if re.match("  [a-z]", line)]
            self.assertTrue(found or command == "", command)
            yield from found

    def test_examples_run(self):
        self.prepare("countem simulate sim --scan 4x4 --dark-frames 4 && mkdir scan42 dark41 && "
                     "for file in sim/data_*; do ln $file scan42/$(basename $file); done && "
                     "for file in sim/dark_*; do ln $file dark41/$(basename $file); done && ls scan42/* > files.txt && "
                     "countem count sim/data_* -o counted.h5 && cp counted.h5 broken.h5")
        for line in self.examples():
            with self.subTest(line):
                if ".part" in line:  # what a killed count leaves; one that finishes removes it
                    self.prepare("cp broken.h5 counted.h5.part")
                if line.startswith(("countem simulate", "countem recover")):  # they replace nothing
                    self.prepare("rm -rf sim" if "simulate" in line else "rm -f recovered.h5")
                for example, smaller in SMALLER.items():
                    line = line.replace(example, smaller)
                done = self.shell(line)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()

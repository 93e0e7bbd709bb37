"""@LIST and -: thousands of files."""

import os
import resource
import subprocess
import unittest

from program import COUNTEM, ProgramTest
from raw_files import record, sector, write_scan

BAD_INPUT, IO_FAILURE = 3, 4
THRESHOLDS = ("--threshold", 10, "--xray-threshold", 1000, "--no-png")


class FileLists(ProgramTest):
    def setUp(self):
        super().setUp()
        self.frames = write_scan(self.directory)
        self.list = self.directory / "files.txt"

    def write_list(self, text):
        self.list.write_bytes(text)
        return f"@{self.list}"

    def paths(self, separator):
        return separator.join(os.fsencode(path) for path in self.frames)

    def files_told(self, *arguments):
        return self.succeed_json("info", *arguments)["files"]

    def info_from_stdin(self, text):
        return subprocess.run([COUNTEM, "info", "-", "--json"], input=text, capture_output=True, timeout=60)

    def test_lines(self):
        for text in (self.paths(b"\n"), self.paths(b"\n") + b"\n", self.paths(b"\r\n") + b"\r\n", b"\n\n" + self.paths(b"\n\n")):
            self.assertEqual(self.files_told(self.write_list(text)), len(self.frames))

    def test_nul(self):
        self.assertEqual(self.files_told(self.write_list(self.paths(b"\0") + b"\0")), len(self.frames))

    def test_list_and_paths_together(self):
        text = self.write_list(os.fsencode(self.frames[0]))
        self.assertEqual(self.files_told(text, *self.frames[1:]), len(self.frames))

    def test_standard_input(self):
        for separator in (b"\n", b"\0"):
            done = self.info_from_stdin(self.paths(separator))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(b'"files": %d' % len(self.frames), done.stdout)

    def test_inputs_and_darks_of_a_count(self):
        text = self.write_list(self.paths(b"\n"))
        told = self.succeed_json("count", text, "--dark", text, "-o", self.directory / "out.h5", *THRESHOLDS)
        self.assertEqual(told["frames"], 4)
        self.assertEqual(told["outputs"], [str(self.directory / "out.h5")])

    def one_frame_each(self, number):
        """A list of so many files of one sector each; their pixels are holes."""
        names = []
        for x in range(number):
            names.append(os.fsencode(self.directory / f"data_scan0000000002_id0000_module0_part{x}.data"))
            with open(names[-1], "wb") as file:
                file.write(record(x, 0, number, 1, b""))
                file.truncate(len(record(x, 0, number, 1, sector())))
        return self.write_list(b"\n".join(names))

    def test_thousands_of_files(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 2100:
            self.skipTest(f"the system permits {hard} open files")
        few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))}
        self.assertEqual(self.succeed_json("info", self.one_frame_each(2000), **few)["files"], 2000, "the soft limit is raised")

    @unittest.skipIf(os.environ.get("COUNTEM_SANITIZE"), "the undefined-behaviour sanitizer needs descriptors of its own to check an object's type")
    def test_more_files_than_the_system_permits(self):
        few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))}
        self.refuse(IO_FAILURE, "info", self.one_frame_each(300), mentions=["open files", "ulimit -Hn"], **few)

    def test_a_path_in_a_list_is_no_list(self):
        self.refuse(IO_FAILURE, "info", self.write_list(b"@other.txt\n"), mentions=["@other.txt"])

    def test_lists_that_cannot_be(self):
        self.refuse(IO_FAILURE, "info", "@absent.txt", mentions=["absent.txt", "list of files", "./@absent.txt"])
        self.refuse(BAD_INPUT, "info", self.write_list(b"\n\n"), mentions=["files.txt", "no path"])
        self.refuse(BAD_INPUT, "info", "-", mentions=["standard input", "no path"])
        self.refuse(BAD_INPUT, "info", self.write_list(b"x" * 5000), mentions=["files.txt", "5000 bytes"])
        self.refuse(BAD_INPUT, "info", self.write_list(b"a\n" * 1_000_001), mentions=["1,000,000"])
        self.refuse(IO_FAILURE, "info", f"@{self.directory}", mentions=[self.directory])
        with self.list.open("wb") as file:
            file.truncate((64 << 20) + 1)
        self.refuse(BAD_INPUT, "info", f"@{self.list}", mentions=["64 MiB"])


if __name__ == "__main__":
    unittest.main()

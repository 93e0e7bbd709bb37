"""The headers of a 4D Camera scan, kept in a file that stands for reading them."""

import os
import re
import shutil
import unittest
from pathlib import Path

from program import ProgramTest
from raw_files import HEADER, SECTOR_BYTES, record, sector, write_headers

USAGE, BAD_INPUT, IO_FAILURE = 2, 3, 4
RECORD = HEADER.size + SECTOR_BYTES


def reads_of_ended_programs():
    """System calls that read, of this process and of all programs that it has waited for."""
    return int(re.search(r"syscr: (\d+)", Path("/proc/self/io").read_text())[1])


class Index(ProgramTest):
    def setUp(self):
        super().setUp()
        self.folder = self.directory / "scan"
        self.folder.mkdir()
        self.files = [write_headers(self.folder, 9, 7, module) for module in range(4)]
        self.index = self.directory / "scan.index.h5"

    def described(self, *arguments):
        told = self.succeed_json("info", *arguments)
        return {key: value for key, value in told.items() if key != "seconds"}

    def test_a_scan_is_the_same_with_its_index(self):
        os.truncate(self.files[3], 40 * RECORD + 100)  # record 40 is cut, those behind it lack
        told = self.succeed_json("index", *self.files, "-o", self.index)
        self.assertEqual((told["files"], told["records"], told["frames"]), (4, 3 * 63 + 41, 63))
        for options in ((), ("--scan", "21x3"), ("--input-format", "v5")):
            with self.subTest(options):
                self.assertEqual(self.described(*self.files, *options, "--index", self.index), self.described(*self.files, *options))
        self.assertLess(told["bytes"], 30_000)

    def test_frames_are_read_where_they_lie(self):
        for module, file in enumerate(self.files):  # frames in another order, each with an event of its own
            file.write_bytes(b"".join(record(x, 0, 3, 1, sector([(module + 1, 50 * x + 7)])) for x in (2, 0, 1)))
        self.succeed("index", *self.files, "-o", self.index)
        stores = []
        for name, options in (("a.h5", ()), ("b.h5", ("--index", self.index))):
            self.succeed("count", *self.files, *options, "--threshold", 50, "--xray-threshold", "inf", "-o", self.directory / name,
                         "--no-png")
            stores.append(self.directory / name)
        self.assertEqual(self.succeed_json("compare", *stores)["recall"], 1.0)
        self.assertEqual(self.succeed_json("info", stores[1])["events"], 12)

    def test_files_that_were_copied_are_the_same_and_others_are_not(self):
        self.succeed("index", self.folder, "-o", self.index)
        copies = [shutil.copy(file, self.directory) for file in self.files]
        self.succeed("info", *copies, "--index", self.index)
        self.succeed("info", *copies[:2], "--index", self.index)
        with open(copies[1], "r+b") as file:
            file.seek(62 * RECORD)
            file.write(HEADER.pack(1, 5, 9, 7, 5, 0))
        self.refuse(BAD_INPUT, "info", *copies, "--index", self.index, mentions=["scan.index.h5", "module1", "record 62", "differs"])
        os.truncate(copies[1], 62 * RECORD)
        self.refuse(BAD_INPUT, "info", *copies, "--index", self.index, mentions=["module1", str(62 * RECORD), str(63 * RECORD)])
        other = shutil.move(copies[1], self.directory / "other_scan0000000001_module1.data")
        self.refuse(BAD_INPUT, "info", other, "--index", self.index, mentions=["no headers of a file of the name of", "other_scan"])

    def test_what_is_no_index(self):
        self.succeed("index", self.folder, "-o", self.index)
        flat = self.directory / "flat.npy"
        flat.write_bytes(b"\x93NUMPY\x01\x00" + b"\x76\x00" + (repr({"descr": "<u2", "fortran_order": False, "shape": (1, 1, 4, 4)}).ljust(117) + "\n").encode() + bytes(32))
        self.refuse(USAGE, "info", flat, "--index", self.index, mentions=["4D Camera"])
        self.refuse(USAGE, "index", flat, "-o", self.directory / "x.h5", mentions=["4D Camera"])
        self.refuse(BAD_INPUT, "info", *self.files, "--index", flat, mentions=["flat.npy"])
        self.refuse(IO_FAILURE, "info", *self.files, "--index", self.directory / "absent.h5", mentions=["absent.h5"])
        self.refuse(BAD_INPUT, "info", *self.files, "--input-format", "v4", "--index", self.index, mentions=["headers of v5 records", "v4"])
        self.refuse(USAGE, "index", self.folder, "-o", self.files[0], mentions=["module0"])
        whole = self.index.read_bytes()
        for length in (0, 100, len(whole) // 2, len(whole) - 1):
            self.index.write_bytes(whole[:length])
            self.refuse(BAD_INPUT, "info", *self.files, "--index", self.index, mentions=["scan.index.h5"])

    def test_few_reads_open_a_large_scan(self):
        """One read for each of 7,200 records without an index, a sixth of that with it, to find the version."""
        large = [write_headers(self.directory, 60, 60, module) for module in range(2)]
        self.succeed("index", *large, "-o", self.index)
        reads = []
        for options in ((), ("--index", self.index)):
            before = reads_of_ended_programs()
            self.succeed("info", *large, *options)
            reads.append(reads_of_ended_programs() - before)
        self.assertGreaterEqual(reads[0], 2 * 60 * 60)
        self.assertLess(reads[1], reads[0] - 6000)


if __name__ == "__main__":
    unittest.main()

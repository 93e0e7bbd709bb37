"""Every way in which input goes wrong: one clear sentence, the documented exit code, complete frames kept."""

import os
import resource
import struct
import unittest

from program import ProgramTest
from raw_files import HEADER, SECTOR_BYTES, npy, record, sector, write_scan

USAGE, BAD_INPUT, IO_FAILURE, NO_BACKEND = 2, 3, 4, 5
THRESHOLDS = ("--threshold", 10, "--xray-threshold", 1000, "--no-png")


class BadInput(ProgramTest):
    def output(self):
        return self.directory / "out.h5"

    def count(self, *inputs):
        return ("count", *inputs, "-o", self.output(), *THRESHOLDS)

    def counted(self, *inputs):
        return self.succeed_json(*self.count(*inputs))

    def refuse_count(self, code, *inputs, mentions=()):
        err = self.refuse(code, *self.count(*inputs), mentions=mentions)
        self.assertFalse(self.output().exists(), "no output may appear")
        return err

    def issue_kinds(self, told):
        return {issue["kind"]: issue for issue in told["issues"]}

    # -- whole files ---------------------------------------------------------------------------------------------------

    def test_no_such_file(self):
        self.refuse_count(IO_FAILURE, self.directory / "absent_module0.data", mentions=["absent_module0.data"])

    def test_empty_file(self):
        path = self.directory / "data_module0_.data"
        path.write_bytes(b"")
        self.refuse_count(BAD_INPUT, path, mentions=["data_module0_.data", "empty"])

    def test_directory_without_raw_files(self):
        (self.directory / "nothing").mkdir()
        self.refuse_count(BAD_INPUT, self.directory / "nothing", mentions=["nothing"])

    def test_directory_of_raw_files_is_the_scan(self):
        scan = self.directory / "scan"
        scan.mkdir()
        write_scan(scan)
        self.assertEqual(self.counted(scan)["events"], 16)

    def test_not_what_it_claims(self):
        for name in ("liar.npy", "liar.mrc", "liar.h5"):
            path = self.directory / name
            path.write_bytes(b"this is not what the name says " * 100)
            self.refuse_count(BAD_INPUT, path, mentions=[name])

    def test_npy_shorter_than_its_header_says(self):
        path = self.directory / "short.npy"
        path.write_bytes(npy((4, 8, 8), b"\0" * (3 * 128)))
        told = self.counted(path)
        self.assertEqual((told["frames"], told["missing_frames"]), (3, 1), "what is whole is counted")
        self.assertIn("short.npy", told["issues"][0]["text"])

    def test_module_missing_from_the_name(self):
        path = self.directory / "frames.data"
        write_scan(self.directory)[0].rename(path)
        self.refuse_count(BAD_INPUT, path, mentions=["frames.data", "module"])

    def test_wrong_version_named(self):
        files = write_scan(self.directory, level=20)
        self.refuse(BAD_INPUT, *self.count(*files), "--input-format", "v3", mentions=["module"])

    # -- records -------------------------------------------------------------------------------------------------------

    def test_missing_sector(self):
        files = write_scan(self.directory, modules=(0, 1, 3))
        told = self.counted(*files)
        self.assertEqual(told["events"], 12)
        self.assertEqual(told["incomplete_frames"], 4)
        self.assertIn("missing_sector", self.issue_kinds(told))

    def test_truncated_last_record(self):
        files = write_scan(self.directory)
        whole = files[2].read_bytes()
        files[2].write_bytes(whole[:-1000])
        told = self.counted(*files)
        self.assertEqual(told["events"], 15, "every complete sector is counted")
        issue = self.issue_kinds(told)["truncated_record"]
        self.assertIn(files[2].name, issue["text"])

    def test_truncated_header(self):
        files = write_scan(self.directory)
        with files[1].open("ab") as file:
            file.write(b"\1\0\0\0\5\0\0")
        told = self.counted(*files)
        self.assertEqual(told["events"], 16)
        self.assertIn(files[1].name, self.issue_kinds(told)["truncated_header"]["text"])

    def test_sectors_out_of_order_and_far_apart(self):
        files = write_scan(self.directory)
        size = HEADER.size + SECTOR_BYTES
        whole = files[0].read_bytes()
        files[0].write_bytes(b"".join(whole[i * size:(i + 1) * size] for i in (3, 1, 2, 0)))
        told = self.counted(*reversed(files))
        self.assertEqual((told["events"], told["incomplete_frames"]), (16, 0))

    def test_position_outside_the_scan(self):
        files = write_scan(self.directory)
        with files[0].open("ab") as file:
            file.write(record(7, 9, 2, 2, sector(), frame=5))
        told = self.counted(*files)
        self.assertEqual(told["events"], 16)
        self.assertIn(files[0].name, self.issue_kinds(told)["position_outside_scan"]["text"])

    def test_one_sentence_stands_for_many(self):
        told = self.counted(*write_scan(self.directory, modules=(0, 1, 3)))
        issue = self.issue_kinds(told)["missing_sector"]
        self.assertEqual(issue["occurrences"], 4)
        self.assertIn("3 more", issue["text"])

    def test_repeated_record(self):
        files = write_scan(self.directory)
        with files[0].open("ab") as file:
            file.write(record(1, 1, 2, 2, sector([(1, 1), (5, 5)])))
        told = self.counted(*files)
        self.assertEqual(told["events"], 16, "the first is kept")
        self.assertIn("repeated_record", self.issue_kinds(told))

    def test_several_frames_at_a_position(self):
        files = write_scan(self.directory)
        for path in files:
            with path.open("ab") as file:
                for y in range(2):
                    for x in range(2):
                        file.write(record(x, y, 2, 2, sector([(3, 3), (50, 50)]), frame=100 + 2 * y + x))
        told = self.counted(*files)
        self.assertEqual(told["scan"]["frames_per_position"], 2)
        self.assertEqual((told["frames"], told["events"]), (8, 16 + 32))

    def test_first_header_disagrees_with_the_rest(self):
        files = write_scan(self.directory)
        whole = bytearray(files[0].read_bytes())
        whole[0:16] = HEADER.pack(1, 1, 3, 5, 0, 0)
        files[0].write_bytes(whole)
        told = self.counted(*files)
        self.assertEqual((told["scan"]["width"], told["scan"]["height"]), (2, 2))
        self.assertEqual(told["frames"], 4)
        self.assertIn(files[0].name, told["issues"][0]["text"])

    def test_scan_size_of_zero(self):
        files = write_scan(self.directory)
        for path in files:
            whole = bytearray(path.read_bytes())
            for i in range(4):
                struct.pack_into("<HH", whole, i * (16 + SECTOR_BYTES) + 8, 0, 0)
            path.write_bytes(whole)
        self.refuse_count(BAD_INPUT, *files, mentions=["0 x 0", "--scan"])

    def test_absurd_scan_size(self):
        path = self.directory / "data_module0_.data"
        path.write_bytes(record(0, 0, 65535, 65535, sector([(1, 1)])))
        code, out, err = self.run_program(*self.count(path), timeout=60, preexec_fn=limit_memory)
        self.assertIn(code, (0, BAD_INPUT), err)
        self.assertNotIn("bad_alloc", err)
        if code == BAD_INPUT:
            self.assertIn("65535", err)

    # -- options -------------------------------------------------------------------------------------------------------

    def test_usage(self):
        self.refuse(USAGE, mentions=["--help"])
        self.refuse(USAGE, "count", "-o", self.output())
        self.refuse(USAGE, "count", "x.data")
        self.refuse(USAGE, "count", "x.data", "-o", self.output(), "--method", "guess", mentions=["--method"])
        for scan in ("0x4", "4x0", "4", "x", "4x4x4x4", "-1x4", "99999999999x1"):
            self.refuse(USAGE, "count", "x.data", "-o", self.output(), "--scan", scan, mentions=["scan"])

    def test_a_number_that_is_none(self):
        scan = write_scan(self.directory)[0]
        output = ("-o", self.output())
        for command, given, options in (
                ("calibrate", output, ("--threshold", "--xray-threshold", "--xray-sigma", "--background-sigma", "--false-events")),
                ("report", output, ("--limit", "--pixel-mrad", "--step-nm")),
                ("simulate", (), ("--occupancy", "--kv"))):
            for option in options:
                with self.subTest(command, option=option):
                    err = self.refuse(USAGE, command, scan, *given, option, "nan")
                    self.assertRegex(err, "nan|false events")
                    self.assertLess(len(err.splitlines()[0]), 200)
        self.refuse(USAGE, "report", scan, *output, "--pixel-mrad", "inf", mentions=["inf not in range"])

    def test_thresholds_that_cross(self):
        files = write_scan(self.directory)
        self.refuse(USAGE, "count", *files, "-o", self.output(), "--threshold", 50, "--xray-threshold", 40,
                    mentions=["50", "40"])

    def test_threshold_that_is_no_threshold(self):
        files = write_scan(self.directory)
        self.refuse(USAGE, "count", *files, "-o", self.output(), "--threshold", -3, mentions=["-3"])

    def test_dark_of_another_shape(self):
        files = write_scan(self.directory)
        dark = self.directory / "dark.npy"
        dark.write_bytes(npy((2, 8, 8), b"\1\0" * 128))
        self.refuse(USAGE, *self.count(*files), "--dark", dark, mentions=["8 x 8", "576 x 576"])

    def test_backend_that_is_not_there(self):
        files = write_scan(self.directory)
        err = self.refuse(NO_BACKEND, *self.count(*files), "--backend", "cuda", mentions=["cuda"])
        self.assertEqual(len([line for line in err.splitlines() if line.startswith("countem: ")]), 1)

    # -- output --------------------------------------------------------------------------------------------------------

    def test_output_directory_absent(self):
        files = write_scan(self.directory)
        self.refuse(IO_FAILURE, "count", *files, "-o", self.directory / "absent" / "out.h5", *THRESHOLDS, mentions=["absent"])

    def test_output_that_is_a_directory(self):
        files = write_scan(self.directory)
        self.refuse(IO_FAILURE, "count", *files, "-o", self.directory, *THRESHOLDS, mentions=[self.directory, "directory"])
        self.assertEqual(list(self.directory.parent.glob(self.directory.name + ".*")), [], "nothing may be left beside it")

    def test_output_never_replaces_raw_data(self):
        """As when -o stands before a pattern of files and swallows the first of them."""
        files = write_scan(self.directory)
        before = files[0].read_bytes()
        for read in (files, files[1:]):
            for command in ("count", "calibrate"):
                self.refuse(USAGE, command, *read, "-o", files[0], "--threshold", 10, "--xray-threshold", 1000, mentions=[files[0].name])
                self.assertEqual(files[0].read_bytes(), before)

    def test_output_replaces_only_its_own_kind(self):
        files = write_scan(self.directory)
        store, calibration = self.output(), self.directory / "calibration.h5"
        thresholds = ("--threshold", 10, "--xray-threshold", 1000)
        for _ in range(2):  # the second time it replaces the first
            self.succeed("count", *files, "-o", store, *THRESHOLDS)
            self.succeed("calibrate", *files, "-o", calibration, *thresholds)
        self.refuse(USAGE, "count", *files, "-o", calibration, *THRESHOLDS, mentions=["calibration.h5"])
        self.refuse(USAGE, "calibrate", *files, "-o", store, *thresholds, mentions=["out.h5"])
        self.refuse(USAGE, "count", files[0], "-o", files[0], *THRESHOLDS, mentions=[files[0]])
        self.refuse(BAD_INPUT, "count", store, "-o", store, *THRESHOLDS, mentions=["out.h5", "event store"])
        empty = self.directory / "empty.h5"
        empty.touch()  # as mktemp makes them
        self.succeed("count", *files, "-o", empty, *THRESHOLDS)

    def test_picture_directory_that_cannot_be_made(self):
        files = write_scan(self.directory)
        self.refuse(IO_FAILURE, "count", *files, "-o", self.output(), "--png", files[0] / "pictures", *THRESHOLDS[:4],
                    mentions=["pictures"])
        self.assertFalse(self.output().exists(), "told before the work is done")

    def test_file_name_that_is_no_text(self):
        """Names are any bytes; the JSON is UTF-8 all the same."""
        path = os.fsencode(self.directory) + b"/frames\xff.npy"
        with open(path, "wb") as file:
            file.write(npy((1, 8, 8), b"\0" * 128))
        told = self.counted(os.fsdecode(path))
        self.assertEqual(told["frames"], 1)
        self.succeed("verify", self.output())
        self.succeed_json("info", self.output())

    def test_disk_full(self):
        """The file-size limit makes write fail half-way through the store as a full disk does."""
        files = write_scan(self.directory, width=16, height=8, event=(10, 20))
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        self.refuse(IO_FAILURE, *self.count(*files), preexec_fn=limit, mentions=["out.h5"])
        self.assertFalse(self.output().exists())

    def test_earlier_output_survives_a_failure(self):
        files = write_scan(self.directory)
        self.counted(*files)
        before = self.output().read_bytes()
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
        self.refuse(IO_FAILURE, *self.count(*files), preexec_fn=limit)
        self.assertEqual(self.output().read_bytes(), before)


def limit_memory():
    if os.environ.get("COUNTEM_SANITIZE"):
        return  # a sanitizer's shadow memory alone is larger
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


if __name__ == "__main__":
    unittest.main()

"""One scan counted by several processes, and merged: the same content as one process makes, or a sentence why not."""

import os
import pathlib
import random
import shutil
import unittest

from program import ProgramTest
from raw_files import HEIGHT, SECTOR_ROWS, WIDTH, npy, record
from same_content import SameContent

USAGE, BAD_INPUT, IO_FAILURE = 2, 3, 4
SCAN = (5, 9)  # rows, columns
FRAME = (24, 40)
FRAMES = SCAN[0] * SCAN[1]
# What a launcher may have left in the environment of this test.
PART_VARIABLES = ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "SLURM_PROCID", "SLURM_NTASKS",
                  "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX",
                  "SLURM_ARRAY_TASK_STEP")


def noisy_frames(seed):
    """Noise of about 20 ADU with bright pixels."""
    source = random.Random(seed)
    pixels = FRAMES * FRAME[0] * FRAME[1]
    noise = source.choices(range(15, 26), (1, 4, 12, 26, 40, 46, 40, 26, 12, 4, 1), k=pixels)
    for place in source.sample(range(pixels), pixels // 200):
        noise[place] = source.randrange(60, 200)
    return npy((*SCAN, *FRAME), b"".join(value.to_bytes(2, "little") for value in noise))


class Merge(SameContent, ProgramTest):
    def setUp(self):
        super().setUp()
        self.raw = self.directory / "raw.npy"
        self.raw.write_bytes(noisy_frames(1))
        self.whole = self.directory / "whole.h5"

    def count(self, *options, raw=None, name="counted.{part}.h5", **running):
        """What counting reports."""
        return self.succeed_json("count", raw or self.raw, "-o", self.directory / name, "--no-png", "--values", "charge", *options,
                                 **running)

    def parts(self, of, *options, **more):
        """The stores of all parts."""
        return [self.count("--part", f"{number}/{of}", *options, **more)["output"] for number in range(1, of + 1)]

    def assert_faults(self, store, *mentions):
        """Checking it ends with faults that mention all of these."""
        code, _, err = self.run_program("verify", store)
        self.assertEqual(code, BAD_INPUT, err)
        for word in mentions:
            self.assertIn(word, err)

    def refuse_merge(self, code, parts, *mentions):
        err = self.refuse(code, "merge", *parts, "-o", self.whole, mentions=mentions)
        self.assertFalse(self.whole.exists())
        self.assertEqual(len(err.strip().splitlines()), 1, err)

    # -- the same content ----------------------------------------------------------------------------------------------

    def test_parts_make_what_one_process_makes(self):
        one = self.count(name="one.h5")
        for of in (2, 3, 7):
            with self.subTest(of):
                parts = self.parts(of)
                random.Random(of).shuffle(parts)
                told = self.succeed_json("merge", *parts, "-o", self.whole)
                self.assertEqual((told["frames"], told["events"], told["shared_frames"], told["warnings"]), (FRAMES, one["events"], 0, []))
                self.assert_same_content(self.whole, one["output"])
                self.assertEqual(self.succeed_json("compare", self.whole, one["output"])["precision"], 1.0)
                self.assertNotIn("part", self.succeed_json("info", self.whole))

    # -- a virtual store -----------------------------------------------------------------------------------------------

    def test_a_virtual_store_is_read_as_a_merged_one(self):
        for of in (1, 2, 7):
            with self.subTest(of):
                parts = self.parts(of)
                merged = self.succeed_json("merge", *parts, "-o", self.whole)
                linked = self.directory / "linked.h5"
                told = self.succeed_json("merge", "--virtual", *parts, "-o", linked, "--force")
                for key in ("frames", "scan_frames", "shared_frames", "events", "warnings"):
                    self.assertEqual(told[key], merged[key], key)
                self.assertTrue(told["virtual"])
                names = self.succeed_json("info", linked)["virtual_parts"]
                self.assertEqual([pathlib.Path(name).name for name in names], sorted(pathlib.Path(part).name for part in parts))
                self.assert_same_content(linked, self.whole)
                small = [self.directory / "small_of_whole.h5", self.directory / "small_of_linked.h5"]
                for store, copy in zip((self.whole, linked), small):
                    self.succeed("reduce", store, "--crop", "2:20,3:30", "--bin", "2", "-o", copy, "--force")
                self.assertEqual(self.content(small[1])[-1], self.content(small[0])[-1])
                self.assertEqual(self.succeed_json("compare", linked, self.whole)["precision"], 1.0)

    def test_a_virtual_store_moves_with_its_parts(self):
        folder = self.directory / "folder"
        folder.mkdir()
        parts = [shutil.move(part, folder) for part in self.parts(3)]
        self.succeed("merge", "--virtual", *parts, "-o", folder / "linked.h5")
        link = self.directory / "a link.h5"
        link.symlink_to(folder / "linked.h5")
        self.succeed("verify", link)
        moved = folder.rename(self.directory / "moved")
        link.unlink()
        self.succeed("verify", moved / "linked.h5")
        self.refuse(USAGE, "merge", "--virtual", *moved.glob("counted.*"), "-o", self.whole, mentions=["not in the folder"])
        self.refuse(BAD_INPUT, "merge", moved / "linked.h5", "-o", self.whole, mentions=["leads to", "merge these"])

    def test_a_virtual_store_without_one_of_its_parts(self):
        parts = self.parts(3)
        linked = self.directory / "linked.h5"
        self.succeed("merge", "--virtual", *parts, "-o", linked)
        lost = pathlib.Path(parts[1])
        kept = lost.rename(self.directory / "elsewhere.h5")
        for command in (("info", linked), ("reduce", linked, "--sum", "-o", self.whole)):
            self.refuse(IO_FAILURE, *command, mentions=[lost.name, "not there"])
        self.assert_faults(linked, lost.name, "not there")
        # Counted anew with another threshold: no longer what the virtual store was made of.
        self.count("--part", "2/3", "--threshold", "40")
        self.refuse(BAD_INPUT, "reduce", linked, "--sum", "-o", self.whole, mentions=[lost.name, "is not what"])
        self.assert_faults(linked, lost.name, "is not what")
        kept.rename(lost)
        self.succeed("verify", linked)
        lost.write_bytes(lost.read_bytes()[:-1000])
        self.assert_faults(linked, lost.name)

    def test_a_virtual_store_of_parts_that_lack_frames_or_share_some(self):
        parts = self.parts(3)
        linked = self.directory / "linked.h5"
        told = self.succeed_json("merge", "--virtual", parts[0], parts[2], "-o", linked)
        self.assertIn("part 2 of 3 is missing", told["warnings"][0])
        self.assertEqual(self.succeed_json("info", linked)["missing_frames"], 15)
        self.succeed("verify", linked)
        merged = self.directory / "two.h5"
        self.succeed("merge", parts[0], parts[1], "-o", merged, "--quiet")
        told = self.succeed_json("merge", "--virtual", parts[1], merged, parts[2], "-o", linked, "--force")
        self.assertEqual((told["frames"], told["shared_frames"]), (FRAMES, 15))
        self.succeed("merge", *parts, "-o", self.whole)
        self.assertEqual(self.content(linked)[-1], self.content(self.whole)[-1])

    def test_sectors_that_are_missing(self):
        """Four frames: one that lacks a module, one that never arrived, two that are whole."""
        pixels = {0: [0, 1, 2, 3], 1: [0, 2, 3], 2: [], 3: [0, 1, 2, 3]}
        source = random.Random(3)
        files = []
        for module in range(4):
            path = self.directory / f"data_scan0000000001_id0000_module{module}_part0.data"
            sectors = []
            for frame, modules in pixels.items():
                values = bytearray(2 * SECTOR_ROWS * WIDTH)
                for _ in range(20):
                    values[2 * source.randrange(SECTOR_ROWS * WIDTH)] = source.randrange(100, 256)
                if module in modules:
                    sectors.append(record(frame % 2, frame // 2, 2, 2, bytes(values)))
            path.write_bytes(b"".join(sectors))
            files.append(path)
        self.assertEqual(HEIGHT, 4 * SECTOR_ROWS)
        counting = ("--threshold", 50, "--xray-threshold", 250, "--no-png")
        self.succeed("count", *files, "-o", self.directory / "one.h5", *counting)
        for of in (1, 2, 3, 7):
            with self.subTest(of):
                parts = [self.succeed_json("count", *files, "-o", self.directory / "p{part}.h5", "--part", f"{number}/{of}", *counting)["output"]
                         for number in range(1, of + 1)]
                self.succeed("merge", *parts, "-o", self.whole)
                self.assert_same_content(self.whole, self.directory / "one.h5")
                merged = self.succeed_json("info", self.whole)
                self.assertEqual((merged["missing_frames"], merged["incomplete_frames"]), (1, 1))
                self.assertGreater(merged["xrays"], 0)

    def test_shares_are_consecutive_and_even(self):
        for of in (4, FRAMES + 5):
            for number in (1, 2, of // 2, of):
                share = self.count("--part", f"{number}/{of}", "--threshold", 40, "--xray-threshold", 1e6)["part"]
                self.assertEqual((share["first_frame"], share["end_frame"]), (FRAMES * (number - 1) // of, FRAMES * number // of))
                self.assertEqual((share["number"], share["of"], share["scan_frames"]), (number, of, FRAMES))

    # -- what a part knows ---------------------------------------------------------------------------------------------

    def test_a_part_knows_its_place(self):
        part = self.count("--part", "2/4")
        told = self.succeed_json("info", part["output"])
        self.assertEqual((told["frames"], told["missing_frames"], part["frames"]), (FRAMES, FRAMES - 11, 11))
        self.assertEqual(told["part"], {"number": 2, "of": 4, "first_frame": 11, "end_frame": 22, "missing_frames": 0,
                                        "calibration_crc32c": part["part"]["calibration_crc32c"]})
        self.assertEqual(told["provenance"]["part"]["scan_frames"], FRAMES)
        self.assertIn("part:\n  number: 2\n  of: 4\n", self.succeed("info", part["output"])[0])
        # The thresholds are those of the whole scan, whichever part is counted.
        self.assertEqual({self.count("--part", f"{number}/4")["part"]["calibration_crc32c"] for number in (1, 3, 4)},
                         {part["part"]["calibration_crc32c"]})
        self.assertNotEqual(self.count("--part", "1/4", "--threshold", 30)["part"]["calibration_crc32c"], part["part"]["calibration_crc32c"])

    def test_names_hold_the_part(self):
        output = self.directory / "out.h5"
        self.refuse(USAGE, "count", self.raw, "-o", output, "--part", "2/4", mentions=["{part}", "2_of_4", "out.{part}.h5"])
        self.assertEqual(self.count("--part", "3/12")["output"], str(self.directory / "counted.03_of_12.h5"))
        for wrong in ("0/4", "5/4", "2", "2/", "/4", "a/4", "2/4/6", "-1/4"):
            self.refuse(USAGE, "count", self.raw, "-o", self.directory / "x.{part}.h5", f"--part={wrong}")
        self.refuse(USAGE, "count", self.raw, "-o", self.directory / "x.{part}.h5", "--part", "1/2", "--live", "sum", mentions=["--live"])

    def test_an_interrupted_part_is_resumed_or_recovered(self):
        """What a part that was cut in the middle leaves: made of a whole part's first bytes."""
        parts = self.parts(2)
        expected = self.content(parts[1])
        broken = self.directory / "counted.2_of_2.h5.part"
        content = (self.directory / "counted.2_of_2.h5").read_bytes()
        footer = b"\x89cntem\r\n"
        ends = [at for at in range(len(content)) if content.startswith(footer, at)]
        broken.write_bytes(content[: ends[9] + 48])  # ten frames
        (self.directory / "counted.2_of_2.h5").unlink()
        told = self.succeed_json("recover", broken, "-o", self.directory / "saved.h5")
        self.assertEqual(told["frames"], 10)
        told = self.succeed_json("merge", parts[0], self.directory / "saved.h5", "-o", self.whole)
        self.assertEqual(told["frames"], 22 + 10)
        self.assertRegex(told["warnings"][0], r"saved.h5: part 2 of 2 lacks frames 32 to 44")
        self.assertEqual(len(told["warnings"]), 1)
        other = self.directory / "counted.1_of_2.h5.part"
        shutil.copy(broken, other)
        self.refuse(USAGE, "count", self.raw, "-o", self.directory / "counted.{part}.h5", "--no-png", "--values", "charge", "--part", "1/2",
                    "--resume", mentions=["was counted as part 2 of 2, not as part 1 of 2"])
        told = self.count("--part", "2/2", "--resume")
        self.assertEqual((told["resumed_after_frames"], told["frames"]), (10, 13))
        self.assertEqual(self.content(parts[1]), expected)

    # -- what lacks ----------------------------------------------------------------------------------------------------

    def test_missing_parts_are_named(self):
        parts = self.parts(4)
        told = self.succeed_json("merge", parts[0], parts[3], "-o", self.whole)
        self.assertEqual(told["warnings"], ["part 2 of 4 is missing: frames 11 to 21", "part 3 of 4 is missing: frames 22 to 32"])
        self.assertEqual((told["frames"], told["scan_frames"]), (11 + 12, FRAMES))
        self.assertEqual(self.succeed_json("info", self.whole)["missing_frames"], 22)
        self.succeed("verify", self.whole)
        self.assertEqual([issue["kind"] for issue in self.succeed_json("info", self.whole)["provenance"]["issues"]][-2:], ["missing_part"] * 2)
        # What was merged may be merged again.
        again = self.directory / "again.h5"
        told = self.succeed_json("merge", self.whole, parts[2], "-o", again)
        self.assertEqual(told["warnings"], ["part 2 of 4 is missing: frames 11 to 21"])
        self.assertEqual(self.succeed_json("merge", again, parts[1], "-o", self.directory / "all.h5")["warnings"], [])
        self.assertNotIn("missing_part", [issue["kind"] for issue in self.succeed_json("info", self.directory / "all.h5")["provenance"]["issues"]])

    def test_the_same_frames_twice(self):
        parts = self.parts(2)
        copy = self.directory / "copy.h5"
        shutil.copy(parts[0], copy)
        told = self.succeed_json("merge", *parts, copy, "-o", self.whole)
        self.assertEqual((told["shared_frames"], told["frames"]), (22, FRAMES))

    # -- refusals ------------------------------------------------------------------------------------------------------

    def test_parts_that_do_not_belong_together(self):
        a, b = self.parts(2)
        before = (self.directory / "counted.1_of_2.h5").read_bytes()
        link = self.directory / "link.h5"
        link.symlink_to(a)
        self.refuse_merge(USAGE, [a, b, a], "1_of_2.h5: was given twice")
        self.refuse_merge(USAGE, [a, link], "link.h5: was given twice, before as ")
        self.refuse_merge(USAGE, [a, self.count("--part", "2/3", name="third.{part}.h5")["output"]], "part 2 of 3", "part 1 of 2",
                          "one division")
        self.refuse_merge(USAGE, [a, self.count("--part", "2/2", "--threshold", 33, name="t.{part}.h5")["output"]],
                          "another background threshold")
        self.refuse_merge(USAGE, [a, self.count("--part", "2/2", "--upsample", 2, name="u.{part}.h5")["output"]], "another upsampling")
        reshaped = self.count("--part", "2/2", "--scan", "45x1", name="s.{part}.h5")["output"]
        self.refuse_merge(USAGE, [a, reshaped], "another scan size")
        other = self.directory / "other.npy"
        shutil.copy(self.raw, other)
        self.refuse_merge(USAGE, [a, self.count("--part", "2/2", raw=other, name="o.{part}.h5")["output"]], "other files",
                          "other.npy", "raw.npy")
        self.assertEqual((self.directory / "counted.1_of_2.h5").read_bytes(), before)

    def test_other_inputs_are_no_error_where_nothing_is_known_of_parts(self):
        other = self.directory / "other.npy"
        shutil.copy(self.raw, other)
        a, b = self.count(name="a.h5")["output"], self.count(raw=other, name="b.h5")["output"]
        told = self.succeed_json("merge", a, b, "-o", self.whole)
        self.assertEqual((told["shared_frames"], len(told["warnings"])), (FRAMES, 1))
        self.assertRegex(told["warnings"][0], r"b.h5: was counted from .*other.npy, and .*a.h5 from .*raw.npy: these must hold the same frames")

    def test_outputs_that_are_inputs_or_are_there(self):
        a, b = self.parts(2)
        before = (self.directory / "counted.1_of_2.h5").read_bytes()
        self.refuse(USAGE, "merge", a, b, "-o", a, "--force", mentions=["1_of_2.h5", "is one of the files to be read"])
        self.whole.write_bytes(b"something else")
        self.refuse(USAGE, "merge", a, b, "-o", self.whole, mentions=["whole.h5", "--force"])
        self.assertEqual(self.whole.read_bytes(), b"something else")
        self.succeed("merge", a, b, "-o", self.whole, "--force")
        self.succeed("merge", a, b, "-o", self.whole)
        self.assertEqual((self.directory / "counted.1_of_2.h5").read_bytes(), before)

    def test_parts_that_cannot_be_read(self):
        a, b = self.parts(2)
        self.refuse_merge(IO_FAILURE, [a, self.directory / "absent.h5"], "absent.h5")
        content = (self.directory / "counted.2_of_2.h5").read_bytes()
        cut = self.directory / "cut.h5"
        cut.write_bytes(content[: len(content) // 2])
        self.refuse_merge(BAD_INPUT, [a, cut], "cut.h5")
        cut.write_bytes(b"")
        self.refuse_merge(BAD_INPUT, [a, cut], "cut.h5")
        self.refuse_merge(BAD_INPUT, [a, self.raw], "raw.npy")
        at = content.rindex(b"\x89cntem\r\n") - 3
        cut.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        self.refuse_merge(BAD_INPUT, [a, cut], "cut.h5: frame", "damaged")
        self.refuse(USAGE, "merge", "-o", self.whole)

    def test_parts_of_another_version_or_folder_are_warned_of(self):
        elsewhere = self.directory / "elsewhere"
        elsewhere.mkdir()
        shutil.copy(self.raw, elsewhere)
        a, b = self.count("--part", "1/2")["output"], self.count("--part", "2/2", raw=elsewhere / "raw.npy")["output"]
        told = self.succeed_json("merge", a, b, "-o", self.whole)
        self.assertEqual(len(told["warnings"]), 1)
        self.assertRegex(told["warnings"][0], r"2_of_2.h5: was counted from .*elsewhere/raw.npy, and .*1_of_2.h5 from .*/raw.npy")
        version = self.succeed_json("version")["version"]
        content = (self.directory / "counted.2_of_2.h5").read_bytes()
        mine, theirs = f"countem {version}".encode(), b"countem " + b"9" * len(version)
        (self.directory / "counted.2_of_2.h5").write_bytes(content.replace(mine, theirs))
        told = self.succeed_json("merge", a, b, "-o", self.whole)
        self.assertTrue(any(theirs.decode() in warning for warning in told["warnings"]), told["warnings"])

    # -- parts from the environment ------------------------------------------------------------------------------------

    def part_of(self, **variables):
        environment = {name: value for name, value in os.environ.items() if name not in PART_VARIABLES}
        code, out, err = self.run_program("count", self.raw, "-o", self.directory / "auto.{part}.h5", "--part", "auto", "--threshold", 40,
                                          "--xray-threshold", 1e6, "--quiet", "--json", env={**environment, **variables})
        if code != 0:
            self.assertEqual(code, USAGE, err)
            return err
        name = out.partition('"output": "')[2].partition('"')[0]
        return name.partition("auto.")[2].removesuffix(".h5")

    def test_parts_from_the_environment(self):
        array = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_MAX": "9",
                 "SLURM_ARRAY_TASK_STEP": "2"}
        tasks = {"SLURM_PROCID": "1", "SLURM_NTASKS": "3"}
        mpi = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
        other = {"PMI_RANK": "4", "PMI_SIZE": "5"}
        for expected, variables in (
            ("2_of_3", tasks), ("3_of_4", array), ("1_of_2", mpi), ("5_of_5", other),
            ("1_of_2", {**mpi, **tasks, **other}), ("5_of_5", {**tasks, **other}),  # the innermost launcher
            ("3_of_4", {**array, "SLURM_PROCID": "0"}), ("3_of_4", {**array, "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}),
            ("2_of_3", {**tasks, **array, "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "7", "SLURM_ARRAY_TASK_MAX": "7"}),
            ("1_of_1", {"SLURM_PROCID": "0", "SLURM_NTASKS": "1"}),
        ):
            self.assertEqual(self.part_of(**variables), expected, variables)
        for variables, mentions in (
            ({}, ("SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_ARRAY_TASK_ID", "--part K/N")),
            ({"SLURM_PROCID": "0"}, ("holds SLURM_PROCID and no SLURM_NTASKS",)),
            ({"OMPI_COMM_WORLD_SIZE": "2"}, ("holds OMPI_COMM_WORLD_SIZE and no OMPI_COMM_WORLD_RANK",)),
            ({"PMI_RANK": "5", "PMI_SIZE": "5"}, ("PMI_RANK=5 is not below PMI_SIZE=5",)),
            ({"PMI_RANK": "x", "PMI_SIZE": "5"}, ("PMI_RANK=x is no number",)),
            ({**array, "SLURM_ARRAY_TASK_ID": "8"}, ("no even range", "SLURM_ARRAY_TASK_ID=8")),
            ({**array, "SLURM_ARRAY_TASK_COUNT": "3"}, ("no even range", "SLURM_ARRAY_TASK_COUNT=3")),
            ({"SLURM_ARRAY_TASK_ID": "1"}, ("SLURM_ARRAY_TASK_COUNT",)),
            ({**array, **tasks}, ("SLURM_ARRAY_TASK_COUNT (4 parts)", "SLURM_NTASKS (3 parts)")),
        ):
            err = self.part_of(**variables)
            for words in mentions:
                self.assertIn(words, err)


if __name__ == "__main__":
    unittest.main()

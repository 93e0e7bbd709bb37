"""Frames that are skipped, flyback, snake scans, and stores folded later: which recorded frame each position gets."""

import struct
import unittest

from program import ProgramTest
from raw_files import npy

SIDE = 8


def place(row, column, width, skip=0, flyback=0, snake=False):
    """The recorded frame of a position, worked out from what a microscope does."""
    within = width - 1 - column if snake and row % 2 else column
    return skip + row * (width + flyback) + within


class ScanPath(ProgramTest):
    def recording(self, frames, first=0):
        """Frame n has n + 1 electrons, one in each pixel from the first on."""
        values = []
        for number in range(first, first + frames):
            values += [1 if pixel <= number else 0 for pixel in range(SIDE * SIDE)]
        path = self.directory / f"row{frames}_{first}.npy"
        path.write_bytes(npy((frames, SIDE, SIDE), struct.pack(f"<{len(values)}H", *values)))
        return path

    def count(self, raw, name, *options):
        store = self.directory / name
        _, err = self.succeed("count", raw, "-o", store, "--method", "counts", "--no-png", *options)
        self.succeed("verify", store)
        return store, err

    def electrons(self, store, *options):
        """Of each position, as the program exports them: row after row; None where nothing arrived."""
        out = self.directory / "positions.h5"
        folder = self.directory / "arrays"
        self.succeed("reduce", store, "-o", out, "--sum", "--npy", folder, "--force", *options)
        content = (folder / "positions_counts.npy").read_bytes()
        length = int.from_bytes(content[8:10], "little")
        numbers = content[10 + length:]
        values = struct.unpack(f"<{len(numbers) // 8}d", numbers)
        return [None if value != value else int(value) for value in values]

    def expected(self, width, height, recorded, **path):
        places = [place(row, column, width, **path) for row in range(height) for column in range(width)]
        return [at + 1 if 0 <= at < recorded else None for at in places]

    def test_every_path_of_a_count(self):
        for skip, flyback, snake in ((2, 0, False), (0, 1, False), (0, 0, True), (3, 2, True), (-2, 1, True)):
            recorded = max(0, skip) + 4 * (5 + flyback) - flyback + min(0, skip)
            raw = self.recording(recorded)
            path = [f"--skip={skip}", "--flyback", flyback, *(["--snake"] if snake else [])]
            store, _ = self.count(raw, f"c{skip}_{flyback}_{snake}.h5", "--scan", "5x4", *path)
            wanted = self.expected(5, 4, recorded, skip=skip, flyback=flyback, snake=snake)
            self.assertEqual(self.electrons(store), wanted, (skip, flyback, snake))
            told = self.succeed_json("info", store)
            self.assertEqual({key: told["scan_path"][key] for key in ("skip", "flyback", "snake")},
                             {"skip": skip, "flyback": flyback, "snake": snake})
            # The same from a store of one line that is folded later, as a new file and as a view.
            line, _ = self.count(raw, "line.h5", "--force")
            folded = self.directory / "folded.h5"
            self.succeed("convert", line, "--scan", "5x4", *path, "-o", folded, "--force")
            self.succeed("verify", folded)
            self.assertEqual(self.electrons(folded), wanted)
            self.assertEqual(self.electrons(line, "--scan", "5x4", *path), wanted)
            compared = self.succeed_json("info", folded)
            for key in ("scan", "events", "missing_frames", "scan_path"):
                self.assertEqual(compared[key], told[key], key)

    def test_the_third_position_of_the_second_line_by_hand(self):
        # 1 skipped, lines of 3 and 1 of flyback, backwards: 0 | 1 2 3 | 4 | 7 6 5 | 8: row 1, column 0 is frame 7.
        store, _ = self.count(self.recording(9), "hand.h5", "--scan", "3x2", "--skip", "1", "--flyback", "1", "--snake")
        self.assertEqual(self.electrons(store), [2, 3, 4, 8, 7, 6])

    def test_repeats_stay_in_time_order(self):
        store, _ = self.count(self.recording(12), "repeats.h5", "--scan", "3x2x2", "--snake")
        self.assertEqual(self.electrons(store), [1 + 2, 3 + 4, 5 + 6, 11 + 12, 9 + 10, 7 + 8])

    def test_frames_at_each_position_are_the_files_unless_they_are_given(self):
        raw = self.directory / "repeats.npy"
        values = [1 if pixel <= number else 0 for number in range(12) for pixel in range(SIDE * SIDE)]
        raw.write_bytes(npy((3, 2, 2, SIDE, SIDE), struct.pack(f"<{len(values)}H", *values)))
        pairs = [2 * at + 1 + 2 * at + 2 for at in range(6)]
        store, _ = self.count(raw, "five_axes.h5")
        for size, path, wanted in (("2x3", (), pairs), ("3x2", (), pairs), ("2x2", (), pairs[:4]), ("2x3x1", (), [1, 2, 3, 4, 5, 6]),
                                   ("3x4x1", (), list(range(1, 13))), ("2x2x3", (), [6, 15, 24, 33]),
                                   ("2x2", ("--skip", "2"), pairs[1:5]), ("2x2x1", ("--skip", "2"), [3, 4, 5, 6])):
            counted, _ = self.count(raw, "counted.h5", "--scan", size, *path, "--force")
            self.assertEqual(self.electrons(counted), wanted, (size, path))
            self.assertEqual(self.electrons(store, "--scan", size, *path), wanted, (size, path))

    def test_numbers_that_the_parser_does_not_hold_are_refused_as_they_were_given(self):
        raw = self.recording(6)
        for option, number in (("--skip", "18446744073709551615"), ("--skip", "-9223372036854775809"), ("--offset", "18446744073709551616")):
            shape = ("--shape", "8x8") if option == "--offset" else ()
            self.refuse(2, "info", raw, *shape, f"{option}={number}", mentions=[number, "64 bits"])
        self.refuse(2, "info", raw, "--skip", "9223372036854775807", mentions=["9223372036854775807"])

    def test_a_missing_last_row_is_missing_everywhere(self):
        store, err = self.count(self.recording(7), "short.h5", "--scan", "3x3", "--skip", "1")
        self.assertIn("holds 7 whole frames, the scan of 3 x 3 positions (width x height) (1 frame skipped) takes 10; "
                      "3 of its 9 frames are missing (6 frames fill 3 x 2 or 2 x 3 positions (width x height))", err)
        self.assertEqual(self.electrons(store), [2, 3, 4, 5, 6, 7, None, None, None])
        self.assertEqual(self.succeed_json("info", store)["missing_frames"], 3)
        out, arrays = self.directory / "all.h5", self.directory / "all"
        self.succeed("reduce", store, "-o", out, "--com", "--virtual", "disk:20", "--radial", "--npy", arrays)
        for name in ("counts", "com_row", "com_column", "virtual_1", "radial"):
            found = next(iter(sorted(arrays.glob(f"all_{name}*.npy"))), None)
            if found is None:
                continue
            content = found.read_bytes()
            numbers = content[10 + int.from_bytes(content[8:10], "little"):]
            values = struct.unpack(f"<{len(numbers) // 8}d", numbers)
            third = len(values) // 3
            self.assertTrue(all(value != value for value in values[2 * third:]), name)
            self.assertTrue(any(value == value for value in values[:2 * third]), name)

    def test_merged_positions_that_lack_frames_are_counted_in_one_warning(self):
        store, _ = self.count(self.recording(10), "short.h5", "--scan", "4x4")
        out, sentence = self.directory / "merged.h5", "1 of 4 merged frames hold less than the others, since of the frames that go into them 2 never arrived and 0 lack a part"
        told = self.succeed_json("reduce", store, "-o", out, "--scan-bin", 2, "--sum")
        warnings = [line for line in told["warnings"] if "merged" in line or "lack" in line]
        self.assertEqual(len(warnings), 1, told["warnings"])
        self.assertIn(f"{store}: {sentence}", warnings[0])
        self.assertIn("1 more, of which nothing arrived, are missing", warnings[0])
        self.succeed("verify", out)
        facts = self.succeed_json("info", out)
        self.assertEqual((facts["incomplete_frames"], facts["missing_frames"]), (1, 1))
        self.assertTrue(any(sentence in text for text in self.strings(out)), "kept among the store's issues")
        # By hand: frames 0 1 4 5, 2 3 6 7, 8 9 of 8 9 12 13, none of 10 11 14 15; frame n has n + 1 electrons.
        self.assertEqual(self.electrons(out), [14, 22, 19, None])
        self.assertEqual(self.electrons(out, "--incomplete", "skip"), [14, 22, None, None])
        told = self.succeed_json("reduce", out, "-o", self.directory / "images.h5", "--sum")
        self.assertTrue(any("frames that should have been merged into them" in line for line in told["warnings"]), told["warnings"])
        # What is whole, and what is smaller because the scan ends there, is no loss.
        for options in (("--scan-crop", "0:2,0:4"), ("--scan-crop", "0:2,0:3", "--keep-remainder")):
            told = self.succeed_json("reduce", store, "-o", out, "--scan-bin", 2, "--force", *options)
            self.assertEqual(told["warnings"], [], options)

    def strings(self, path):
        return [part.decode("latin-1") for part in path.read_bytes().split(b"\0") if len(part) > 30]

    def test_more_frames_than_positions(self):
        _, err = self.count(self.recording(17), "more.h5", "--scan", "3x3")
        self.assertIn("holds 17 frames, the scan of 3 x 3 positions (width x height) takes 9; the rest is left out "
                      "(no rectangle takes exactly 17 frames, 4 x 4 positions (width x height) leave 1 out)", err)

    def test_snakes_are_unwound_before_they_are_folded_again(self):
        raw = self.recording(12)
        snake, _ = self.count(raw, "snake.h5", "--scan", "4x3", "--snake")
        folded = self.directory / "again.h5"
        self.succeed("convert", snake, "--scan", "3x4", "-o", folded)
        self.succeed("verify", folded)
        self.assertEqual(self.electrons(folded), list(range(1, 13)))
        self.assertNotIn("scan_path", self.succeed_json("info", folded))
        self.succeed("convert", folded, "--snake", "-o", self.directory / "its_own_size.h5")
        self.assertEqual(self.electrons(self.directory / "its_own_size.h5"), [1, 2, 3, 6, 5, 4, 7, 8, 9, 12, 11, 10])

    def test_parts_and_resumed_counts(self):
        raw = self.recording(20)
        path = ("--scan", "4x4", "--skip", "1", "--flyback", "1", "--snake")
        whole, _ = self.count(raw, "whole.h5", *path)
        for number in (1, 2, 3):
            self.succeed("count", raw, "-o", self.directory / "part.{part}.h5", "--method", "counts", *path, "--part", f"{number}/3")
        merged = self.directory / "merged.h5"
        self.succeed("merge", *(self.directory / f"part.{number}_of_3.h5" for number in (1, 2, 3)), "-o", merged)
        self.assertEqual(self.electrons(merged), self.electrons(whole))
        self.refuse(2, "convert", self.directory / "part.2_of_3.h5", "--scan", "16x1", "-o", self.directory / "no.h5",
                    mentions=["part.2_of_3.h5", "holds part 2 of 3", "merge"])
        other, _ = self.count(raw, "other.h5", "--scan", "4x4")
        self.refuse(2, "merge", other, self.directory / "part.2_of_3.h5", "-o", self.directory / "no.h5",
                    mentions=["another path of the scan"])

    def test_what_cannot_be(self):
        raw = self.recording(12)
        line, _ = self.count(raw, "line.h5")
        new = self.directory / "new.h5"
        self.refuse(2, "count", raw, "-o", new, "--method", "counts", "--snake", mentions=["one line of 12 frames", "--scan"])
        self.refuse(2, "convert", line, "--flyback", "1", "-o", new, mentions=["one line of 12 frames", "--scan"])
        self.refuse(2, "convert", line, "-o", new, mentions=["--to"])
        self.refuse(2, "convert", line, "--scan", "3x4", "--dwell", 1, "-o", new, mentions=["--dwell", "TPX3"])
        self.refuse(2, "convert", line, "--scan", "3x4", "-o", line, mentions=["line.h5"])
        self.refuse(2, "convert", line, "--scan", "3x4", "--skip", "12", "-o", new, mentions=["none of its 12 frames"])
        self.refuse(2, "count", raw, "-o", new, "--flyback", "-1", mentions=["--flyback"])
        self.assertFalse(new.exists())
        binned = self.directory / "binned.h5"
        self.succeed("reduce", line, "-o", binned, "--scan-bin", "2", "--keep-remainder")
        self.refuse(2, "convert", binned, "--scan", "3x2", "-o", new, mentions=["merged scan positions"])


if __name__ == "__main__":
    unittest.main()

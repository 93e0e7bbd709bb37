"""Inputs that are not what they are called: warnings that are printed, kept in the store and in the calibration, or refusals."""

import glob
import random
import struct
import unittest

from program import ProgramTest
from raw_files import npy

USAGE, BAD_INPUT = 2, 3


class Inputs(ProgramTest):
    def setUp(self):
        super().setUp()
        self.store = self.directory / "a.h5"

    def simulated(self, name, *options):
        folder = self.directory / name
        self.succeed("simulate", folder, "--scan", "4x3", "--dark-frames", 20, "--quiet", *options)
        return sorted(glob.glob(f"{folder}/data*")), sorted(glob.glob(f"{folder}/dark*"))

    def warnings(self, *arguments):
        return self.succeed_json("count", *arguments, "-o", self.store, "--no-png")["warnings"]

    def saved(self, name, shape, values, kind="<f4"):
        code = {"<f4": "f", "<u2": "H", "|u1": "B", "<f8": "d"}[kind]
        path = self.directory / name
        path.write_bytes(npy(shape, struct.pack(f"<{len(values)}{code}", *values), kind))
        return path

    # -- flat binary ---------------------------------------------------------------------------------------------------

    def test_types_and_files_of_flat_frames(self):
        # Two frames of 2 x 2 pixels per file, one electron in each.
        def counts(code, *options):
            files = [self.directory / name for name in ("f_10.bin", "f_9.bin")]
            for number, path in enumerate(files):
                path.write_bytes(struct.pack(f"{code[0]}8{code[1]}", *(9 if pixel == number or pixel == 7 else 0 for pixel in range(8))))
            made = self.directory / "flat.h5"
            self.succeed("count", *files, "--shape", "2x2", "-o", made, "--threshold", 5, "--xray-threshold", "inf", "--no-png", "--force", *options)
            return self.succeed_json("info", made)["events"], self.succeed_json("info", *files, "--shape", "2x2", *options)
        for words, code in ((("uint16", "<u2"), "<H"), ((">u2",), ">H"), (("i8", "|i1"), "<b"), (("f4",), "<f"), (("f64be",), ">d"),
                            (("<i8",), "<q"), (("f16",), "<e")):
            for word in words:
                events, raw = counts(code, "--dtype", word)
                self.assertEqual((events, raw["scan"]["width"], raw["files"]), (4, 4, 2), word)
                self.assertEqual([issue["kind"] for issue in raw["issues"]], ["order_of_names"])
        events, raw = counts("<H", "--frame-count", 1)
        self.assertEqual((events, raw["scan"]["width"]), (2, 2))
        for word in ("u12", "<", "<u16", "be"):
            self.refuse(USAGE, "info", self.directory / "f_9.bin", "--shape", "2x2", f"--dtype={word}", mentions=["--dtype", "numpy's name"])

    def test_axes_are_those_of_the_darks_too(self):
        rows, columns, count = 8, 9, 8
        dark = [60 if (row, column) == (2, 7) else 0 for row in range(rows) for column in range(columns)]
        turned = {"f": [100] * rows * columns * count, "d": [value for value in dark for _ in range(count)]}
        for name, values in turned.items():
            (self.directory / f"{name}.npy").write_bytes(npy((rows, columns, count), struct.pack(f"<{len(values)}H", *values)))
        (self.directory / "d4.npy").write_bytes(npy((rows, columns, 2, 4), struct.pack(f"<{len(turned['d'])}H", *turned["d"])))
        (self.directory / "d2.npy").write_bytes(npy((rows, columns), struct.pack(f"<{len(dark)}H", *dark)))
        for name in ("d", "d4", "d2"):
            store, arrays = self.directory / "store.h5", self.directory / "arrays"
            self.succeed("count", self.directory / "f.npy", "--axes", "row,column,frame", "--dark", self.directory / f"{name}.npy", "--method", "pixels",
                         "--threshold", 50, "--xray-threshold", "inf", "--no-png", "-o", store, "--force")
            self.succeed("reduce", store, "-o", self.directory / "r.h5", "--sum", "--npy", arrays, "--force")
            content = next(path for path in arrays.glob("r_*.npy") if path.stem in ("r_sum", "r_pattern")).read_bytes()
            numbers = content[10 + int.from_bytes(content[8:10], "little"):]
            sums = struct.unpack(f"<{len(numbers) // 8}d", numbers)
            self.assertEqual(sums, tuple(0 if value else 8 for value in dark), name)
        frames4, axes = self.directory / "f4.npy", "row,scan_row,column,scan_column"
        frames4.write_bytes(npy((rows, 2, columns, 4), struct.pack(f"<{len(turned['f'])}H", *turned["f"])))
        self.refuse(USAGE, "count", frames4, "--axes", axes, "--dark", self.directory / "d.npy", "-o", self.directory / "no.h5",
                    mentions=["d.npy", "has 3 axes", axes, "frame,row,column"])

    def test_axes_are_named_or_refused(self):
        array = self.saved("turned.npy", (2, 3, 5), range(30), "<u2")
        self.assertEqual(self.succeed_json("info", array)["axes"], "frame, row, column")
        told = self.succeed_json("info", array, "--axes", "row,column,frame")
        self.assertEqual((told["axes"], told["scan"]["width"], told["frame"]), ("row, column, frame", 5, {"height": 2, "width": 3}))
        self.refuse(USAGE, "info", array, "--axes", "row,column", mentions=["turned.npy", "frame,row,column"])
        flat = self.directory / "flat.bin"
        flat.write_bytes(bytes(60))
        self.refuse(USAGE, "info", flat, "--shape", "2x3", "--axes", "row,column,frame", mentions=["flat.bin", "defines its axes"])
        self.refuse(USAGE, "info", flat, "--input-format", "mib", "--axes", "row,column,frame", mentions=["--axes is for --input-format npy or hdf5"])

    # -- dark references -----------------------------------------------------------------------------------------------

    def test_darks(self):
        data, darks = self.simulated("sim")
        other_data, other_darks = self.simulated("other", "--seed", 9)
        self.assertEqual(self.warnings(*data, "--dark", *darks), [])
        for given, words in ((data, "the dark frames are the scan itself"), (other_darks, "another detector"),
                             (other_data, "the noise of the frames is")):
            shown = self.warnings(*data, "--dark", *given)
            self.assertTrue(any(words in warning for warning in shown), (words, shown))
        # Kept with the events and in the calibration, shown by those who use it.
        issues = self.succeed_json("info", self.store)["provenance"]["issues"]
        self.assertIn("noise_above_darks", [issue["kind"] for issue in issues])
        made = self.directory / "c.h5"
        notes = self.succeed_json("calibrate", *data, "--dark", *other_darks, "-o", made)["notes"]
        self.assertTrue(any("another detector" in note for note in notes), notes)
        self.assertIn("another detector", self.succeed_json("info", made)["notes"][0]["text"])
        self.assertEqual(self.warnings(*data, "--calibration", made), [note for note in notes if "another detector" in note])

    def test_darks_that_lack_modules(self):
        data, darks = self.simulated("sim")
        one = [dark for dark in darks if "module0" in dark]
        counting = ("count", *data, "-o", self.store, "--no-png", "--dark", *one)
        self.refuse(BAD_INPUT, *counting, mentions=["modules 1 to 3 of the dark frames are missing", "75.0 %", "--force"])
        shown = self.succeed_json(*counting, "--force")["warnings"]
        self.assertTrue(any("modules 1 to 3" in warning for warning in shown), shown)
        made = self.directory / "c.h5"
        self.succeed("calibrate", *data, "--dark", *one, "-o", made, "--force")
        self.refuse(BAD_INPUT, "count", *data, "-o", self.store, "--no-png", "--calibration", made, mentions=["75.0 %", "--force"])
        one_of_data = [part for part in data if "module0" in part]
        self.assertFalse(any("missing" in text and "dark" in text for text in self.warnings(*one_of_data, "--dark", *one)))

    def test_what_countem_wrote_is_no_raw_input(self):
        data, darks = self.simulated("sim")
        calibrated = self.directory / "c.h5"
        self.succeed("calibrate", *data, "--dark", *darks, "-o", calibrated)
        self.succeed("count", *data, "-o", self.store, "--no-png")
        truth = glob.glob(f"{self.directory}/sim/truth.h5")[0]
        output = self.directory / "b.h5"
        for wrong, words in ((self.store, "is an event store"), (calibrated, "is a calibration"), (truth, "truth of a simulation")):
            for option in ("--dark", "--gain", "--mask"):
                self.refuse(BAD_INPUT, "count", *data, "-o", output, "--no-png", option, wrong, mentions=[wrong, words])
            self.refuse(BAD_INPUT, "count", wrong, "-o", output, "--no-png", mentions=[wrong, words])
            self.refuse(BAD_INPUT, "calibrate", wrong, "-o", output, mentions=[wrong, words])

    def test_a_calibration_of_another_frame_size_is_named_with_both_sizes(self):
        small = self.saved("small.npy", (2, 4, 6), [20, 21] * 24, "<u2")
        large = self.saved("large.npy", (2, 8, 6), [20, 21] * 48, "<u2")
        made = self.directory / "small.h5"
        self.succeed("calibrate", small, "--dark", small, "--threshold", 9, "--xray-threshold", 90, "-o", made, "--force")
        self.refuse(USAGE, "count", large, "--calibration", made, "-o", self.store, "--no-png",
                    mentions=["small.h5", "4 x 6", "8 x 6"])

    # -- thresholds ----------------------------------------------------------------------------------------------------

    def test_a_threshold_within_the_noise(self):
        data, darks = self.simulated("sim")
        for option in (("--threshold", 4.5), ("--threshold", 1), ("--background-sigma", 0.5)):
            shown = self.warnings(*data, "--dark", *darks, *option)
            self.assertEqual(len([text for text in shown if "sigma above the noise peak" in text]), 1, shown)
            self.assertIn("4.5 sigma are 9.3 ADU", shown[0])
            self.assertIn("--background-sigma 4.5", shown[0])
        self.refuse(USAGE, "count", *data, "--dark", *darks, "--threshold", 0.03, "-o", self.store, "--no-png",
                    mentions=["below 1/16 ADU", "4.5 sigma are 9.3", "--scale"])
        _, err = self.succeed("count", *data, "--dark", *darks, "--threshold", 9, "-o", self.store, "--no-png")
        self.assertRegex(err, r"background threshold 9 ADU \(4\.\d+ sigma\)")
        self.assertNotIn("warning", err)
        self.assertGreater(self.succeed_json("info", self.store)["background_sigmas"], 4)

    # -- values with a meaning of their own ----------------------------------------------------------------------------

    def test_gain_0_is_a_mask(self):
        rng = random.Random(5)
        frames, height, width = 12, 32, 64
        values = []
        for _ in range(frames * height):
            row = rng.gauss(0, 2.5)
            values += [round(max(0, rng.gauss(100, 2) + row + (60 if rng.random() < 0.002 else 0))) for _ in range(width)]
        scan = self.saved("e.npy", (frames, height, width), values, "<u2")
        dark = self.saved("dark.npy", (height, width), [100.0] * (height * width))
        bad = [rng.random() < 0.3 for _ in range(height * width)]
        mask = self.saved("m.npy", (height, width), [int(one) for one in bad], "|u1")
        gain = self.saved("g.npy", (height, width), [0.0 if one else 1.0 for one in bad])
        for row_noise in ("none", "mean", "median"):
            told = []
            for option in (("--mask", mask), ("--gain", gain)):
                counted = self.succeed_json("count", scan, "--dark", dark, *option, "--row-noise", row_noise, "-o", self.store,
                                            "--no-png")
                told.append((counted["events"], counted["thresholds"]))
            self.assertEqual(told[0], told[1], row_noise)
            self.assertGreater(told[0][0], 20)

    def test_what_masks_all_pixels_is_refused(self):
        scan = self.saved("e.npy", (6, 4, 8), [10 + (7 * p) % 5 for p in range(192)], "<u2")
        is_left = [float(p % 8 < 4) for p in range(32)]
        mask, gain = self.saved("m.npy", (4, 8), is_left), self.saved("g.npy", (4, 8), is_left)
        flat = self.directory / "all.bin"
        flat.write_bytes(b"\1" * 32)
        fixed = ("--threshold", 9, "--xray-threshold", 90)
        made = self.directory / "c.h5"
        for whole in (flat, self.saved("all.npy", (4, 8), [1.0] * 32)):
            named = [whole.name, "masks every pixel"]
            for more in ((), fixed, ("--method", "counts")):
                self.refuse(BAD_INPUT, "count", scan, "--mask", whole, *more, "-o", self.store, "--no-png", mentions=named)
            self.refuse(BAD_INPUT, "calibrate", scan, "--mask", whole, "-o", made, mentions=named)
            self.refuse(BAD_INPUT, "calibrate", "--dark-only", "--dark", scan, "--mask", whole, "-o", made, mentions=named)
        self.succeed("count", scan, "--gain", gain, *fixed, "-o", self.directory / "left.h5", "--no-png")
        self.succeed("calibrate", scan, "--gain", gain, *fixed, "-o", made)
        for given in (("--gain", gain, *fixed), ("--calibration", made)):
            self.refuse(USAGE, "count", scan, *given, "--mask", mask, "-o", self.store, "--no-png",
                        mentions=["all 32 pixels are masked", "16 by a mask", "16 by a gain"])
        self.assertFalse(self.store.exists())

    def test_flat_references_that_cannot_be_what_they_are_called(self):
        rng = random.Random(2)
        scan = self.saved("e.npy", (6, 8, 16), [10 + (7 * p) % 5 for p in range(768)], "<u2")
        factors = [rng.gauss(1, 0.05) for _ in range(128)]
        text = "".join(f"{factor:.3f} " for factor in factors).encode()
        flat = self.directory / "flat.bin"

        def given(option, content, *words):
            flat.write_bytes(content)
            counting = ("count", scan, option, flat, "--threshold", 9, "--xray-threshold", 90, "-o", self.store, "--no-png", "--force")
            if words:
                self.refuse(BAD_INPUT, *counting, mentions=["flat.bin", ".npy", *words])
            else:
                self.succeed(*counting)

        given("--gain", struct.pack("<128f", *factors))
        given("--gain", struct.pack(">128f", *factors), "big-endian f32")
        given("--gain", struct.pack("<128i", *(round(2048 * factor) for factor in factors)), "whole numbers of 32 bits")
        given("--gain", text[:512], "seems to hold text")
        given("--mask", bytes(p % 9 == 0 for p in range(128)))
        given("--mask", text[:128], "seems to hold text")
        given("--mask", bytes(p % 9 for p in range(128)), "9 different values")
        far = self.saved("far.npy", (8, 16), [1000.0 + p for p in range(128)])
        shown = self.succeed_json("count", scan, "--gain", far, "--threshold", 9000, "--xray-threshold", "inf", "-o", self.store,
                                  "--no-png", "--force")["warnings"]
        self.assertTrue(any("factors near 1" in warning for warning in shown), shown)

    def test_small_units(self):
        values = []
        for _ in range(4):
            values += [0.025 if p == 34 else 0.001 for p in range(80)]
        for kind in ("<f4", "<f8"):
            scan = self.saved("d.npy", (4, 8, 10), values, kind)
            given = ("count", scan, "--xray-threshold", "inf", "-o", self.store, "--no-png")
            self.refuse(USAGE if kind == "<f8" else BAD_INPUT, *given, "--threshold", 0.01, mentions=["1/16 ADU", "--scale"])
            told = self.succeed_json(*given, "--threshold", 10, "--scale", 1000)
            self.assertEqual(told["events"], 4)
        gain = self.saved("g.npy", (8, 10), [1000.0] * 80)
        scan = self.saved("d.npy", (4, 8, 10), values)
        self.refuse(BAD_INPUT, "count", scan, "--gain", gain, "--threshold", 10, "--xray-threshold", "inf", "-o", self.store,
                    "--no-png", mentions=["1/16 ADU", "--scale"])
        self.refuse(USAGE, "count", scan, "--scale", 0, "-o", self.store, mentions=["--scale"])

    def test_scaled_frames_are_what_scaled_values_are(self):
        rng = random.Random(7)
        raw = [rng.randrange(0, 4000) for _ in range(5 * 96)]
        factor = 0.0173
        whole = self.saved("whole.npy", (5, 8, 12), raw, "<u2")
        real = self.saved("real.npy", (5, 8, 12), [value * factor for value in raw])
        told = [self.succeed_json("count", scan, *more, "--threshold", 40, "--xray-threshold", "inf", "--values", "charge", "-o",
                                  self.directory / name, "--no-png")
                for scan, more, name in ((whole, ("--scale", factor), "a.h5"), (real, (), "b.h5"))]
        self.assertEqual(told[0]["events"], told[1]["events"])
        self.assertGreater(told[0]["events"], 20)
        for name in ("a", "b"):
            self.succeed("convert", self.directory / f"{name}.h5", "-o", self.directory / f"{name}.npz", "--to", "npz")
        self.assertEqual((self.directory / "a.npz").read_bytes(), (self.directory / "b.npz").read_bytes())

    def test_sentinels_do_not_end_a_count(self):
        values = [1e300 if p % 80 == 7 else -1e300 if p % 80 == 8 else 20.0 for p in range(4 * 80)]
        scan = self.saved("s.npy", (4, 8, 10), values, "<f8")
        told = self.succeed_json("count", scan, "--threshold", 50, "--xray-threshold", "inf", "-o", self.store, "--no-png")
        self.assertEqual(told["events"], 4)
        self.assertTrue(any("4 pixels in 4 of the 4 sampled frames" in text for text in told["warnings"]), told["warnings"])


if __name__ == "__main__":
    unittest.main()

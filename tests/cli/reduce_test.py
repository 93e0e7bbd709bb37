"""countem reduce, and reductions that are computed while counting: what they refuse, what they leave, and that they agree."""

import array
import math
import re
import subprocess
import unittest

from npy_files import load_npy
from program import ProgramTest


class Reduce(ProgramTest):
    def setUp(self):
        super().setUp()
        raw = self.directory / "raw"
        self.succeed("simulate", raw, "--scan", "6x5", "--occupancy", 0.001, "--seed", 3, "--quiet")
        self.frames = sorted(raw.glob("data_*"))
        self.counted = self.directory / "counted.h5"

    def count(self, *options):
        return self.succeed_json("count", *self.frames, "--threshold", 32, "-o", self.counted, *options)

    def arrays(self, store, *options):
        out = self.directory / "reduced.h5"
        self.succeed("reduce", store, "-o", out, "--npy", self.directory / "npy", *options)
        return {path.stem.removeprefix("reduced_"): load_npy(path) for path in (self.directory / "npy").glob("*.npy")}

    def test_live_reductions_are_those_of_the_store(self):
        told = self.count("--live", "sum,com,virtual:annulus:60,200@288,287.5,virtual:disk:20", "--live-centre", "287,288")
        live = self.directory / "counted_live_sum.png"
        self.assertTrue(live.read_bytes().startswith(b"\x89PNG"))
        images = self.arrays(self.counted, "--sum", "--com", "--virtual", "annulus:60,200@288,287.5", "disk:20", "--centre", "287,288")
        self.assertEqual(images["sum"][0], (576, 576))
        self.assertEqual(sum(images["sum"][1]), told["events"])
        self.assertEqual(sum(images["counts"][1]), told["events"])
        self.assertLess(sum(images["virtual_0"][1]) + sum(images["virtual_1"][1]), told["events"])
        # The group /reductions holds the same numbers; h5dump is part of the packages that tests install.
        for name, (shape, numbers) in images.items():
            self.assertEqual(self.dataset(name), list(numbers), name)
        self.succeed("verify", self.counted)

    def test_incomplete_frames_are_warned_of(self):
        self.count()
        reduced = self.directory / "reduced.h5"
        told = self.succeed_json("reduce", self.counted, "-o", reduced, "--sum")
        self.assertEqual((told["incomplete_frames"], told["missing_frames"], told["warnings"]), (0, 0, []))
        whole = self.frames
        self.frames = [file for file in whole if "module2" not in file.name]
        self.counted = self.directory / "three_modules.h5"
        self.count()
        told = self.succeed_json("reduce", self.counted, "-o", self.directory / "kept.h5", "--sum")
        self.assertEqual((told["incomplete_frames"], told["missing_frames"]), (30, 0))
        self.assertTrue(any("30 of 30 frames lack a part of the detector: images are those of what arrived" in line for line in told["warnings"]), told["warnings"])
        told = self.succeed_json("reduce", self.counted, "-o", self.directory / "skipped.h5", "--sum", "--skip-incomplete")
        self.assertTrue(any("they are left out" in line for line in told["warnings"]), told["warnings"])
        self.frames = whole

    def test_positions_without_a_sector_are_not_mistaken_for_others(self):
        self.count("--no-png")
        whole, truth = self.frames, self.arrays(self.counted, "--com", "--virtual", "disk:60@288,288", "annulus:150,250@288,288")
        cut = self.directory / "cut"
        cut.mkdir()
        self.frames = [file if "module0" not in file.name else cut / file.name for file in whole]
        for file, source in zip(self.frames, whole):
            if file != source:
                record = source.stat().st_size // 30
                file.write_bytes(source.read_bytes()[:15 * record])
        self.counted = self.directory / "cut.h5"
        self.count("--live", "com,virtual:annulus:150,250@288,288", "--no-png")
        images = self.arrays(self.counted, "--com", "--virtual", "disk:60@288,288", "annulus:150,250@288,288")
        lost = [share != 1 for share in images["counts_completeness"][1]]
        self.assertEqual(sum(lost), 15)
        self.assertEqual(set(images["counts_completeness"][1]), {1.0, 0.75})
        for name in ("com_row", "com_column"):
            for i, value in enumerate(images[name][1]):
                self.assertEqual(value, truth[name][1][i]) if not lost[i] else self.assertTrue(math.isnan(value))
        self.assertEqual(list(images["virtual_0"][1]), list(truth["virtual_0"][1]), "the disk lies in the other sectors")
        self.assertEqual(set(images["virtual_0_completeness"][1]), {1.0})
        for i, (value, share) in enumerate(zip(images["virtual_1"][1], images["virtual_1_completeness"][1])):
            self.assertTrue(value < truth["virtual_1"][1][i] and 0.5 < share < 1 if lost[i] else value == truth["virtual_1"][1][i] and share == 1)
        told = self.succeed_json("reduce", self.counted, "-o", self.directory / "dose.h5", "--sum", "--dwell", 10)
        complete = [count for count, is_lost in zip(images["counts"][1], lost) if not is_lost]
        self.assertAlmostEqual(told["dose"]["electrons_per_frame"], sum(complete) / 15, places=9)
        scaled = self.arrays(self.counted, "--virtual", "annulus:150,250@288,288", "--incomplete", "scale")
        for value, kept, share in zip(scaled["virtual_0"][1], images["virtual_1"][1], images["virtual_1_completeness"][1]):
            self.assertEqual(value, kept / share)
        for name, in_reduce in (("com_row", "com_row"), ("com_completeness", "com_completeness"), ("virtual_0", "virtual_1"), ("virtual_0_completeness", "virtual_1_completeness")):
            self.assertEqual(bytes(array.array("d", self.dataset(name))), bytes(images[in_reduce][1]), "live equals reduce")
        self.frames = whole

    def test_places_are_the_detectors_whatever_the_grid(self):
        self.count("--no-png")
        options = ("--com", "--virtual", "disk:60@280,290", "--radial-profile", "--radial-step", 8, "--centre", "280,290")
        truth = self.arrays(self.counted, *options)
        cropped = self.directory / "cropped.h5"
        self.succeed("reduce", self.counted, "-o", cropped, "--crop", "200:500,210:520")
        images = self.arrays(cropped, *options)
        self.assertEqual(list(images["virtual_0"][1]), list(truth["virtual_0"][1]))
        self.assertEqual(list(images["radial_sum"][1][:8]), list(truth["radial_sum"][1][:8]))
        beside = self.directory / "beside.h5"
        told = self.succeed_json("reduce", self.counted, "-o", beside, "--bin", 5, "--sum", "--com", "--virtual", "disk:60@280,290", "--centre", "280,290")
        attributes = next(image["attributes"] for image in told["images"] if image["name"] == "sum")
        self.assertEqual((attributes["row_first"], attributes["row_step"], attributes["axis_units"]), (2, 5, "pixels"))
        self.assertEqual(next(image["extent"] for image in told["images"] if image["name"] == "sum"), [115, 115], "one row of 576 is left out")
        self.assertEqual(self.succeed_json("info", beside)["frame"], {"height": 115, "width": 115})
        self.succeed("verify", beside)
        self.succeed("reduce", self.counted, "-o", beside, "--bin", 5, "--keep-remainder")
        self.assertEqual(self.succeed_json("info", beside)["frame"], {"height": 116, "width": 116})
        self.refuse(2, "reduce", self.counted, "-o", self.directory / "x.h5", "--bin", 577, mentions=["a bin of 577", "576 rows"])
        self.refuse(2, "reduce", self.counted, "-o", self.directory / "x.h5", "--scan-bin", 7, mentions=["a bin of 7", "rows of positions"])

    def test_a_finer_grid_changes_no_place(self):
        self.count("--no-png")
        options = ("--com", "--virtual", "disk:60@287.5,287.5", "--radial-profile", "--radial-step", 30, "--centre", "287.5,287.5")
        plain = self.arrays(self.counted, *options)
        self.count("--no-png", "--upsample", 4)
        fine = self.arrays(self.counted, *options)
        self.assertGreater(sum(plain["virtual_0"][1]), 100)
        self.assertAlmostEqual(sum(fine["virtual_0"][1]) / sum(plain["virtual_0"][1]), 1, delta=0.05)
        for name in ("com_row", "com_column"):
            for a, b in zip(plain[name][1], fine[name][1]):
                self.assertAlmostEqual(a, b, delta=0.5)
        for a, b in zip(plain["radial_mean"][1][:9], fine["radial_mean"][1]):
            self.assertAlmostEqual(a, b, delta=0.1 * a)
        self.assertEqual(list(fine["radial_radius"][1][:2]), [15, 45])

    def test_axes_of_a_calibrated_store(self):
        self.count("--no-png", "--pixel-mrad", 0.25, "--scan-step", 0.5)
        told = self.succeed_json("reduce", self.counted, "-o", self.directory / "o.h5", "--sum", "--com", "--phase", "--voltage", 300, "--scan-crop", "1:4,2:5", "--centre", "288,288")
        images = {image["name"]: image for image in told["images"]}
        self.assertEqual((images["sum"]["attributes"]["row_step"], images["sum"]["attributes"]["axis_units"]), (0.25, "mrad"))
        self.assertEqual((images["com_row"]["attributes"]["column_first"], images["com_row"]["attributes"]["axis_units"]), (1.0, "nm"))
        self.assertEqual(images["phase"]["units"], "rad")

    def test_radii_in_mrad_are_those_in_pixels(self):
        at = ("--centre", "287,288")
        self.count("--pixel-mrad", 0.5, "--live", "virtual:annulus:20,60mrad,virtual:annulus:40,120,radial-profile:2mrad", "--live-centre", "287,288")
        live = [list(self.dataset(name)) for name in ("virtual_0", "virtual_1", "radial_sum")]
        self.assertEqual(live[0], live[1])
        self.assertGreater(sum(live[0]), 0)
        again = self.arrays(self.counted, "--virtual", "annulus:20,60mrad", "--radial-profile", "--radial-step", "2mrad", *at)
        self.assertEqual(list(again["virtual_0"][1]), live[0])
        self.assertEqual(list(again["radial_sum"][1]), live[2])
        self.assertEqual(list(again["radial_radius"][1])[:2], [2, 6])
        other = self.arrays(self.counted, "--virtual", "annulus:20,60mrad", "--pixel-mrad", 1, *at, "--force")
        self.assertEqual(list(other["virtual_0"][1]), list(self.arrays(self.counted, "--virtual", "annulus:20,60", *at, "--force")["virtual_0"][1]))
        page = self.directory / "report.html"
        self.succeed("report", self.counted, "-o", page, "--virtual", "annulus:20,60mrad", *at)
        drawn = re.search(r'"detectors":(\[.*?\])', page.read_text()).group(1)
        self.assertTrue('"inner":40' in drawn and '"outer":120' in drawn and '"label":"annulus:20,60mrad"' in drawn)
        self.count("--force")
        self.refuse(2, "reduce", self.counted, "-o", self.directory / "no.h5", "--virtual", "disk:20mrad", mentions=["'disk:20mrad' is in mrad", "pixel-mrad"])
        self.assertFalse((self.directory / "no.h5").exists())

    def test_live_and_reduce_have_one_grammar(self):
        mask = self.directory / "mask.raw"
        mask.write_bytes(bytes(x % 3 == 0 for x in range(576 * 576)))
        weights = self.directory / "weights.raw"
        weights.write_bytes(array.array("f", (x % 5 for x in range(576 * 576))).tobytes())
        self.count("--live", f"max,com:descan,phase:periodic,phase-high-pass:0.5,scan-rotation:30,flip,pixel-mrad:0.1,voltage:300,"
                   f"scan-step:0.05,descan-from:0:2,:,radial:20,radial-profile,mask:{mask},weights:{weights}", "--live-centre", "287,288",
                   "--no-png")
        images = self.arrays(self.counted, "--max", "--com", "--descan", "--descan-from", "0:2,:", "--phase", "--phase-edges", "periodic",
                             "--phase-high-pass", 0.5, "--scan-rotation", 30, "--flip", "--pixel-mrad", 0.1, "--voltage", 300, "--scan-step", 0.05, "--radial", "--radial-step", 20, "--radial-profile",
                             "--mask", mask, "--weights", weights, "--centre", "287,288")
        self.assertEqual(set(images), {"counts", "maximum", "com_row", "com_column", "phase", "phase_error", "radial", "radial_sum", "radial_mean",
                                       "radial_radius", "radial_pixels", "virtual_0", "weighted_0"})
        for name, (shape, numbers) in images.items():
            held = self.dataset(name, numbers.typecode)
            self.assertEqual(held.tobytes(), numbers.tobytes(), name)
        self.refuse(2, "count", *self.frames, "-o", self.directory / "x.h5", "--live", "com:centre,com:descan", mentions=["com:descan", "com:centre"])

    def test_apertures_excluded_pixels_and_errors_live_and_later(self):
        masks = {}
        for name, pixel in {"hole": lambda x: x % 3 == 0, "weights": lambda x: x % 5, "stop": lambda x: x // 576 < 280}.items():
            masks[name] = self.directory / f"{name}.raw"
            masks[name].write_bytes(bytes(pixel(x) for x in range(576 * 576)))
        dead = self.directory / "dead.raw"
        dead.write_bytes(bytes(x % 7 == 0 for x in range(576 * 576)))
        for aperture in ("disk:60", "annulus:20,200@280,290", masks["hole"], masks["weights"]):
            self.count("--live", f"com,com:centre,com-within:{aperture},second-moments,errors,exclude:{masks['stop']},virtual:disk:80,weights:{self.float_image()},"
                       "radial:30,radial-profile", "--live-centre", "287,288", "--no-png", "--mask", dead)
            images = self.arrays(self.counted, "--com", "--from-centre", "--com-within", aperture, "--second-moments", "--errors", "--exclude", masks["stop"],
                                 "--virtual", "disk:80", "--weights", self.float_image(), "--radial", "--radial-profile", "--radial-step", 30, "--centre", "287,288")
            self.assertEqual({name for name in images if name.endswith("_error")},
                             {f"{name}_error" for name in ("com_row", "com_column", "virtual_0", "weighted_0", "radial", "radial_sum", "radial_mean")})
            self.assertLessEqual({"variance_row", "variance_column", "covariance", "radial_radius", "radial_pixels"}, set(images))
            for name, (shape, numbers) in images.items():
                self.assertEqual(self.dataset(name, numbers.typecode).tobytes(), numbers.tobytes(), (aperture, name))
            self.assertEqual(sum(images["radial_pixels"][1]), sum(x % 7 != 0 for x in range(280 * 576, 576 * 576)))
            self.assertTrue(all(row >= 280 - 287 or math.isnan(row) for row in images["com_row"][1]), "no row above the stop")
        found = self.directory / "found.h5"  # an aperture around a centre that is found first
        told = self.succeed_json("reduce", self.counted, "-o", found, "--com", "--com-within", "disk:40", "--errors", "--npy", self.directory / "found")
        given = self.directory / "given.h5"
        self.succeed("reduce", self.counted, "-o", given, "--com", "--com-within", "disk:40", "--errors", "--centre", f"{told['centre']['row']!r},{told['centre']['column']!r}",
                     "--npy", self.directory / "given")
        for name in ("com_row", "com_column", "com_row_error", "com_column_error"):
            self.assertEqual(*(load_npy(self.directory / one / f"{one}_{name}.npy")[1].tobytes() for one in ("found", "given")), name)

    def float_image(self):
        weights = self.directory / "weights.f32"
        weights.write_bytes(array.array("f", (x % 5 - 1.5 for x in range(576 * 576))).tobytes())
        return weights

    def test_apertures_that_are_refused(self):
        self.count("--no-png")
        out = self.directory / "out.h5"
        below = self.directory / "below.f32"
        below.write_bytes(array.array("f", [-1.0] * 576 * 576).tobytes())
        nothing = self.directory / "nothing.raw"
        nothing.write_bytes(bytes(576 * 576))
        self.refuse(2, "reduce", self.counted, "-o", out, "--com", "--com-within", nothing, mentions=["nothing.raw", "no event would count"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--com-within", "disk:3", mentions=["--com"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--com", "--com-within", "disk:3,4", mentions=["disk:3,4"])
        self.refuse(4, "reduce", self.counted, "-o", out, "--com", "--com-within", "absent.npy", mentions=["absent.npy"])
        self.refuse(3, "reduce", self.counted, "-o", out, "--com", "--exclude", below, mentions=["below.f32"])
        halves = [self.directory / name for name in ("left.raw", "right.raw")]
        for side, half in enumerate(halves):
            half.write_bytes(bytes((x % 576 < 288) == (side == 0) for x in range(576 * 576)))
        self.refuse(2, "reduce", self.counted, "-o", out, "--com", "--exclude", halves[0], "--exclude", halves[1],
                    mentions=["right.raw", "excludes every pixel"])
        self.refuse(2, "report", self.counted, "-o", out, "--exclude", halves[0], "--exclude", halves[1], mentions=["every pixel"])
        self.assertFalse(out.exists())
        told = self.succeed_json("reduce", self.counted, "-o", out, "--com", "--com-within", "disk:3@900,900", "--virtual", "disk:4@800,800")
        self.assertEqual([line for line in told["warnings"] if "no pixel" in line],
                         ["no pixel of the 576 x 576 detector is in 'disk:4@800,800': its image is 0 everywhere",
                          "no pixel of the 576 x 576 detector is in 'disk:3@900,900': there are no centres of mass"])

    def test_what_is_not_known_of_a_rotation_is_reported(self):
        self.count("--no-png")
        out = self.directory / "turned.h5"
        told = self.succeed_json("reduce", self.counted, "-o", out, "--com", "--scan-rotation", "auto")
        com = next(image for image in told["images"] if image["name"] == "com_row")
        self.assertEqual(com["attributes"]["scan_rotation_found"], "no")
        self.assertIn("detector axes are kept", com["attributes"]["scan_rotation_description"])
        self.assertIn("no scan rotation was found", com["meaning"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--com", "--phase", "--voltage", 300, mentions=["step of the scan"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--com", "--descan", "--descan-from", "0:999,:", mentions=["0:999"])

    def dataset(self, name, typecode=None):
        raw = self.directory / "raw_numbers"
        subprocess.run(["h5dump", "-d", f"/reductions/{name}", "-b", "LE", "-o", raw, self.counted], check=True, capture_output=True)
        numbers = array.array(typecode or "d")
        numbers.frombytes(raw.read_bytes())
        return numbers if typecode else list(numbers)

    def test_smaller_stores_are_stores(self):
        told = self.count("--no-png")
        out = self.directory / "smaller.h5"
        self.succeed("reduce", self.counted, "-o", out, "--crop", "100:400,150:450", "--bin", 4, "--scan-crop", "1:4,:5")
        self.succeed("verify", out)
        described = self.succeed_json("info", out)
        self.assertEqual(described["frame"], {"height": 75, "width": 75})
        self.assertEqual(described["scan"], {"width": 5, "height": 3, "frames_per_position": 1})
        self.assertLess(described["events"], told["events"])
        self.succeed("reduce", self.counted, "-o", out, "--scan-bin", 2, "--keep-remainder")
        self.assertEqual(self.succeed_json("info", out)["events"], told["events"])

    def test_bench_on_a_store(self):
        self.count("--no-png")
        told = self.succeed_json("bench", "reductions", "--store", self.counted, "--repetitions", 1)
        self.assertTrue(told["checked"])
        (rates,) = told["rates"]
        self.assertEqual((rates["frames"], rates["dense_frames"]), (30, 30))
        self.assertGreater(rates["streaming_read_million_events_per_s"], 0)
        for stage, row in rates["stages"].items():
            self.assertGreater(row["dense_over_linear_index"], 1, stage)
            self.assertEqual(set(row["ns_per_event"]), {"dense", "linear index", "run-length"}, stage)

    def test_refusals(self):
        self.count("--no-png")
        out = self.directory / "out.h5"
        self.refuse(2, "reduce", self.counted, "-o", out, mentions=["nothing is asked for"])
        self.refuse(2, "reduce", self.counted, "-o", self.counted, "--sum", mentions=["one of the files to be read"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--crop", "0:600,0:10", mentions=["0:600", "576"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--crop", "10:10,0:10", mentions=["empty"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--scan-crop", "1:2", mentions=["ROW:ROW,COLUMN:COLUMN"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--virtual", "disc:3", mentions=["disc:3"])
        self.refuse(2, "reduce", self.counted, "-o", out, "--sum", "--centre", "3", mentions=["ROW,COLUMN"])
        self.refuse(2, "reduce", self.counted, "-o", self.frames[0], "--sum", mentions=[self.frames[0]])
        self.refuse(4, "reduce", self.directory / "absent.h5", "-o", out, "--sum", mentions=["absent.h5"])
        self.refuse(3, "reduce", self.frames[0], "-o", out, "--sum", mentions=[self.frames[0]])
        self.refuse(2, "count", *self.frames, "-o", out, "--live", "sum,foo", mentions=["foo"])
        self.assertFalse(out.exists())
        damaged = bytearray(self.counted.read_bytes())
        for at in range(len(damaged) // 3, len(damaged) * 2 // 3):
            damaged[at] ^= 0x5A
        broken = self.directory / "broken.h5"
        broken.write_bytes(damaged)
        code, _, err = self.run_program("reduce", broken, "-o", out, "--sum")
        self.assertIn(code, (3, 4), err)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()

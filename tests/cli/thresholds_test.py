"""Thresholds of every method: found, swept, drawn, kept, and refused where they do not fit."""

import unittest

from program import ProgramTest


class Thresholds(ProgramTest):
    def setUp(self):
        super().setUp()
        self.frames, self.darks, self.truth = self.simulate("raw", 3)

    def simulate(self, name, seed, *options):
        raw = self.directory / name
        self.succeed("simulate", raw, "--scan", "4x4", "--occupancy", 0.01, "--seed", seed, "--dark-frames", 20, *options)
        return sorted(raw.glob("data_*")), sorted(raw.glob("dark_*")), raw / "truth.h5"

    def compared(self, *options):
        counted = self.directory / "counted.h5"
        self.succeed("count", *self.frames, "-o", counted, "--no-png", "--force", *options)
        return self.succeed_json("compare", counted, self.truth)

    def test_peaks_find_more_electrons_with_fewer_false_events(self):
        cluster = self.compared("--dark", *self.darks)
        fixed = self.compared("--dark", *self.darks, "--background-sigma", 4.5)
        peaks = self.compared("--dark", *self.darks, "--method", "peaks")
        self.assertGreater(cluster["recall"], fixed["recall"])
        self.assertGreater(peaks["recall"], cluster["recall"])
        self.assertGreater(peaks["precision"], cluster["precision"])
        fine = self.compared("--dark", *self.darks, "--method", "peaks", "--upsample", 4)
        self.assertEqual((fine["events"], fine["electrons"]), (peaks["events"], peaks["electrons"]))
        self.assertLess(fine["rms_error_px"]["radial"], 0.9 * peaks["rms_error_px"]["radial"])

    def test_expected_false_events_are_about_the_true_ones(self):
        for method in ("cluster", "maximum", "peaks"):
            told = self.succeed_json("calibrate", *self.frames, "--dark", *self.darks, "-o", self.directory / f"{method}.h5", "--method", method)
            compared = self.compared("--calibration", self.directory / f"{method}.h5", "--method", method)
            false_events = (compared["events"] - compared["matched"]) / compared["frames"]
            # Electrons hide some noise, and some events of electrons lie too far away or are pairs.
            self.assertGreater(told["false_hits_per_frame"], 0.3 * false_events - 3, method)
            self.assertLess(told["false_hits_per_frame"], 3 * false_events + 3, method)

    def test_false_events_are_kept_to(self):
        for method, wanted in (("cluster", 1), ("peaks", 5)):
            told = self.succeed_json("calibrate", *self.frames, "--dark", *self.darks, "-o", self.directory / "c.h5", "--force",
                                     "--method", method, "--false-events", wanted)
            self.assertLessEqual(told["false_hits_per_frame"], wanted)
            self.assertGreater(told["false_hits_per_frame"], 0.5 * wanted)

    def test_a_calibration_of_darks_serves_many_scans(self):
        other, _, _ = self.simulate("other", 3, "--kv", 100)
        darks = self.directory / "darks.h5"
        told = self.succeed_json("calibrate", "--dark-only", "--dark", *self.darks, "-o", darks)
        self.assertEqual(told["dark_frames"], 20)
        self.assertNotIn("background_threshold_adu", told)
        for frames in (self.frames, other):
            for method in ("cluster", "peaks"):
                found = []
                for reference in (("--calibration", darks), ("--dark", *self.darks)):
                    counted = self.directory / "counted.h5"
                    told = self.succeed_json("count", *frames, *reference, "-o", counted, "--no-png", "--force", "--method", method,
                                             "--samples", 8)
                    found.append((told["events"], told["thresholds"]))
                self.assertEqual(*found)
        self.assertEqual(self.succeed_json("info", darks)["kind"], "calibration")
        self.refuse(2, "calibrate", "-o", darks, "--force", mentions=["INPUT is required"])
        self.refuse(2, "calibrate", "--dark-only", "-o", darks, "--force", mentions=["give the darks"])
        self.refuse(2, "calibrate", "--dark-only", "--dark", *self.darks, "-o", darks, "--force", "--threshold", 9, mentions=["thresholds are of a scan"])
        self.refuse(2, "calibrate", "--dark-only", "--dark", *self.darks, "-o", darks, "--force", "--sweep", "3:4:1", mentions=["--sweep"])

    def test_a_calibration_is_for_its_method(self):
        for made, used in (("peaks", "cluster"), ("cluster", "peaks")):
            path = self.directory / f"{made}.h5"
            self.succeed("calibrate", *self.frames, "--dark", *self.darks, "-o", path, "--method", made)
            self.refuse(2, "count", *self.frames, "--calibration", path, "--method", used, "-o", self.directory / "counted.h5",
                        "--no-png", mentions=["method peaks"])
            self.refuse(2, "count", *self.frames, "--calibration", path, "--method", made, "-o", self.directory / "counted.h5",
                        "--no-png", "--false-events", 3, mentions=["holds thresholds", "--false-events"])

    def test_a_loaded_calibration_keeps_what_is_known_of_its_thresholds(self):
        for method in ("cluster", "peaks"):
            path = self.directory / f"{method}.h5"
            made = self.succeed_json("calibrate", *self.frames, "--dark", *self.darks, "-o", path, "--method", method)
            told = self.succeed_json("count", *self.frames, "--calibration", path, "--method", method, "-o", self.directory / "counted.h5",
                                     "--no-png", "--force")
            self.assertEqual(told["warnings"], [])
            self.assertEqual(told["thresholds"]["background_sigmas"], made["background_sigmas"])

    def test_given_thresholds_of_peaks(self):
        def thresholds(*options):
            return self.succeed_json("count", *self.frames, "--dark", *self.darks, "-o", self.directory / "counted.h5", "--no-png",
                                     "--force", "--method", "peaks", *options)["thresholds"]

        self.assertEqual(thresholds("--threshold", 7, "--score-threshold", 31, "--xray-threshold", 900),
                         {**thresholds("--threshold", 7, "--score-threshold", 31, "--xray-threshold", 900),
                          "background_adu": 7.0, "score_adu": 31.0, "xray_adu": 900.0})
        self.assertAlmostEqual(thresholds("--threshold", 10)["score_adu"], 30, delta=0.5)
        self.assertAlmostEqual(thresholds("--background-sigma", 5)["score_adu"], 15 * 2.05, delta=1)
        self.assertAlmostEqual(thresholds("--background-sigma", 2)["background_adu"], 2 * 2.05, delta=0.3)
        self.refuse(2, "count", *self.frames, "--dark", *self.darks, "-o", self.directory / "counted.h5", "--force", "--no-png",
                    "--score-threshold", 31, mentions=["needs method peaks"])

    def test_sweep_counts_the_sample_at_each_threshold(self):
        for method in ("cluster", "peaks"):
            told = self.succeed_json("calibrate", *self.frames, "--dark", *self.darks, "-o", self.directory / f"{method}.h5",
                                     "--method", method, "--sweep", "3:6:0.5")
            swept = told["sweep"]
            self.assertEqual([one["sigmas"] for one in swept], [3, 3.5, 4, 4.5, 5, 5.5, 6])
            for low, high in zip(swept, swept[1:]):
                self.assertGreater(low["events_per_frame"], high["events_per_frame"])
                self.assertGreaterEqual(low["false_events_per_frame"], high["false_events_per_frame"])
            counted = self.directory / "counted.h5"
            told = self.succeed_json("count", *self.frames, "--dark", *self.darks, "-o", counted, "--no-png", "--force", "--method",
                                     method, "--background-sigma", 4.5)
            self.assertAlmostEqual(swept[3]["events_per_frame"], told["events"] / 16, delta=1e-9)  # all 16 frames are the sample
        _, err = self.succeed("calibrate", *self.frames, "--dark", *self.darks, "-o", self.directory / "c.h5", "--sweep", "4:4:1")
        self.assertIn("false events  pixels/event\n     4 ", err)
        for wrong in ("3", "3:4", "a:b:c", "5:4:1", "3:4:0", "0:4:1", "3:4:0.0001", "3:4:nan"):
            self.refuse(2, "calibrate", *self.frames, "-o", self.directory / "d.h5", "--sweep", wrong)

    def test_figures_show_how_thresholds_were_found(self):
        pictures = self.directory / "pictures"
        told = self.succeed_json("calibrate", *self.frames, "--dark", *self.darks, "-o", self.directory / "c.h5", "--png", pictures)
        names = [str(pictures / "c_histogram.png"), str(pictures / "c_thresholds.png")]
        self.assertEqual(told["outputs"], [str(self.directory / "c.h5"), *names])
        for name in names:
            self.assertEqual((pictures / name).read_bytes()[:4], b"\x89PNG")
        curve, histogram = told["curve"], told["histogram"]
        self.assertEqual(len(curve["beyond"]), len(curve["mirrored_beyond"]))
        self.assertEqual(curve["beyond"], sorted(curve["beyond"], reverse=True))
        self.assertGreater(sum(histogram["counts"]), 5_000_000)
        told = self.succeed_json("calibrate", *self.frames, "-o", self.directory / "raw.h5", "--png", pictures)
        self.assertIsNone(told["curve"])
        self.assertEqual(told["outputs"][1:], [str(pictures / "raw_histogram.png")])


if __name__ == "__main__":
    unittest.main()

"""Dose and current in reduce and report."""

import struct
import unittest

from program import ProgramTest
from raw_files import npy

CHARGE = 0.1602176634  # pA us


class Dose(ProgramTest):
    def counted(self):
        """Four frames of 8 x 8 pixels with 36 electrons in all."""
        values = [0] * 256
        values[9], values[80], values[200] = 20, 10, 6
        path = self.directory / "frames.npy"
        path.write_bytes(npy((4, 8, 8), struct.pack("<256H", *values)))
        store = self.directory / "counted.h5"
        self.succeed("count", path, "--method", "counts", "--scan", "2x2", "-o", store, "--no-png", "--force")
        return store

    def check(self, dose):
        self.assertAlmostEqual(dose["electrons_per_frame"], 10)
        self.assertAlmostEqual(dose["electrons_per_frame_error"], 10 / 6)
        self.assertAlmostEqual(dose["current_pa"], CHARGE)
        self.assertAlmostEqual(dose["electrons_per_square_angstrom"], 0.4)

    def test_reduce(self):
        asked = ("reduce", self.counted(), "-o", self.directory / "images.h5", "--dwell", 10, "--efficiency", 0.9, "--scan-step", 0.5)
        told = self.succeed_json(*asked)
        self.check(told["dose"])
        attributes = told["images"][0]["attributes"]
        self.check(attributes)
        self.assertEqual((attributes["dwell_us"], attributes["efficiency"], attributes["step_nm"]), (10, 0.9, 0.5))
        _, err = self.succeed(*asked)
        self.assertIn("dose 0.4 electrons per square angstrom, current 0.1602 pA, 10 +- 1.7 electrons per frame at 0.9 events per electron", err)

    def test_merged_positions_hold_several_frames(self):
        merged = self.directory / "merged.h5"
        self.succeed("reduce", self.counted(), "-o", merged, "--scan-bin", 2)
        known = ("--dwell", 10, "--efficiency", 0.9, "--scan-step", 0.5)
        self.check(self.succeed_json("reduce", merged, "-o", self.directory / "images.h5", *known)["dose"])
        self.refuse(2, "reduce", merged, "-o", self.directory / "part.h5", *known, "--crop", "0:4,0:4", mentions=["crop"])

    def test_what_is_not_known_is_null(self):
        store = self.counted()
        dose = self.succeed_json("reduce", store, "-o", self.directory / "images.h5", "--sum", "--scan-step", 0.5)["dose"]
        self.assertAlmostEqual(dose["electrons_per_square_angstrom"], 0.36)
        self.assertEqual([dose[name] for name in ("current_pa", "efficiency", "dwell_us")], [None] * 3)
        self.assertNotIn("dose", self.succeed_json("reduce", store, "-o", self.directory / "images.h5", "--sum"))

    def test_report(self):
        page = self.directory / "page.html"
        told = self.succeed_json("report", self.counted(), "-o", page, "--dwell", 10, "--efficiency", 0.9, "--step-nm", 0.5)
        self.check(told["dose"])
        self.assertIn('"electrons_per_square_angstrom":0.4', page.read_text())

    def test_the_dose_of_a_simulated_scan_is_that_of_its_truth(self):
        """The efficiency is found in a scan with few electrons; electrons of another scan coincide, and are corrected for."""
        scans = {}
        for name, occupancy, scan in (("dense", 0.006, "16x16"), ("sparse", 0.0003, "32x24")):
            folder = self.directory / name
            self.succeed("simulate", folder, "--scan", scan, "--frame", "256x256", "--format", "npy", "--occupancy", occupancy, "--dark-frames", 32,
                         "--kv", 200, "--seed", 5)
            if name == "dense":
                self.succeed("calibrate", folder / "data.npy", "--dark", folder / "dark.npy", "--method", "peaks", "-o", self.directory / "calibration.h5")
            self.succeed("count", folder / "data.npy", "--calibration", self.directory / "calibration.h5", "--method", "peaks", "-o", folder / "counted.h5",
                         "--no-png")
            scans[name] = (folder / "counted.h5", folder / "truth.h5")
        truth = self.succeed_json("compare", *scans["dense"])

        def electrons(efficiency, *options):
            told = self.succeed_json("reduce", scans["dense"][0], "-o", self.directory / "images.h5", "--efficiency", efficiency, "--scan-step", 1,
                                     "--force", "--sum", *options)
            return told["dose"]["electrons_per_frame"] * 256 / truth["electrons"]

        efficiency = self.succeed_json("compare", *scans["sparse"])["recall"]
        self.assertAlmostEqual(electrons(efficiency, "--coincidence"), 1, delta=0.035)
        self.assertLess(electrons(efficiency), 0.93, "a tenth of the electrons coincide")
        self.assertAlmostEqual(electrons(truth["events"] / truth["electrons"]), 1)

    def test_what_is_refused(self):
        store = self.counted()
        for option, value in (("--dwell", 0), ("--efficiency", -1), ("--efficiency", "nan"), ("--dwell", "x")):
            self.refuse(2, "reduce", store, "-o", self.directory / "images.h5", option, value, mentions=[option])


if __name__ == "__main__":
    unittest.main()

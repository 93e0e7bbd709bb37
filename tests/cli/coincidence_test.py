"""reduce --coincidence: what it prints and writes, and where it cannot."""

import unittest

from program import ProgramTest
from raw_files import write_scan


class Coincidence(ProgramTest):
    def simulated(self, occupancy):
        folder = self.directory / f"sim{occupancy}"
        self.succeed("simulate", folder, "--frame", "64x64", "--scan", "48x48", "--occupancy", occupancy, "--hot-pixels", 0, "--xrays", 0,
                     "--format", "npy", "--dark-frames", 10)
        store = self.directory / f"counted{occupancy}.h5"
        self.succeed("count", folder / "data.npy", "--dark", folder / "dark.npy", "--scan", "48x48", "--threshold", 10, "--xray-threshold",
                     2000, "-o", store, "--no-png")
        return store

    def test_counts_are_corrected_upwards(self):
        asked = ("reduce", self.simulated(0.005), "-o", self.directory / "images.h5", "--coincidence", "--centre", "31.5,31.5", "--virtual",
                 "disk:11", "annulus:14,30")
        _, err = self.succeed(*asked)
        self.assertRegex(err, r"dead area: \d+\.\d\d \+- \d\.\d\d pixels")
        told = self.succeed_json(*asked)
        self.assertEqual([image["name"] for image in told["images"]],
                         ["counts", "virtual_0", "virtual_1", "virtual_0_corrected", "virtual_1_corrected", "counts_corrected"])
        measured = told["coincidence"]
        self.assertTrue(measured["found"])
        self.assertAlmostEqual(measured["dead_area"], 12, delta=2 + 3 * measured["dead_area_error"])
        self.assertEqual([entry["detector"] for entry in measured["lost_shares"]], ["disk:11", "annulus:14,30", None])
        disk, ring, frame = (entry["lost_share"] for entry in measured["lost_shares"])
        self.assertGreater(disk, frame)
        self.assertGreater(frame, ring)
        self.assertGreater(disk, 0.05)
        self.assertAlmostEqual(told["images"][3]["attributes"]["lost_share"], disk, places=12)

    def test_too_large_losses_are_a_warning_with_numbers(self):
        told = self.succeed_json("reduce", self.simulated(0.05), "-o", self.directory / "images.h5", "--coincidence")
        self.assertTrue(any("2304" in warning and "10 %" in warning for warning in told["warnings"]), told["warnings"])

    def test_without_pairs_nothing_is_corrected(self):
        store = self.directory / "few.h5"
        self.succeed("count", *write_scan(self.directory), "-o", store, "--threshold", 10, "--xray-threshold", 1000, "--no-png")
        told = self.succeed_json("reduce", store, "-o", self.directory / "images.h5", "--coincidence")
        self.assertFalse(told["coincidence"]["found"])
        self.assertTrue(any("no dead area" in warning for warning in told["warnings"]))
        self.assertEqual([image["name"] for image in told["images"]], ["counts"])


if __name__ == "__main__":
    unittest.main()

"""countem parallax: what it prints, writes and refuses."""

import struct
import unittest

from program import ProgramTest
from raw_files import npy
from tilted_scan import SIDE, write_tilted_scan


class Parallax(ProgramTest):
    def counted(self, **made):
        store = self.directory / "counted.h5"
        self.succeed(*write_tilted_scan(self.directory / "frames.npy", **made), "-o", store, "--force")
        return store

    def test_displacements_that_were_put_in(self):
        store = self.counted()
        images = self.directory / "images.h5"
        arrays, pictures = self.directory / "arrays", self.directory / "pictures"
        _, err = self.succeed("parallax", store, "-o", images, "--upsample", 3, "--npy", arrays, "--png", pictures)
        self.assertIn("--scan-step", err)
        self.assertIn("steps/pixel", err)
        self.assertRegex(err, r"scan rotation: [\d.]+ \+- [\d.]+ degrees, not flipped")
        told = self.succeed_json("parallax", store, "-o", images, "--upsample", 3)
        defocus, astigmatism = told["aberrations"]
        self.assertEqual((defocus["name"], defocus["units"], astigmatism["name"]), ("C10", "steps/pixel", "C12"))
        self.assertAlmostEqual(defocus["a"], -0.5, delta=0.02 + 4 * defocus["a_error"])
        self.assertAlmostEqual(told["scan_rotation"]["degrees"], 30, delta=4 * told["scan_rotation"]["error_degrees"])
        self.assertFalse(told["scan_rotation"]["flip"])
        self.assertEqual((told["frames"], told["left_out_frames"], told["cells_per_step"]), (SIDE * SIDE, 0, 3))
        self.assertEqual([image["name"] for image in told["images"]],
                         ["tilt_corrected", "tilt_corrected_error", "tilt_corrected_electrons", "tilt_corrected_expected", "bright_field_shifts",
                          "bright_field_electrons"])
        self.assertEqual(told["images"][0]["extent"], [3 * SIDE, 3 * SIDE])
        self.assertAlmostEqual(told["images"][0]["attributes"]["C10"], defocus["a"], places=12)
        self.assertTrue((arrays / "images_bright_field_shifts.npy").exists())
        self.assertTrue((pictures / "images_tilt_corrected.png").exists())
        self.assertEqual(len(list(pictures.iterdir())), 4)  # a table is no picture

    def test_lengths_and_half_turns(self):
        store = self.counted()
        asked = ("parallax", store, "-o", self.directory / "images.h5")
        steps = self.succeed_json(*asked)["aberrations"][0]["a"]
        told = self.succeed_json(*asked, "--scan-step", 0.2, "--pixel-mrad", 0.5, "--scan-rotation", -160)
        self.assertEqual(told["warnings"], [])
        self.assertEqual(told["aberrations"][0]["units"], "nm")
        self.assertAlmostEqual(told["aberrations"][0]["a"], -steps * 0.2 / 0.5e-3, places=6)
        self.assertLess(told["scan_rotation"]["degrees"], -100)

    def test_lengths_are_those_of_the_detector_whatever_the_store(self):
        store, part = self.counted(), self.directory / "part.h5"
        whole = self.succeed_json("parallax", store, "-o", self.directory / "whole.h5")
        for options in (("--crop", "2:23,1:22"), ("--bin", 2)):
            self.succeed("reduce", store, "-o", part, "--force", *options)
            told = self.succeed_json("parallax", part, "-o", self.directory / "images.h5")
            error = whole["aberrations"][0]["a_error"] + told["aberrations"][0]["a_error"]
            self.assertAlmostEqual(told["aberrations"][0]["a"], whole["aberrations"][0]["a"], delta=0.03 + 2 * error, msg=options)
            self.assertAlmostEqual(told["bright_field_radius"], whole["bright_field_radius"], delta=0.3)
            self.assertAlmostEqual(told["centre"]["row"], whole["centre"]["row"], delta=0.2)

    def test_in_focus_the_rotation_is_not_known(self):
        told = self.succeed_json("parallax", self.counted(per_pixel=0.0), "-o", self.directory / "images.h5")
        self.assertAlmostEqual(told["aberrations"][0]["a"], 0, delta=0.1)
        self.assertGreater(told["scan_rotation"]["error_degrees"], 5)
        self.assertTrue(any("rotation" in warning and "uncertain" in warning for warning in told["warnings"]), told["warnings"])

    def test_what_is_refused(self):
        images = self.directory / "images.h5"
        store = self.counted(contrast=0)
        self.refuse(3, "parallax", store, "-o", images, mentions=["no displacements that belong together", "score"])
        self.assertFalse(images.exists())
        self.refuse(2, "parallax", store, "-o", images, "--centre", "11,12", mentions=["radius"])
        self.refuse(2, "parallax", store, "-o", images, "--scan-crop", "0:8,0:24", mentions=["16 x 16"])
        self.refuse(2, "parallax", store, "-o", images, "--pixel-per-nm", 0.1, mentions=["--voltage"])
        self.refuse(2, "parallax", store, "-o", store, mentions=["counted.h5"])
        self.refuse(2, "parallax", store, "-o", images, "--flip", "--no-flip", mentions=["--no-flip"])
        empty = self.directory / "empty.npy"
        empty.write_bytes(npy((256, 8, 8), struct.pack("<16384B", *([0] * 16384)), kind="|u1"))
        self.succeed("count", empty, "--method", "counts", "--scan", "16x16", "--no-png", "-o", self.directory / "empty.h5")
        self.refuse(2, "parallax", self.directory / "empty.h5", "-o", images, mentions=["no bright-field disk"])


if __name__ == "__main__":
    unittest.main()

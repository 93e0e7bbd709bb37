"""A level that drifts over a scan: reported with its size, and subtracted frame by frame where that is asked for."""

import array
import random
import unittest

from program import ProgramTest

FRAMES, ROWS, COLUMNS = 40, 64, 128
ELECTRONS = 20
RAW = ("--shape", f"{ROWS}x{COLUMNS}", "--dtype", "u16")


class Drift(ProgramTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(7)
        self.dark = self.write("dark.raw", 20, 0, 0)
        self.still = self.write("still.raw", FRAMES, 0, ELECTRONS)
        self.drifting = self.write("drifting.raw", FRAMES, 20, ELECTRONS)
        self.store = self.directory / "counted.h5"

    def write(self, name, frames, drift, electrons):
        """Noise of 2 ADU around 100 ADU and `drift` more at the end; electrons of 60 ADU on pixels that do not touch."""
        values = array.array("H")
        for number in range(frames):
            level = 100 + drift * number / (frames - 1)
            pixels = [round(self.random.gauss(level, 2)) for _ in range(ROWS * COLUMNS)]
            for place in self.random.sample(range(ROWS // 2 * COLUMNS // 2), electrons):
                pixels[place // (COLUMNS // 2) * 2 * COLUMNS + place % (COLUMNS // 2) * 2] += 60
            values.extend(pixels)
        path = self.directory / name
        path.write_bytes(values.tobytes())
        return path

    def count(self, frames, *options):
        return self.succeed_json("count", frames, *RAW, "--dark", self.dark, "-o", self.store, "--no-png", "--force",
                                 "--background-sigma", 5, *options)

    def test_it_is_reported_and_can_be_subtracted(self):
        self.assertEqual(self.count(self.still)["warnings"], [])
        drifting = self.count(self.drifting)
        warnings = [text for text in drifting["warnings"] if "--background frame" in text]
        self.assertEqual(len(warnings), 1, drifting["warnings"])
        self.assertRegex(warnings[0], r"\+(1[7-9]|20)\.\d ADU")
        subtracted = self.count(self.drifting, "--background", "frame")
        self.assertEqual([text for text in subtracted["warnings"] if "drift" in text], [])
        true = FRAMES * ELECTRONS
        self.assertAlmostEqual(subtracted["events"], true, delta=0.01 * true)
        self.assertGreater(abs(drifting["events"] - true), 0.5 * true, "without it the count is far off")
        self.assertEqual(self.succeed_json("info", self.store)["background"], "frame")
        still = self.count(self.still, "--background", "frame")
        self.assertAlmostEqual(still["events"], true, delta=0.01 * true)

    def test_row_noise_subtracts_it_too_and_both_together_are_refused(self):
        true = FRAMES * ELECTRONS
        for statistic in ("mean", "median"):
            self.assertAlmostEqual(self.count(self.drifting, "--row-noise", statistic, "--threshold", 11)["events"], true, delta=0.01 * true)
        self.refuse(2, "count", self.drifting, *RAW, "--dark", self.dark, "-o", self.store, "--no-png", "--force", "--background", "frame",
                    "--row-noise", "mean", mentions=["row noise"])


if __name__ == "__main__":
    unittest.main()

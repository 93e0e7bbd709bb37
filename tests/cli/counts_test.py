"""Method counts: frames of a detector that counts by itself keep their numbers."""

import json
import struct
import unittest

from program import ProgramTest
from raw_files import npy

HEIGHT = WIDTH = 8


class Counts(ProgramTest):
    def frames(self, pixels, frames=4):
        """A file of frames with these (frame, row, column): value, 0 elsewhere."""
        values = [0] * (frames * HEIGHT * WIDTH)
        for (frame, row, column), value in pixels.items():
            values[(frame * HEIGHT + row) * WIDTH + column] = value
        path = self.directory / "counted.npy"
        path.write_bytes(npy((frames, HEIGHT, WIDTH), struct.pack(f"<{len(values)}H", *values)))
        return path

    def electrons(self):
        pixels = {(0, 1, 1): 3, (1, 2, 2): 2, (2, 3, 3): 1}
        pixels.update({(3, row, column): 1 for row in (1, 2) for column in (1, 2)})
        return self.frames(pixels)

    def test_ten_electrons_are_ten_events(self):
        store = self.directory / "out.h5"
        out, err = self.succeed("count", self.electrons(), "--method", "counts", "-o", store, "--no-png", "--json")
        told = json.loads(out)
        self.assertNotIn("threshold", err)  # there is none
        self.assertEqual((told["frames"], told["events"], told["xrays"], told["method"]), (4, 10, 0, "counts"))
        self.assertIsNone(told["thresholds"]["xray_adu"])
        self.succeed("verify", store)
        self.assertEqual(self.succeed_json("info", store)["method"], "counts")
        self.succeed("report", store, "-o", self.directory / "report.html")
        self.succeed("reduce", store, "-o", self.directory / "reduced.h5", "--sum", "--com")

    def test_backends_agree(self):
        frames = self.electrons()
        for backend in ("reference", "cpu"):
            told = self.succeed_json("count", frames, "--method", "counts", "--backend", backend, "-o", self.directory / "out.h5",
                                     "--no-png")
            self.assertEqual(told["events"], 10)

    def test_more_events_at_a_pixel_than_a_byte_holds(self):
        for most, wide in ((3_000, ()), (65_535, ("--wide-counts",))):
            frames = self.frames({(0, 0, 0): 700, (2, 7, 7): most})
            store = self.directory / "out.h5"
            told = self.succeed_json("count", frames, "--method", "counts", "-o", store, "--no-png", *wide)
            self.assertEqual(told["events"], 700 + most)
            self.succeed("verify", store)

    def test_more_events_than_a_small_frame_can_store(self):
        frames = self.frames({(2, 7, 7): 65_535})  # beyond 255 indices are kept one by one, and a chunk of 64 bytes has at most 65,535
        self.refuse(2, "count", frames, "--method", "counts", "-o", self.directory / "out.h5", "--no-png", mentions=("frame 2", "wider"))

    def test_mask_leaves_pixels_out(self):
        mask = self.directory / "mask.npy"
        masked = [0] * (HEIGHT * WIDTH)
        masked[WIDTH + 1] = 1
        mask.write_bytes(npy((1, HEIGHT, WIDTH), struct.pack(f"<{len(masked)}H", *masked)))
        told = self.succeed_json("count", self.electrons(), "--method", "counts", "--mask", mask, "-o", self.directory / "out.h5",
                                 "--no-png")
        self.assertEqual(told["events"], 6)

    def test_what_needs_charges_is_refused(self):
        frames = self.electrons()
        for given in (("--threshold", 5), ("--xray-threshold", "inf"), ("--dark", frames), ("--gain", frames), ("--per-pixel",),
                      ("--calibration", frames)):
            self.refuse(2, "count", frames, "--method", "counts", *given, "-o", self.directory / "out.h5", mentions=("counts",))
        for given in (("--values", "charge"), ("--row-noise", "mean"), ("--upsample", 2), ("--min-cluster-size", 2)):
            self.refuse(2, "count", frames, "--method", "counts", *given, "-o", self.directory / "out.h5", mentions=("method",))
        self.assertFalse((self.directory / "out.h5").exists())


if __name__ == "__main__":
    unittest.main()

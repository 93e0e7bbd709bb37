"""Images and inputs that cannot be what they were given as: the sentence names the file, what it is, and a way that is open there."""

import struct
import unittest

from program import ProgramTest
from raw_files import npy

BAD_INPUT, USAGE = 3, 2
SIDE = 8
THRESHOLDS = ("--threshold", 10, "--xray-threshold", 1000, "--no-png")


def image(values, code="d"):
    return npy((SIDE, SIDE), struct.pack(f"<{SIDE * SIDE}{code}", *values), {"d": "<f8", "f": "<f4"}[code])


class WrongFiles(ProgramTest):
    def setUp(self):
        super().setUp()
        self.frames = self.made("frames.npy", npy((4, SIDE, SIDE), bytes(2 * 4 * SIDE * SIDE)))
        self.store = self.directory / "store.h5"
        self.out = self.directory / "out.h5"

    def made(self, name, content):
        (self.directory / name).write_bytes(content)
        return self.directory / name

    def count(self, *options):
        return ("count", self.frames, "-o", self.out, *THRESHOLDS, *options)

    def test_weights_that_are_no_numbers(self):
        self.succeed("count", self.frames, "-o", self.store, *THRESHOLDS)
        for number, weight in enumerate((float("nan"), float("inf"), 1e40)):
            values = [1.0] * (SIDE * SIDE)
            values[3 * SIDE + 5] = weight
            weights = self.made(f"w{number}.npy", image(values))
            mentions = [weights, "the weight of row 3, column 5 is no finite number of 32 bits"]
            self.refuse(BAD_INPUT, "reduce", self.store, "-o", self.out, "--weights", weights, mentions=mentions)
            self.refuse(BAD_INPUT, *self.count("--live", f"weights:{weights}"), mentions=mentions)
        self.succeed("reduce", self.store, "-o", self.out, "--weights", self.made("w.npy", image([1e30] * (SIDE * SIDE))))

    def test_images_of_other_axes(self):
        line = self.made("line.npy", npy((480,), bytes(4 * 480), "<f4"))
        for option in ("--gain", "--mask"):
            err = self.refuse(BAD_INPUT, *self.count(option, line), mentions=[line, "shape (480)", "an image of the detector", "(8, 8)"])
            self.assertNotIn("scan", err)

    def test_images_whose_format_is_not_known(self):
        unknown = self.made("unknown", bytes(range(100)))
        for option, bytes_of_flat in (("--gain", "one f32 a pixel, which has 256 bytes"), ("--mask", "one u8 a pixel, which has 64 bytes")):
            err = self.refuse(BAD_INPUT, *self.count(option, unknown), mentions=[unknown, "save it as NPY, MRC or HDF5", bytes_of_flat])
            self.assertNotIn("--input-format", err)
        self.refuse(BAD_INPUT, *self.count("--gain", self.made("text", b"1 1\n" * 5)), mentions=["text: ", "which read as text, and an image of the"])
        for content, words in ((b"\x89PNG\r\n", "is a PNG picture"), (b"TPX3" + bytes(9), "is a TPX3 file")):
            err = self.refuse(BAD_INPUT, *self.count("--gain", self.made("other", content)), mentions=["other: " + words, "an image of the detector"])
            for inapt in ("flat file", "raw frames", "--input-format"):
                self.assertNotIn(inapt, err)

    def test_frames_of_a_camera_are_no_image(self):
        for size in (2 * 576 * 144 + 16, 1000):
            data = self.made("data_scan1_module0.data", bytes(size))
            self.refuse(BAD_INPUT, *self.count("--gain", data), mentions=[data, "raw frames of a camera (4D Camera)", "an image of the detector"])

    def test_folders_of_several_formats(self):
        folder = self.directory / "mixed"
        folder.mkdir()
        self.succeed("count", self.frames, "-o", self.store, *THRESHOLDS)
        self.succeed("convert", self.store, "--to", "dense", "-o", folder / "b.h5")
        (folder / "a.npy").write_bytes(self.frames.read_bytes())
        for inputs in ((folder,), (folder / "b.h5", folder / "a.npy")):
            self.refuse(USAGE, "count", *inputs, "-o", self.out, *THRESHOLDS,
                        mentions=["files of several formats", "1 .h5 (", "b.h5)", "1 .npy (", "a.npy)", "name the one"])
        (folder / "b.h5").rename(folder / "b.npy")
        self.refuse(USAGE, "count", folder, "-o", self.out, *THRESHOLDS, mentions=["2 npy files", "a.npy", "b.npy"])

    def test_hdf5_that_was_cut(self):
        self.succeed("count", self.frames, "-o", self.store, *THRESHOLDS)
        self.succeed("convert", self.store, "--to", "dense", "-o", self.directory / "dense.h5")
        whole = (self.directory / "dense.h5").read_bytes()
        cut = self.made("cut.dm5", whole[:len(whole) // 2])
        for command in (("info", cut), ("count", cut, "-o", self.out, *THRESHOLDS), ("verify", cut), ("convert", cut, "-o", self.out)):
            _, _, err = self.run_program(*command)
            sentence = err.splitlines()[0]
            self.assertEqual(sentence, f"countem: {cut}: was cut, or is not written to its end: {len(whole) // 2} of the {len(whole)} bytes are there "
                             "that it states as its length")
        store = self.store.read_bytes()
        self.refuse(BAD_INPUT, "info", self.made("cut.h5", store[:-100]), mentions=["was cut", "countem recover"])


if __name__ == "__main__":
    unittest.main()

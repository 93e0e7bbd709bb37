"""Input that another program writes while it is read: the result comes with a warning and an issue."""

import os
import threading
import unittest

from program import ProgramTest
from raw_files import npy

HEIGHT, WIDTH, FRAMES = 64, 64, 400


class ChangingInput(ProgramTest):
    def setUp(self):
        super().setUp()
        self.frames = self.directory / "frames.npy"
        self.frames.write_bytes(npy((FRAMES, HEIGHT, WIDTH), bytes(FRAMES * HEIGHT * WIDTH), "|u1"))
        self.store = self.directory / "store.h5"
        self.arguments = ("count", self.frames, "-o", self.store, "--threshold", 10, "--xray-threshold", 200, "--no-png")

    def while_writing(self, path, *arguments):
        """The JSON object of a command, while `path` gets byte after byte."""
        stop = threading.Event()

        def write():
            with open(path, "ab", buffering=0) as file:
                while not stop.is_set():
                    file.write(b"x")
                    stop.wait(0.001)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            return self.succeed_json(*arguments)
        finally:
            stop.set()
            writer.join()

    def issues_of(self, store):
        return self.succeed_json("info", store)["provenance"]["issues"]

    def test_a_count_of_a_file_that_grows_goes_through_and_names_it(self):
        told = self.while_writing(self.frames, *self.arguments)
        self.assertEqual(told["frames"], FRAMES)
        self.assertIn("input_changed", [issue["kind"] for issue in told["issues"]])
        self.assertTrue(any(f"{self.frames}: changed while it was read" in line for line in told["warnings"]), told["warnings"])
        self.assertIn("input_changed", str(self.issues_of(self.store)))

    def test_a_mask_that_changes_is_named(self):
        mask = self.directory / "mask.npy"
        mask.write_bytes(npy((HEIGHT, WIDTH), bytes(HEIGHT * WIDTH), "|u1"))
        told = self.while_writing(mask, *self.arguments, "--mask", mask)
        self.assertTrue(any("mask.npy: changed while it was read" in line for line in told["warnings"]), told["warnings"])

    def test_what_does_not_change_is_not_named(self):
        told = self.succeed_json(*self.arguments)
        self.assertEqual(told["warnings"], [])
        self.assertEqual(told["issues"], [])
        self.assertNotIn("input_changed", str(self.issues_of(self.store)))

    def test_what_is_made_of_a_store_that_changes_names_it(self):
        self.succeed(*self.arguments)
        reduced, page, saved = (self.directory / name for name in ("sum.h5", "page.html", "saved.h5"))
        part = self.directory / "part.h5"
        for arguments in (("reduce", self.store, "-o", reduced, "--sum"),
                          ("reduce", self.store, "-o", part, "--crop", "0:8,0:8"),
                          ("report", self.store, "-o", page),
                          ("convert", self.store, "-o", self.directory / "csr.h5", "--to", "csr"),
                          ("compare", self.store, self.store),
                          ("recover", self.store, "-o", saved)):
            told = self.while_writing(self.store, *arguments)
            self.assertTrue(any("store.h5: changed while it was read" in line for line in told["warnings"]), arguments)
        for store in (part, saved):
            self.assertIn("input_changed", str(self.issues_of(store)))

    def test_an_import_of_a_file_that_changes_names_it(self):
        self.succeed(*self.arguments)
        other = self.directory / "csr.h5"
        self.succeed("convert", self.store, "-o", other, "--to", "csr")
        back = self.directory / "back.h5"
        told = self.while_writing(other, "convert", other, "-o", back, "--to", "store")
        self.assertTrue(any("csr.h5: changed while it was read" in line for line in told["warnings"]))
        self.assertIn("input_changed", str(self.issues_of(back)))


if __name__ == "__main__":
    unittest.main()

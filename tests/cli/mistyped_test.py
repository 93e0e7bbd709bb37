"""What people mistype: the sentence names what is wrong, what was meant, and whose help to read."""

import unittest

from program import ProgramTest
from raw_files import npy, write_scan

USAGE = 2
THRESHOLDS = ("--threshold", 10, "--xray-threshold", 1000, "--no-png")


class Mistyped(ProgramTest):
    def test_commands(self):
        for typed, meant in {"cuont": "count", "Count": "count", "simulte": "simulate", "rep": "report", "inof": "info"}.items():
            self.refuse(USAGE, typed, "sim", mentions=[f"'{typed}'", f"did you mean '{meant}'", "countem --help"])
        self.assertNotIn("did you mean", self.refuse(USAGE, "frobnicate", mentions=["'frobnicate'"]))
        self.refuse(USAGE, "bench", "cuont", mentions=["did you mean 'count'", "countem bench --help"])
        self.refuse(USAGE, mentions=["a command is required", "reduce", "countem --help"])
        self.refuse(USAGE, "bench", mentions=["a command is required", "reductions", "countem bench --help"])

    def test_options(self):
        self.refuse(USAGE, "reduce", "a.h5", "-o", "v.h5", "--virtual", "disk:40", "--center", "288,288",
                    mentions=["no option --center", "did you mean '--centre'", "Run 'countem reduce --help'"])
        self.refuse(USAGE, "count", "x", "-o", "y", "--thershold=4", mentions=["'--threshold'", "countem count --help"])
        self.refuse(USAGE, "count", "x", "--outptu", "y", mentions=["'--output'"])
        self.refuse(USAGE, "bench", "count", "--thread", 2, mentions=["'--threads'", "countem bench count --help"])
        self.assertNotIn("did you mean", self.refuse(USAGE, "verify", "a.h5", "--frobnicate", mentions=["--frobnicate"]))

    def test_values(self):
        self.refuse(USAGE, "count", "x", "-o", "y", "--threads", "four", mentions=["--threads", "four", "0: all cores", "countem count --help"])
        self.refuse(USAGE, "count", "x", "-o", "y", "--method", "guess", mentions=["guess", "cluster", "countem count --help"])
        self.refuse(USAGE, "reduce", "x", "-o", "y", "--bin", 0, mentions=["--bin", "65535", "countem reduce --help"])

    def test_what_is_missing_or_too_much(self):
        self.refuse(USAGE, "count", "x.data", mentions=["--output is required", "countem count --help"])
        self.refuse(USAGE, "count", "-o", "y.h5", mentions=["INPUT is required"])
        self.refuse(USAGE, "verify", "a.h5", "b.h5", mentions=["no further argument", "b.h5"])

    def test_an_option_that_takes_the_inputs(self):
        inputs = [f"data{i}.data" for i in range(20)]
        for command in (("count", "-o", "b.h5", "--dark", *inputs), ("count", "--dark", *inputs, "-o", "b.h5", "--no-png"),
                        ("calibrate", "-o", "c.h5", "--dark", *inputs)):
            self.refuse(USAGE, *command, mentions=["INPUT is missing", "--dark took all 20", "before --dark", "--"])

    def test_a_list_of_darks_can_be_ended(self):
        frames = write_scan(self.directory)
        told = self.succeed_json("count", "-o", self.directory / "out.h5", *THRESHOLDS, "--dark", *frames, "--", *frames)
        self.assertEqual(told["frames"], 4)

    def test_virtual_detectors(self):
        frames = write_scan(self.directory)
        store = self.directory / "out.h5"
        self.succeed("count", *frames, "-o", store, *THRESHOLDS)
        for detector in ("disk:", "disk:12px", "annulus:60:200", "annulus:60-200", "disk:12@288x288", "disk:12,annulus:60,200",
                         "disk", "circle:12"):
            self.refuse(USAGE, "reduce", store, "-o", self.directory / "v.h5", "--virtual", detector,
                        mentions=[detector, "annulus:R1,R2 or disk:R"])
        self.refuse(USAGE, "reduce", store, "-o", self.directory / "v.h5", "--virtual", "wedge:10,100,350,10",
                    mentions=["from < to", "wedge:10,100,350,370"])

    def test_detectors_outside_the_frame(self):
        frames = write_scan(self.directory)
        store, images = self.directory / "out.h5", self.directory / "v.h5"
        self.succeed("count", *frames, "-o", store, *THRESHOLDS)
        for options in (("--virtual", "disk:40", "--centre", "5000,3"), ("--virtual", "disk:12@-50,700")):
            told = self.succeed_json("reduce", store, "-o", images, *options)
            self.assertEqual(len(told["warnings"]), 1)
            self.assertIn("no pixel of the 576 x 576 detector", told["warnings"][0])
        self.assertEqual(self.succeed_json("reduce", store, "-o", images, "--virtual", "disk:40@288,288")["warnings"], [])

    def test_frames_are_no_events(self):
        frames = self.directory / "frames.npy"
        frames.write_bytes(npy((4, 8, 8), bytes(512)))
        self.refuse(3, "convert", frames, "-o", self.directory / "s.h5", "--to", "store", mentions=["frames.npy", "count it first", "method counts"])
        other = self.directory / "other.txt"
        other.write_text("no frames")
        self.refuse(3, "convert", other, "-o", self.directory / "s.h5", "--to", "store", mentions=["other.txt", "reads as text"])

    def test_files_of_another_kind(self):
        """Every command that reads a store names what else it was given, and what makes a store of it."""
        other, out = self.directory / "other", self.directory / "out"
        commands = [("convert", other, "--to", "csr", "-o", out), ("reduce", other, "-o", out, "--sum"),
                    ("report", other, "-o", out), ("parallax", other, "-o", out), ("merge", other, other, "-o", out),
                    ("recover", other, "-o", out), ("compare", other, other), ("bench", "reductions", "--store", other)]
        kinds = [(b"II*\0" + bytes(20), ["TIFF file without frames of electrons"]), (b"", ["is empty"]),
                 (b"TPX3" + bytes(20), ["is a TPX3 file", "convert it to a store first"]),
                 (npy((4, 8, 8), bytes(512)), ["raw frames (format npy)", "count it first"])]
        for content, words in kinds:
            other.write_bytes(content)
            for command in commands:
                with self.subTest(content=content[:4], command=command[0]):
                    self.refuse(3, *command, mentions=["other: ", *words, "an event store is expected"])
                    self.assertFalse(out.exists())
            code, _, err = self.run_program("verify", other)
            self.assertEqual(code, 3)
            self.assertIn(words[0], err)

    def test_reductions_are_no_store(self):
        frames = write_scan(self.directory)
        store, images = self.directory / "out.h5", self.directory / "v.h5"
        self.succeed("count", *frames, "-o", store, *THRESHOLDS)
        self.succeed("reduce", store, "-o", images, "--sum")
        self.refuse(3, "reduce", images, "-o", self.directory / "w.h5", "--sum", mentions=["v.h5", "holds reductions", "give the store"])
        self.refuse(3, "report", images, "-o", self.directory / "w.html", mentions=["v.h5", "holds reductions", "give the store"])


if __name__ == "__main__":
    unittest.main()

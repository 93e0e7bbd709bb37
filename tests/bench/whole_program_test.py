"""bench/gpu/whole_program.py: with the program itself on a small scale, and its decisions."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import measured  # noqa: F401  finds the module
import whole_program


class Decisions(unittest.TestCase):
    def test_slope_and_start(self):
        self.assertEqual(whole_program.slope({100: 1.5, 300: 2.5}), {"slope_frames_per_s": 200, "start_seconds": 1})
        for seconds in ({100: 1.5}, {100: 1.5, 300: 1.5}, {100: 1.5, 300: 1.4}):
            self.assertEqual(whole_program.slope(seconds), {"slope_frames_per_s": None, "start_seconds": None})

    def test_ways_are_those_of_the_machine(self):
        self.assertEqual(list(whole_program.ways({"bus": None})), ["processor"])
        self.assertEqual(list(whole_program.ways({"bus": {}})), ["processor", "device", "both"])

    def test_lengths_are_whole_files(self):
        for given in (["--frames", "4096", "5000"], ["--frames", "0", "4096"]):
            with mock.patch.object(sys, "argv", ["whole_program.py", "--countem", "x", *given]), contextlib.redirect_stderr(io.StringIO()):
                self.assertRaises(SystemExit, whole_program.arguments)

    def test_stores_that_differ_end_the_run(self):
        with tempfile.TemporaryDirectory() as name:
            scan = mock.Mock(folder=pathlib.Path(name), countem="x")
            same = {"recall": 1, "precision": 1, "rms_error_px": {"radial": 0}}
            for key, value in (("recall", 0.99), ("precision", 0.99), ("rms_error_px", {"radial": 0.1})):
                with mock.patch.object(whole_program, "succeed", return_value=json.dumps(same | {key: value})):
                    self.assertRaisesRegex(SystemExit, "differ", whole_program.compare, scan, 10, 1)
            for backend, bytes_there in (("cpu", b"1"), ("cuda", b"2")):
                (scan.folder / backend).mkdir()
                (scan.folder / backend / "sum.npy").write_bytes(bytes_there)
            with mock.patch.object(whole_program, "succeed", return_value=json.dumps(same)):
                self.assertRaisesRegex(SystemExit, "sum.npy differs", whole_program.compare, scan, 10, 1)
                (scan.folder / "cuda" / "sum.npy").write_bytes(b"1")
                whole_program.compare(scan, 10, 1)

    def test_rounds_end_with_the_time_but_one_is_whole(self):
        scan = mock.Mock(occupancy=0.1, files=[None] * 4, folder=pathlib.Path("x"))
        scan.count.return_value = {"process_seconds": 1.0, "events": 30, "frames": 10}
        rows = whole_program.measure(scan, {"processor": ()}, [4096, 16384], 2, 3, deadline=0)
        self.assertEqual(scan.count.call_count, 4)  # two lengths, with and without live reductions
        self.assertEqual([len(length["all_seconds"]) for row in rows for length in row["lengths"]], [1, 1, 1, 1])


class Program(unittest.TestCase):
    def run_small(self, folder: pathlib.Path, *options: str) -> tuple[dict, str]:
        words = io.StringIO()
        command = ["whole_program.py", "--countem", os.environ["COUNTEM"], "--folders", str(folder), "--frames", "128", "256", "--rounds", "1", "--threads", "2",
                   "--megabytes", "16", "--json", str(folder / "out.json"), *options]
        with mock.patch.multiple(whole_program, FILE_FRAMES=128, DISTINCT_FRAMES=64), mock.patch.object(sys, "argv", command), contextlib.redirect_stderr(words):
            whole_program.main()
        return json.loads((folder / "out.json").read_text()), words.getvalue()

    def test_two_lengths_with_and_without_live_reductions(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            told, words = self.run_small(folder, "--occupancy", "0.001")
            self.assertEqual(sorted((run["way"], bool(run["live"])) for run in told["runs"] if run["way"] == "processor"),
                             [("processor", False), ("processor", True)])
            for run in told["runs"]:
                self.assertEqual([length["frames"] for length in run["lengths"]], [128, 256])
                self.assertTrue(all(length["seconds"] > 0 for length in run["lengths"]))
                self.assertTrue(100 < run["events_per_frame"] < 500)
                self.assertEqual(run["threads"], 2)
            self.assertEqual(told["folders"][0]["folder"], name)
            if told["folders"][0]["machine"]["bus"] is None:
                self.assertIn("only the processor is measured", words)
            self.assertEqual(told["left_out"], [])
            self.assertEqual(sorted(path.name for path in folder.iterdir()), ["out.json"])

    def test_what_has_no_time_left_is_named(self):
        with tempfile.TemporaryDirectory() as name:
            told, words = self.run_small(pathlib.Path(name), "--occupancy", "0.001", "0.01", "--seconds", "0.01")
            self.assertEqual({run["occupancy"] for run in told["runs"]}, set() if told["left_out"][0]["occupancy"] == 0.001 else {0.001})
            self.assertEqual(told["left_out"][-1], {"folder": name, "occupancy": 0.01})
            self.assertIn("1 %: not measured, no time is left", words)


if __name__ == "__main__":
    unittest.main()

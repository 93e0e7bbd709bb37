"""--quiet and --json in every command; terminals of all kinds; outputs that cannot be written."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from program import COUNTEM, ProgramTest
from raw_files import write_scan
from tilted_scan import write_tilted_scan

THRESHOLDS = ("--threshold", 10, "--xray-threshold", 1000)
DOCUMENT = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "command_line.md").read_text()
DOCUMENTED = {
    "simulate": {"frame_files", "dark_files", "truth_file", "frames", "dark_frames", "electrons", "bytes", "next_command"},
    "calibrate": {"calibration", "notes", "background_threshold_adu", "xray_threshold_adu", "masked_pixels"},
    "count": {"output", "bytes", "backend", "backend_reason", "frames", "missing_frames", "events", "xrays", "issues", "pictures"},
    "info": {"kind", "scan", "frame", "frames", "events"},
    "verify": {"file", "ok", "faults", "frames", "events"},
    "recover": {"broken", "output", "frames", "scan_frames", "events", "damaged_frames"},
    "index": {"output", "bytes", "files", "records", "frames", "missing_frames", "seconds"},
    "merge": {"parts", "output", "virtual", "bytes", "frames", "scan_frames", "shared_frames", "events", "seconds"},
    "convert": {"input", "output", "to", "frames", "events", "bytes", "notes"},
    "reduce": {"output", "backend", "frames", "events", "copied_frames", "images"},
    "parallax": {"output", "frames", "centre", "aberrations", "scan_rotation", "score", "images"},
    "report": {"output", "bytes", "events", "incomplete_frames", "missing_frames", "arrived_share", "centre", "scan_rotation", "embedded_frames"},
    "compare": {"counted", "truth", "events", "matched", "recall", "precision"},
    "bench count": {"backend", "frames", "frames_per_s", "files_frames_per_s", "checked"},
    "bench machine": {"version", "threads", "megabytes", "files", "rates", "bus"},
    "bench reductions": {"version", "threads", "checked", "rates", "store"},
}


class Printing(ProgramTest):
    def commands(self):
        """Each command with arguments that work, in an order in which they find their inputs."""
        at = self.directory
        frames = write_scan(at)
        store = at / "out.h5"
        tilted = at / "tilted.h5"
        self.succeed(*write_tilted_scan(at / "tilted.npy"), "-o", tilted)
        return {
            "simulate": ("simulate", at / "sim", "--scan", "2x2", "--frame", "64x64", "--format", "npy", "--dark-frames", 2),
            "calibrate": ("calibrate", *frames, "-o", at / "calibration.h5", *THRESHOLDS),
            "count": ("count", *frames, "-o", store, *THRESHOLDS),
            "index": ("index", *frames, "-o", at / "index.h5"),
            "info": ("info", store),
            "verify": ("verify", store),
            "recover": ("recover", store, "-o", at / "recovered.h5"),
            "merge": ("merge", store, "-o", at / "whole.h5"),
            "convert": ("convert", store, "-o", at / "stempy.h5", "--to", "stempy"),
            "reduce": ("reduce", store, "-o", at / "images.h5", "--sum", "--png", at / "pictures", "--npy", at / "arrays"),
            "parallax": ("parallax", tilted, "-o", at / "parallax.h5"),
            "report": ("report", store, "-o", at / "page.html"),
            "compare": ("compare", store, at / "recovered.h5"),
            "bench count": ("bench", "count", "--frames", 50, "--distinct", 2, "--repetitions", 1, "--files", at),
            "bench machine": ("bench", "machine", "--files", at, "--megabytes", 4, "--threads", 2, "--repetitions", 2),
            "bench reductions": ("bench", "reductions", "--store", store, "--repetitions", 1),
        }

    def test_json_of_every_command(self):
        self.assertEqual(set(self.commands()), set(DOCUMENTED))
        for name, command in self.commands().items():
            with self.subTest(name):
                told = self.succeed_json(*command)
                self.assertLessEqual(DOCUMENTED[name] | {"outputs", "warnings"}, set(told))
                documented = re.search(rf"^\| {name} \| (.*) \|$", DOCUMENT, re.MULTILINE)[1]
                self.assertEqual([key for key in told if key not in ("outputs", "warnings") and f"`{key}`" not in documented], [])
                self.assertEqual([path for path in told["outputs"] if not os.path.exists(path)], [])
                self.assertEqual(bool(told["outputs"]), name not in ("info", "verify", "compare", "bench count", "bench machine", "bench reductions"))
                if name == "reduce":
                    self.assertEqual(len(told["outputs"]), 1 + 2 * len(told["images"]))

    def test_quiet_and_json_together_print_the_object_alone(self):
        for name, command in self.commands().items():
            with self.subTest(name):
                out, err = self.succeed(*command, "--quiet", "--json")
                self.assertIsInstance(json.loads(out), dict)
                self.assertEqual(err, "")

    def test_quiet_prints_nothing(self):
        for name, command in self.commands().items():
            with self.subTest(name):
                self.assertEqual(self.succeed(*command, "--quiet"), ("", ""))

    def test_bench_machine_has_the_bus_of_each_device_or_null(self):
        command = ("bench", "machine", "--files", self.directory, "--megabytes", 2, "--threads", 1, "--repetitions", 1)
        bus = self.succeed_json(*command)["bus"]
        lines = [line for line in self.succeed(*command)[0].splitlines() if line.startswith("bus ")]
        if bus is None:
            self.assertEqual(len(lines), 1)
            self.assertRegex(lines[0], "^bus to a device: not measured: (this countem was built without CUDA|no CUDA device answers|this machine has)")
        else:
            self.assertEqual([rate["what"] for rate in bus], ["bus_to_device", "bus_from_device"] * (len(bus) // 2))
            self.assertEqual(len(lines), len(bus))

    def test_warnings_are_in_the_object(self):
        frames = write_scan(self.directory, modules=(0, 1, 3))
        told = self.succeed_json("count", *frames, "-o", self.directory / "out.h5", *THRESHOLDS, "--no-png")
        self.assertEqual(told["warnings"], [issue["text"] for issue in told["issues"]])
        self.assertEqual(len(told["warnings"]), 1)

    def test_verify_quiet_prints_faults(self):
        broken = self.directory / "broken.h5"
        broken.write_bytes(b"no store")
        code, out, err = self.run_program("verify", broken, "--quiet")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("broken.h5", err)

    def test_one_line_about_the_backend(self):
        frames = write_scan(self.directory)
        command = ("count", *frames, "-o", self.directory / "out.h5", *THRESHOLDS, "--no-png", "--backend")
        _, err = self.succeed(*command, "cpu")
        simd = self.succeed_json("version")["simd_target"]
        self.assertTrue(err.splitlines()[0].endswith(f", cpu backend ({simd})"), err)
        self.assertTrue(self.succeed(*command, "reference")[1].splitlines()[0].endswith(", reference backend"))
        _, err = self.succeed(*command, "cpu", "--verbose")
        self.assertTrue(err.splitlines()[0].endswith("cpu backend (asked for)"), err)
        told = self.succeed_json(*command, "automatic")
        if told["backend"] == "cpu":
            self.assertIn("CUDA", told["backend_reason"])
            _, err = self.succeed(*command, "automatic")
            self.assertNotIn("CUDA", err)
            self.assertIn("CUDA", self.succeed(*command, "automatic", "--verbose")[1])

    def count_on_a_terminal(self, **environment):
        frames = write_scan(self.directory)
        shown = self.shown_on_a_terminal("count", *frames, "-o", self.directory / "out.h5", *THRESHOLDS, "--no-png", **environment)
        return shown.replace(b"\r\n", b"\n")

    def test_terminals_that_take_plain_lines(self):
        self.assertIn(b"\x1b[K", self.count_on_a_terminal(TERM="xterm", NO_COLOR=""))
        for environment in ({"TERM": "dumb", "NO_COLOR": ""}, {"TERM": "", "NO_COLOR": ""}, {"TERM": "xterm", "NO_COLOR": "1"}):
            shown = self.count_on_a_terminal(**environment)
            self.assertIn(b"16 events in 4 frames", shown)
            for control in (b"\x1b", b"\r"):
                self.assertNotIn(control, shown, environment)

    def test_an_answer_that_cannot_be_written(self):
        frames = write_scan(self.directory)
        for options in ((), ("--json",)):
            with open("/dev/full", "w") as full:
                done = subprocess.run([COUNTEM, "info", *map(str, frames), *options], stdout=full, stderr=subprocess.PIPE, text=True,
                                      timeout=60)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("standard output", done.stderr)


if __name__ == "__main__":
    unittest.main()

"""simulate, calibrate, count, info, verify and compare do what they say, one after another, on a small scan."""

import os
import re
import signal
import struct
import subprocess
import time
import unittest

from program import COUNTEM, ProgramTest
from raw_files import write_scan


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", head[16:24])


class Commands(ProgramTest):
    def simulate(self, *options):
        raw = self.directory / "raw"
        self.succeed("simulate", raw, "--scan", "6x5", "--occupancy", 0.001, "--seed", 3, "--dark-frames", 20, *options)
        return sorted(raw.glob("data_*")), sorted(raw.glob("dark_*")), raw / "truth.h5"

    def wait_for_events(self, running, counted):
        """Returns when the store that the program `running` writes holds events, however slow the machine."""
        part = counted.with_name(counted.name + ".part")
        while not part.exists():
            self.assertIsNone(running.poll(), "it ended before it made a store")
            time.sleep(0.01)
        with subprocess.Popen([COUNTEM, "info", str(counted), "--follow", "--interval", "0.05"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as following:
            for line in following.stderr:
                self.assertIsNone(running.poll(), "it ended before anything was seen in its store")
                told = re.fullmatch(r"[\d,]+ of [\d,]+ frames, ([\d,]+) events.*", line.strip())
                self.assertTrue(told, line)
                if told[1] != "0":
                    break
            following.terminate()

    def test_the_whole_way(self):
        frames, darks, truth = self.simulate()
        calibration, counted = self.directory / "calibration.h5", self.directory / "counted.h5"
        calibrated = self.succeed_json("calibrate", *frames, "--dark", *darks, "-o", calibration)
        self.assertAlmostEqual(calibrated["noise_sigma_adu"], 2.0, delta=0.1)

        told = self.succeed_json("count", *frames, "--calibration", calibration, "-o", counted)
        self.assertEqual((told["frames"], told["missing_frames"], told["incomplete_frames"]), (30, 0, 0))
        self.assertIn(told["backend"], ("cpu", "cuda"))
        self.assertGreater(told["events"], 5_000)
        self.assertEqual(len(told["pictures"]), 3)
        figure = png_size(self.directory / "counted_sum.png")
        self.assertTrue(figure[0] > 576 and figure[1] > 576, "title, axes and colour bar stand around the image")
        plain = self.directory / "plain.h5"
        self.succeed("count", *frames, "--calibration", calibration, "-o", plain, "--png-plain", "--quiet")
        self.assertEqual(png_size(self.directory / "plain_sum.png"), (576, 576))
        width, height = png_size(self.directory / "plain_bright_field.png")
        self.assertEqual(width * 5, height * 6)

        self.succeed("verify", counted)
        described = self.succeed_json("info", counted)
        self.assertEqual(described["kind"], "event store")
        self.assertEqual(described["events"], told["events"])
        self.assertEqual(described["scan"], {"width": 6, "height": 5, "frames_per_position": 1})
        self.assertIn("counted.h5", described["provenance"]["command_line"])
        self.assertEqual([entry["name"] for entry in described["provenance"]["inputs"]], [str(path) for path in frames])
        self.assertEqual((told["method"], described["method"], told["input_format"]), ("cluster", "cluster", "v5"))
        self.assertEqual(self.succeed_json("info", calibration)["kind"], "calibration")
        self.assertEqual(self.succeed_json("info", *frames)["kind"], "raw frames")

        compared = self.succeed_json("compare", counted, truth)
        # Electrons that overlap, and those that spread their charge below the threshold, cannot be found one by one.
        self.assertGreater(compared["recall"], 0.75)
        self.assertGreater(compared["precision"], 0.97)
        self.assertLess(compared["rms_error_px"]["radial"], 0.6)
        self.check_spectrum(counted, truth, compared)

    def check_spectrum(self, counted, truth, compared):
        self.assertEqual(compared["spectrum_frames"], 30)
        # Far more than the standard error and the difference between gain and recall leave room for.
        self.assertAlmostEqual(compared["dqe"]["zero"], compared["recall"], delta=0.06)
        self.assertGreater(compared["dqe"]["zero"], compared["dqe"]["half"])
        self.assertGreater(compared["dqe"]["half"], compared["dqe"]["full"])
        self.assertEqual({len(curve) for curve in compared["spectrum"].values()}, {33})
        pictures = self.directory / "pictures"
        told = self.succeed_json("compare", counted, truth, "--spectrum-frames", 5, "--png", pictures)
        self.assertEqual(told["spectrum_frames"], 5)
        self.assertEqual(told["outputs"], [str(pictures / "counted_dqe.png")])
        self.assertEqual((pictures / "counted_dqe.png").read_bytes()[:4], b"\x89PNG")
        out, _ = self.succeed("compare", counted, truth)
        self.assertRegex(out, r"\n  DQE: 0\.\d{3}, 0\.\d{3}, 0\.\d{3}\n")
        out, _ = self.succeed("compare", counted, counted)
        self.assertIn("squared coherence of the two counts: 1.000, 1.000, 1.000", out)

    def test_the_next_command_is_one_that_counts_what_was_simulated(self):
        for form, files, words in (("v5", "_*.data", ""), ("v4", "_*.data", " --input-format v4"), ("npy", ".npy", ""),
                                   ("raw", ".raw", " --input-format raw --shape 576x576 --dtype u16 --scan 2x1")):
            raw = self.directory / form
            told = self.succeed_json("simulate", raw, "--scan", "2x1", "--occupancy", 0.001, "--dark-frames", 1, "--format", form)
            self.assertEqual(told["next_command"],
                             f"countem count {raw}/data{files} --dark {raw}/dark{files}{words} -o {raw}/counted.h5")
            done = subprocess.run(told["next_command"].replace("countem", COUNTEM, 1) + " --quiet", shell=True, timeout=120)
            self.assertEqual(done.returncode, 0, form)

    def test_what_was_calibrated_is_printed(self):
        frames, darks, _ = self.simulate()
        command = ("calibrate", *frames, "-o", self.directory / "calibration.h5")
        self.assertIn("\ndark reference   none: thresholds are on the raw scale\n", self.succeed(*command)[1])
        told = self.succeed_json(*command, "--dark", *darks)
        self.assertIn(f"\ndark reference   level {told['dark_level_adu']:.2f} ADU, 20 frames, noise {told['dark_noise_adu']:.2f} ADU\n",
                      self.succeed(*command, "--dark", *darks)[1])

    def test_info_prints_what_is_nested(self):
        frames, counted = write_scan(self.directory), self.directory / "out.h5"
        self.succeed("count", *frames, "-o", counted, "--threshold", 10, "--xray-threshold", 1000, "--no-png")
        told = self.succeed("info", counted)[0]
        self.assertRegex(told, r"\nprovenance:\n  program: countem \d")
        self.assertIn("\n  inputs:\n" + "".join(f'    - {{"name":"{path}","bytes":{path.stat().st_size}}}\n' for path in frames), told)
        self.assertIn("\n  thresholds:\n    background adu: 10\n    xray adu: 1000\n", told)

    def test_counting_just_works(self):
        """No calibration, no thresholds: they are fitted from the input itself."""
        frames, _, truth = self.simulate()
        counted = self.directory / "counted.h5"
        self.succeed("count", *frames, "-o", counted, "--quiet")
        self.assertGreater(self.succeed_json("compare", counted, truth)["recall"], 0.65)

    def test_thresholds_given_override_the_calibration(self):
        frames, darks, _ = self.simulate()
        calibration = self.directory / "calibration.h5"
        self.succeed("calibrate", *frames, "--dark", *darks, "-o", calibration)
        counted = ("count", *frames, "--calibration", calibration, "--no-png", "-o", self.directory / "out.h5")
        self.assertEqual(self.succeed_json(*counted, "--threshold", 12.5)["thresholds"]["background_adu"], 12.5)
        self.assertEqual(self.succeed_json(*counted, "--xray-threshold", 5000)["thresholds"]["xray_adu"], 5000)

    def test_backends_agree_and_threads_do_not_show(self):
        frames, darks, _ = self.simulate()
        stores = []
        for number, options in enumerate((("--backend", "reference"), ("--backend", "cpu", "--threads", 1), ("--backend", "cpu", "--threads", 3))):
            path = self.directory / f"out{number}.h5"
            self.succeed("count", *frames, "--dark", *darks, "--no-png", "-o", path, *options)
            stores.append(path)
        for path in stores[1:]:
            self.assertEqual(self.succeed_json("compare", path, stores[0])["recall"], 1.0)

    def test_the_same_command_gives_the_same_bytes(self):
        frames, darks, _ = self.simulate()
        command = ("count", *frames, "--dark", *darks, "--no-png", "-o", "out.h5")
        cores = os.sched_getaffinity(0)
        self.succeed(*command, cwd=self.directory)
        first = (self.directory / "out.h5").read_bytes()
        time.sleep(1.1)
        self.succeed(*command, cwd=self.directory, preexec_fn=lambda: os.sched_setaffinity(0, {min(cores)}))
        self.assertEqual((self.directory / "out.h5").read_bytes(), first)

    def test_methods_and_values(self):
        frames = write_scan(self.directory)
        for method in ("cluster", "maximum", "pixels"):
            out = self.directory / f"{method}.h5"
            told = self.succeed_json("count", *frames, "-o", out, "--threshold", 10, "--xray-threshold", 1000, "--method", method,
                                     "--values", "charge", "--no-png")
            self.assertEqual(told["events"], 16, method)
            self.succeed("verify", out)

    def test_json_is_all_there_is_on_stdout(self):
        frames = write_scan(self.directory)
        out, _ = self.succeed("count", *frames, "-o", self.directory / "out.h5", "--threshold", 10, "--xray-threshold", 1000)
        self.assertEqual(out, "")

    def test_quiet_says_nothing(self):
        frames = write_scan(self.directory)
        out, err = self.succeed("count", *frames, "-o", self.directory / "out.h5", "--threshold", 10, "--xray-threshold", 1000, "--quiet")
        self.assertEqual((out, err), ("", ""))

    def test_progress_fits_the_terminal(self):
        frames, columns = write_scan(self.directory), 60
        shown = self.shown_on_a_terminal("count", *frames, "-o", self.directory / "out.h5", "--threshold", 10, "--xray-threshold", 1000,
                                         "--no-png", columns=columns)
        drawn = re.findall(r"\r([^\r]*)\x1b\[K", shown.decode())
        self.assertRegex(drawn[-1], r"100 % .* 4 of 4 frames")
        for line in drawn:
            self.assertLess(len(line), columns)

    def test_help_and_version(self):
        self.assertIn("countem ", self.succeed("--version")[0])
        for command in ("simulate", "calibrate", "count", "info", "verify", "compare"):
            self.assertIn("--", self.succeed(command, "--help")[0])

    def test_interrupt_keeps_what_was_finished(self):
        raw = self.directory / "raw"
        self.succeed("simulate", raw, "--scan", "16x16", "--occupancy", 0.001)
        self.succeed("simulate", self.directory / "other", "--scan", "4x4", "--seed", 9, "--dark-frames", 16)
        others = sorted((self.directory / "other").glob("dark_*"))  # of another detector, which is noted
        counted = self.directory / "counted.h5"
        files = sorted(raw.glob("data_*"))
        options = ["--threshold", "30", "--row-noise", "median", "--dark", *others]
        running = subprocess.Popen([COUNTEM, "count", *map(str, [*files, "-o", counted, "--backend", "reference", "--threads", "1", *options])],
                                   stderr=subprocess.PIPE, text=True)
        self.wait_for_events(running, counted)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=120)
        self.assertEqual(running.returncode, 130, err)
        self.assertIn("kept in", err.splitlines()[-1])
        self.assertFalse(counted.exists())
        kept = err.splitlines()[-1].split("kept in ")[1].split(";")[0].strip()
        described = self.succeed_json("info", kept)
        self.assertGreater(described["events"], 0)
        self.assertGreater(described["missing_frames"], 0)

        # Going on gives the file that an uninterrupted count gives.
        told = self.succeed_json("count", *files, "-o", counted, *options, "--resume")
        self.assertGreater(told["resumed_after_frames"], 0)
        self.succeed("verify", counted)
        whole = self.directory / "whole.h5"
        self.succeed("count", *files, "-o", whole, *options)
        issues = [self.succeed_json("info", store)["provenance"]["issues"] for store in (counted, whole)]
        self.assertTrue(any("another detector" in issue["text"] for issue in issues[0]), issues[0])
        self.assertEqual(issues[0], issues[1])
        compared = self.succeed_json("compare", counted, whole)
        self.assertEqual((compared["recall"], compared["precision"]), (1.0, 1.0))
        self.assertEqual((self.directory / "counted_sum.png").read_bytes(), (self.directory / "whole_sum.png").read_bytes())

    def test_verify_finds_a_flipped_bit(self):
        frames = write_scan(self.directory)
        out = self.directory / "out.h5"
        self.succeed("count", *frames, "-o", out, "--threshold", 10, "--xray-threshold", 1000, "--no-png")
        self.succeed("verify", out)
        whole = bytearray(out.read_bytes())
        place = whole.find(b"\x78\x01")  # the first frame's zlib stream
        self.assertGreater(place, 0)
        whole[place + 40] ^= 4
        out.write_bytes(whole)
        code, _, err = self.run_program("verify", out)
        self.assertEqual(code, 3)
        self.assertRegex(err, "countem: .*frame 0: ")


if __name__ == "__main__":
    unittest.main()

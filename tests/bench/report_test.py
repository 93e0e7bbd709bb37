"""bench/gpu/report.py: each claim is met, not met or not measured, by the right numbers."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import measured
import report


def by_name(claims) -> dict[str, dict]:
    return {one["claim"]: one for one in claims}


class Claims(unittest.TestCase):
    def test_without_a_run_nothing_is_measured(self):
        for claims in (report.parity_claims(None), report.sanitizer_claims(None), report.counting_claims(None), report.cupy_claims(None, None),
                       report.reduction_claims(None), report.whole_claims(None)):
            claims = list(claims)
            self.assertGreater(len(claims), 0)
            for one in claims:
                self.assertIsNone(one["met"], one)
                self.assertIsNone(one["measured"], one)

    def test_six_hundred_cases_are_asked_for(self):
        for cases, met in ((599, False), (600, True)):
            self.assertEqual([one["met"] for one in report.parity_claims({"cases_equal_to_reference": cases})], [met])

    def test_counting_is_judged_with_dark_and_mask_in_batches_of_800(self):
        check = measured.check()
        for row in check["cluster_576x576_u16"]:
            if (row["calibration"], row["batch_frames"]) != ("dark and mask", 800):
                row |= {"fraction_of_device_read": 0, "fraction_of_bus": 0, "counted_frames_per_s": 0}
        self.assertEqual({one["met"] for one in report.counting_claims(check)}, {True})
        for occupancy, bar in report.COUNTING.items():
            for value, met in ((bar, True), (bar - 1e-6, False)):
                check["cluster_576x576_u16"] = [measured.counting_row(occupancy, of_read=value, of_bus=0.94, rate=1, thrust=1)]
                claims = by_name(report.counting_claims(check))
                self.assertIs(claims[f"counting on the device at {100 * occupancy:g} %, of its read rate"]["met"], met)
                self.assertIs(claims[f"from pinned memory at {100 * occupancy:g} %, of the bus"]["met"], False)
                self.assertIs(claims[f"counting on the device at {100 * occupancy:g} %, of Thrust and CUB"]["met"], False)  # as fast is not faster
                self.assertEqual(sum(one["met"] is None for one in claims.values()), len(claims) - 3)

    def test_cupy_is_compared_with_one_threshold(self):
        check = {"cluster_576x576_u16": [measured.counting_row(0.001, "one threshold", rate=1e6), measured.counting_row(0.001, rate=1)]}
        claims = list(report.cupy_claims(measured.cupy(), check))
        self.assertEqual([one["measured"] for one in claims], [50, None])
        self.assertEqual([one["met"] for one in claims], [True, None])

    def test_reductions_are_compared_with_the_faster_of_both_dense_forms(self):
        for u8, u16, met in ((10, 999, True), (10, 1000, False), (1001, 10, False)):
            claims = list(report.reduction_claims({"reductions_million_events_per_s": [measured.reduction_row(0.001, 1000, u8, u16)]}))
            self.assertEqual([one["met"] for one in claims], 7 * [met] + 7 * [None])

    def test_files_are_judged_at_both_lengths_and_by_the_slope(self):
        claims = list(report.whole_claims(measured.whole()))
        self.assertEqual([one["met"] for one in claims], [True, True, True, True])
        self.assertAlmostEqual(claims[0]["measured"], 0.2 / 0.19)
        self.assertAlmostEqual(claims[2]["measured"], 1.5)
        self.assertAlmostEqual(claims[3]["measured"], 0.6 / 0.59)
        slow = measured.whole()
        slow["runs"][2:] = [measured.run("device", False, (0.21, 0.71)), measured.run("device", True, (0.3, 0.9))]
        self.assertEqual([one["met"] for one in report.whole_claims(slow)], [False, True, False, False])

    def test_both_together_are_judged_where_they_were_run(self):
        claims = list(report.whole_claims(measured.whole("both")))
        self.assertTrue(all(" both," in one["claim"] for one in claims))
        self.assertAlmostEqual(claims[2]["measured"], 2)

    def test_the_claim_of_16_threads_is_not_measured_with_others(self):
        self.assertEqual([one["met"] for one in report.whole_claims(measured.whole(threads=8))], [True, True, None, True])

    def test_a_run_on_the_processor_alone_measures_no_claim(self):
        alone = {"runs": measured.whole()["runs"][:2]}
        self.assertEqual({one["met"] for one in report.whole_claims(alone)}, {None})

    def test_one_length_has_no_slope(self):
        whole = measured.whole()
        for one in whole["runs"]:
            one |= {"lengths": one["lengths"][:1], "slope_frames_per_s": None}
        self.assertEqual([one["met"] for one in report.whole_claims(whole)], [True, None, True])


class Sanitizers(unittest.TestCase):
    def test_the_last_lines_of_each_tool(self):
        for log, found in (("{}\n========= ERROR SUMMARY: 0 errors\n", 0), ("========= ERROR SUMMARY: 12 errors\n", 12),
                           ("========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)\n", 0),
                           ("========= RACECHECK SUMMARY: 3 hazards displayed (3 errors, 0 warnings)\n", 3), ("========= COMPUTE-SANITIZER\n", None), ("", None)):
            self.assertEqual(report.findings(log), found, log)

    def test_a_tool_without_a_log_was_not_run(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "memcheck.log").write_text("========= ERROR SUMMARY: 0 errors\n")
            (folder / "synccheck.log").write_text("========= ERROR SUMMARY: 1 error\n")
            self.assertEqual([one["met"] for one in report.sanitizer_claims(folder)], [True, None, None, False])


class Program(unittest.TestCase):
    def test_table_and_file(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "parity.json").write_text("")  # a run that was killed
            (folder / "check.json").write_text(json.dumps(measured.check()))
            told = subprocess.run([sys.executable, report.__file__, folder / "result.json", "--parity", folder / "parity.json", "--check", folder / "check.json",
                                   "--whole", folder / "none.json", "--device", "a device"], capture_output=True, text=True, check=True)
            lines = told.stdout.splitlines()
            self.assertEqual(told.stderr, "")
            self.assertTrue(lines[0].startswith("not measured"))
            self.assertTrue(any(line.startswith("met") and line.endswith("at 5 %, of its read rate") for line in lines))
            result = json.loads((folder / "result.json").read_text())
            self.assertEqual(len(result["claims"]), len(lines))
            self.assertEqual((result["device"], result["parity"], result["check"]), ("a device", None, measured.check()))


if __name__ == "__main__":
    unittest.main()

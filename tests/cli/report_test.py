"""countem report: one page that needs nothing but itself, of a scan that was counted, and what it refuses."""

import re
import unittest

from program import ProgramTest


class Report(ProgramTest):
    def setUp(self):
        super().setUp()
        raw = self.directory / "raw"
        self.succeed("simulate", raw, "--scan", "7x5", "--occupancy", 0.001, "--seed", 3, "--quiet")
        self.counted = self.directory / "counted.h5"
        self.succeed("count", *sorted(raw.glob("data_*")), "-o", self.counted, "--quiet", "--no-png")

    def test_a_page_that_stands_alone(self):
        page = self.directory / "report.html"
        _, err = self.succeed("report", self.counted, "-o", page)
        self.assertIn("35 frames embedded", err)
        text = page.read_text(encoding="utf-8")
        self.assertTrue(text.lower().startswith("<!doctype html>"))
        self.assertEqual(re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//[^"'\s>]+""", text), [])  # nothing from a network
        self.assertEqual(re.findall(r"@import|url\(\s*[\"']?https?:", text), [])
        self.assertIn("counted.h5", text)
        self.assertLess(page.stat().st_size, 4_000_000)

    def test_refusals(self):
        out = self.directory / "out.html"
        self.refuse(4, "report", self.directory / "absent.h5", "-o", out, mentions=["absent.h5"])
        self.refuse(2, "report", self.counted, "-o", self.counted, mentions=["counted.h5"])
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()

"""countem report: what it writes, what it refuses. That the page works is tested in a browser (tests/browser)."""

import base64
import hashlib
import json
import re
import unittest

from program import ProgramTest


class Report(ProgramTest):
    def setUp(self):
        super().setUp()
        raw = self.directory / "raw"
        self.succeed("simulate", raw, "--scan", "6x5", "--occupancy", 0.001, "--seed", 3, "--quiet")
        self.frames = sorted(raw.glob("data_*"))
        self.counted = self.directory / "counted.h5"
        self.told = self.succeed_json("count", *self.frames, "--threshold", 32, "-o", self.counted, "--no-png", "--quiet")
        self.page = self.directory / "report.html"

    def data_of(self, page):
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
        return json.loads(found.group(1))

    def test_one_file_that_asks_for_nothing(self):
        told = self.succeed_json("report", self.counted, "-o", self.page)
        page = self.page.read_text()
        self.assertEqual(told["bytes"], self.page.stat().st_size)
        self.assertEqual(told["events"], self.told["events"])
        self.assertEqual(told["embedded_frames"], {"stride": 1, "bin": 1, "frames": 30})
        self.assertNotRegex(page, r"(src|href)=[\"']?(https?:)?//")
        self.assertNotRegex(page, r"(fetch|XMLHttpRequest|importScripts|@import|url)\s*\(")
        self.assertIn("default-src 'none'", page)
        self.assertNotIn("unsafe", page)
        for kind, text in (("style", r"<style>(.*?)</style>"), ("script", r"<script>(.*?)</script>")):
            hashed = hashlib.sha256(re.search(text, page, re.DOTALL).group(1).encode()).digest()
            self.assertIn(f"{kind}-src 'sha256-{base64.b64encode(hashed).decode()}'", page)
        self.assertEqual([path.name for path in self.directory.glob("report*")], ["report.html"])
        data = self.data_of(page)
        self.assertEqual(data["events"], self.told["events"])
        self.assertEqual([one["label"] for one in data["detectors"]],
                         ["Bright field", "Annular bright field", "Annular dark field", "High-angle dark field"])
        self.assertIsNone(data["counted"])
        self.assertEqual(sum(data["events_per_frame"]["frames"]), 30)

    def test_frames_that_are_left_out_are_named(self):
        # A page has maps of 2^18 positions at most: of 513 x 512 positions it takes one of each 2 x 2, however large it may be.
        raw, counted = self.directory / "many.raw", self.directory / "many.h5"
        raw.write_bytes(bytes([1] + [0] * 31) * (513 * 512))
        self.succeed("count", raw, "--input-format", "raw", "--shape", "4x4", "--dtype", "u16", "--scan", "513x512", "--method", "counts",
                     "--no-png", "-o", counted, "--quiet", timeout=600)
        _, err = self.succeed("report", counted, "-o", self.page, "--limit", 100, timeout=600)
        self.assertIn("frames of 65,536 positions embedded, one of each 2 x 2: those of 197,120 positions are left out; "
                      "maps of a page have 262,144 positions at most, a higher --limit adds none", err)
        _, err = self.succeed("report", counted, "-o", self.page, "--limit", 1.85, timeout=600)
        self.assertRegex(err, r"frames of [\d,]+ positions embedded, one of each (\d+) x \1: those of [\d,]+ positions are left out")
        self.assertNotIn("a higher --limit adds none", err)

    def test_options(self):
        spoken = self.directory / "count.json"
        spoken.write_text(json.dumps(self.told))
        self.succeed("report", self.counted, "-o", self.page, "--virtual", "disk:9", "wedge:20,90,0,45@100,200", "--centre", "288,287.5",
                     "--title", "<gold & carbon>", "--count-json", spoken, "--pixel-mrad", 0.1, "--step-nm", 2, "--threads", 1)
        page = self.page.read_text()
        self.assertIn("<title>&lt;gold &amp; carbon&gt;</title>", page)
        data = self.data_of(page)
        self.assertEqual([(one["row"], one["column"], one["outer"]) for one in data["detectors"]], [(288, 287.5, 9), (100, 200, 90)])
        self.assertEqual(data["counted"]["frames_per_s"], self.told["frames_per_s"])
        self.assertEqual((data["pixel_mrad"], data["step_nm"]), (0.1, 2))
        self.assertFalse(data["centre_of_mass"]["axes"]["turned_as_given"])
        # A page of its own may be written anew.
        again = self.succeed_json("report", self.counted, "-o", self.page, "--limit", 3)
        self.assertLessEqual(again["bytes"], 3_000_000)

    def test_scan_axes(self):
        told = self.succeed_json("report", self.counted, "-o", self.page, "--scan-rotation", "auto", "--no-flip")
        self.assertTrue(any("scan rotation: not found" in line and "detector axes are kept" in line for line in told["warnings"]))
        self.assertEqual((told["scan_rotation"]["found"], told["scan_rotation"]["turned"], told["scan_rotation"]["degrees"]), (False, False, None))
        self.assertEqual((told["incomplete_frames"], told["missing_frames"], told["arrived_share"]), (0, 0, 1))
        self.succeed("report", self.counted, "-o", self.page, "--scan-rotation=-12.5")
        axes = self.data_of(self.page.read_text())["centre_of_mass"]["axes"]
        self.assertEqual((axes["turned_degrees"], axes["turned_flip"], axes["turned_as_given"]), (-12.5, False, True))
        self.succeed("report", self.counted, "-o", self.page, "--flip")
        axes = self.data_of(self.page.read_text())["centre_of_mass"]["axes"]
        self.assertEqual((axes["turned_degrees"], axes["turned_flip"]), (0, True))

    def test_refusals(self):
        self.refuse(2, "report", self.counted, "-o", self.page, "--scan-rotation", "some", mentions=["scan-rotation:some"])
        self.refuse(2, "report", self.counted, "-o", self.page, "--flip", "--no-flip", mentions=["--flip"])
        self.refuse(2, "report", self.counted, "-o", self.counted, mentions=["one of the files to be read"])
        self.refuse(2, "report", self.counted, "-o", self.frames[0], mentions=[self.frames[0]])
        self.refuse(2, "report", self.counted, "-o", self.page, "--virtual", "disc:3", mentions=["disc:3"])
        self.refuse(2, "report", self.counted, "-o", self.page, "--centre", "3", mentions=["ROW,COLUMN"])
        self.refuse(2, "report", self.counted, "-o", self.page, "--pixel-mrad", -1, mentions=["--pixel-mrad"])
        self.refuse(2, "report", self.counted, "-o", self.page, "--limit", 0, mentions=["--limit"])
        self.refuse(3, "report", self.counted, "-o", self.page, "--count-json", self.frames[0], mentions=[self.frames[0]])
        self.refuse(4, "report", self.counted, "-o", self.page, "--count-json", self.directory / "no.json", mentions=["no.json"])
        self.refuse(4, "report", self.directory / "absent.h5", "-o", self.page, mentions=["absent.h5"])
        self.refuse(4, "report", self.counted, "-o", self.directory / "absent" / "report.html", mentions=["absent"])
        self.refuse(3, "report", self.frames[0], "-o", self.page, mentions=[self.frames[0]])
        self.assertFalse(self.page.exists())
        self.page.write_text("<html>somebody's own page</html>")
        self.refuse(2, "report", self.counted, "-o", self.page, mentions=[self.page, "is there already"])


if __name__ == "__main__":
    unittest.main()

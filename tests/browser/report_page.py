"""What the tests of the page share: a counted scan, its page in a browser, and how they are started.

Without Chromium the tests report it and exit with 77, which ctest shows as a skip; with COUNTEM_REQUIRE_BROWSER=1 that is a failure."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from browser import Browser, find_chromium

SKIPPED = 77
COUNTEM, MAKE_SCAN = os.environ["COUNTEM"], os.environ["MAKE_REPORT_SCAN"]
ROWS, COLUMNS, SIDE = 16, 20, 96
screenshots = None


def run(*command):
    return subprocess.run([str(one) for one in command], check=True, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL).stdout


class ReportPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.directory = pathlib.Path(cls.temporary.name)
        cls.store = cls.directory / "counted.h5"
        run(MAKE_SCAN, cls.store, ROWS, COLUMNS, 1, 60, SIDE)
        cls.page = cls.directory / "report.html"
        cls.told = json.loads(run(COUNTEM, "report", cls.store, "-o", cls.page, "--json", "--quiet"))
        cls.browser = Browser().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()
        cls.temporary.cleanup()

    def setUp(self):
        self.show()

    def show(self, page=None, width=1440, height=900, dark=False, mobile=False):
        self.browser.resize(width, height, mobile=mobile)
        self.browser.media("", prefers_color_scheme="dark" if dark else "light")
        seconds = self.browser.open(page or self.page)
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual([address for address in self.browser.requests if not address.startswith("data:")], [(page or self.page).as_uri()])
        return seconds

    def picture(self, name):
        if screenshots:
            (screenshots / f"{name}.png").write_bytes(self.browser.whole_page_screenshot())

    def js(self, script):
        return self.browser.evaluate(script)

    def text(self, selector):
        return self.js(f"document.querySelector({json.dumps(selector)}).textContent")

    def chosen(self):
        return self.js("[countemReport.state.row, countemReport.state.column]")

    def centre_of_cell(self, row, column):
        left, top, width, height = self.browser.box("#scan")
        scale = min(width / COLUMNS, height / ROWS)
        return left + width / 2 + (column + 0.5 - COLUMNS / 2) * scale, top + height / 2 + (row + 0.5 - ROWS / 2) * scale

    def hover(self, row, column, canvas, words):
        left, top, width, height = self.browser.box(canvas)
        scale = min(width / COLUMNS, height / ROWS)
        self.browser.move(left + width / 2 + (column + 0.5 - COLUMNS / 2) * scale, top + height / 2 + (row + 0.5 - ROWS / 2) * scale)
        return self.js(f"document.querySelector('{words}').textContent")

    def real_scan(self, *options):
        """A simulated scan, counted with these options: its page has all that a page can have. Returns store and page."""
        raw = self.directory / "raw"
        if not raw.exists():
            run(COUNTEM, "simulate", raw, "--scan", "5x4", "--dark-frames", 4, "--occupancy", 0.01, "--quiet")
        store, page, spoken = self.directory / "real.h5", self.directory / "real.html", self.directory / "count.json"
        store.unlink(missing_ok=True)
        spoken.write_text(run(COUNTEM, "count", *sorted(raw.glob("data_*")), "--dark", *sorted(raw.glob("dark_*")), "-o", store, "--no-png", "--quiet", "--json", *options))
        run(COUNTEM, "report", store, "-o", page, "--count-json", spoken, "--pixel-mrad", 0.25, "--step-nm", 0.5, "--quiet")
        return store, page


def main():
    global screenshots
    if not find_chromium():
        print("skipped: there is no Chromium here; scripts/install_dependencies.sh test installs it", file=sys.stderr)
        sys.exit(1 if os.environ.get("COUNTEM_REQUIRE_BROWSER") == "1" else SKIPPED)
    if "--screenshots" in sys.argv:
        at = sys.argv.index("--screenshots")
        screenshots = pathlib.Path(sys.argv[at + 1])
        screenshots.mkdir(parents=True, exist_ok=True)
        del sys.argv[at : at + 2]
    unittest.main()

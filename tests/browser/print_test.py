"""The page of countem report on paper: complete on A4 and on US Letter, black on white."""

import os
import shutil
import subprocess
import unittest

import report_page
from report_page import ReportPage, main


def text_of(pdf, directory):
    if not shutil.which("pdftotext"):
        message = "there is no pdftotext here; scripts/install_dependencies.sh test installs poppler-utils"
        if os.environ.get("COUNTEM_REQUIRE_BROWSER") == "1":
            raise AssertionError(message)
        raise unittest.SkipTest(message)
    path = directory / "page.pdf"
    path.write_bytes(pdf)
    return subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True, timeout=60).stdout


class Print(ReportPage):
    papers = {"a4": (8.27, 11.69), "letter": (8.5, 11)}

    def test_prints_black_on_white(self):
        self.show(dark=True)
        self.assertTrue(self.browser.pdf(*self.papers["a4"]).startswith(b"%PDF"))
        self.browser.media("print", prefers_color_scheme="dark")
        self.assertEqual(self.js("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertEqual(self.js("getComputedStyle(document.body).color"), "rgb(0, 0, 0)")
        self.assertEqual(self.js("getComputedStyle(document.querySelector('.bench')).display"), "none")

    def test_prints_complete_on_every_paper(self):
        _, page = self.real_scan()
        for name, size in self.papers.items():
            for width in (1440, 820, 390):
                self.show(page, width=width)
                pdf = self.browser.pdf(*size)
                if report_page.screenshots:
                    (report_page.screenshots / f"print_{name}_{width}.pdf").write_bytes(pdf)
                words = text_of(pdf, self.directory)
                for heading in ("Scan and diffraction", "Images of the scan", "Distributions", "Calibration", "What arrived", "Sizes and speeds", "Provenance"):
                    self.assertIn(heading, words, f"{name}, window of {width} pixels")
                self.assertIn("Report command line", words, f"{name}, window of {width} pixels: the last row of the last table")
                self.assertIn("asks the network for nothing", " ".join(words.split()), f"{name}, window of {width} pixels: the page's end")

    def test_a_long_page_is_complete(self):
        self.show()
        self.js("document.querySelector('#provenance').append(...Array.from({length: 90}, (_, i) => { const r = document.createElement('tr');"
                "r.innerHTML = `<th>fact ${i}</th><td>value ${i}</td>`; return r; }))")
        for name, size in self.papers.items():
            words = text_of(self.browser.pdf(*size), self.directory)
            for i in (0, 30, 60, 89):
                self.assertIn(f"value {i}\n", words, name)
            self.assertIn("asks the network for nothing", " ".join(words.split()), name)


if __name__ == "__main__":
    main()

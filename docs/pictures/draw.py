#!/usr/bin/env python3
"""Draws demo.png and report.png from what scripts/demo.sh left.

    scripts/demo.sh && docs/pictures/draw.py demo_out
"""

import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "tests/browser"))

from browser import Browser  # noqa: E402

PICTURES = ("counted_sum.png", "counted_bright_field.png", "counted_dark_field.png", "reduced_com_row.png", "reduced_com_column.png", "reduced_phase.png")


def main():
    made = pathlib.Path(sys.argv[1]).resolve()
    images = "".join(f"<img src='{(made / name).as_uri()}'>" for name in PICTURES)
    style = "body { margin: 12px; background: #fff; display: grid; grid-template-columns: repeat(3, 480px); gap: 12px; align-items: end } img { width: 480px }"
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        sheet = pathlib.Path(folder) / "sheet.html"
        sheet.write_text(f"<!doctype html><style>{style}</style>{images}")
        browser.resize(1488, 800)
        browser.open(sheet)
        (HERE / "demo.png").write_bytes(browser.whole_page_screenshot())
        browser.resize(1440, 900)
        browser.open(made / "report.html")
        (HERE / "report.png").write_bytes(browser.whole_page_screenshot())


if __name__ == "__main__":
    main()

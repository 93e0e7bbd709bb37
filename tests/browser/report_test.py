"""The page of countem report in a real browser: that it shows what the store holds, and that it can be used and read.

    COUNTEM=... MAKE_REPORT_SCAN=... report_test.py [--screenshots DIRECTORY]
"""

import array
import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent / "cli"))

from reduce_test import load_npy  # noqa: E402
from report_page import COLUMNS, COUNTEM, MAKE_SCAN, ROWS, SIDE, ReportPage, main, run  # noqa: E402


def numbers(path, kind):
    read = array.array(kind)
    read.frombytes(path.read_bytes())
    return read


def or_null(values):
    """As the page gives them: NaN, where nothing arrived, is null."""
    return [value if value == value else None for value in values]


class Report(ReportPage):
    # What it shows

    def test_frames_are_those_of_the_store(self):
        run(COUNTEM, "convert", self.store, "-o", self.directory / "events", "--to", "raw_csr")
        indptr, indices, counts = (numbers(self.directory / f"events.{name}.raw", kind) for name, kind in (("indptr", "q"), ("indices", "i"), ("data", "I")))
        shown = self.js(f"Array.from({{length: {ROWS * COLUMNS}}}, (_, i) => {{ const f = countemReport.frameNear(Math.floor(i / {COLUMNS}), i % {COLUMNS});"
                        "return [f.row, f.column, Array.from(f.events)]; })")
        for position, (row, column, events) in enumerate(shown):
            self.assertEqual((row, column), divmod(position, COLUMNS))
            there = range(indptr[position], indptr[position + 1])
            self.assertEqual(events, [indices[i] for i in there for _ in range(counts[i])])
        self.assertEqual(sum(len(events) for _, _, events in shown), self.told["events"])

    def test_images_are_those_of_reduce(self):
        centre = "{row},{column}".format(**self.told["centre"])
        detectors = self.js("countemReport.data.detectors")
        asked = [f"annulus:{one['inner']},{one['outer'] or 1e9}" for one in detectors]
        run(COUNTEM, "reduce", self.store, "-o", self.directory / "r.h5", "--npy", self.directory / "npy", "--sum", "--com", "--errors", "--radial-profile", "--centre", centre, "--virtual", *asked)
        images = {path.stem.removeprefix("r_"): load_npy(path)[1] for path in (self.directory / "npy").glob("*.npy")}
        for i in range(len(detectors)):
            self.assertEqual(self.js(f"Array.from(countemReport.images[{i}].values)"), or_null(images[f"virtual_{i}"]))
        self.assertEqual(self.js("Array.from(countemReport.images[4].values)"), or_null(images["counts"]))
        self.assertEqual(self.js("Array.from(countemReport.sum)"), or_null(images["sum"]))
        finite = [i for i, value in enumerate(images["com_row"]) if value == value]
        self.assertEqual(self.js("Array.from(countemReport.shares)"), list(images["counts_completeness"]))
        self.assertEqual(self.js("countemReport.data.radial.electrons_per_pixel"), or_null(images["radial_mean"]))
        self.assertEqual(self.js("countemReport.data.radial.errors"), or_null(images["radial_mean_error"]))
        for image, which in (("com_row", 0), ("com_column", 1)):
            mean = sum(images[image][i] * images["counts"][i] for i in finite) / sum(images["counts"][i] for i in finite)
            errors = self.js(f"Array.from(countemReport.centreErrors[{which}])")
            for i in finite:
                self.assertAlmostEqual(errors[i] / images[f"{image}_error"][i], 1, delta=1 / 256)
            shown = self.js(f"Array.from({{length: {ROWS * COLUMNS}}}, (_, i) => countemReport.deflection(Math.floor(i / {COLUMNS}), i % {COLUMNS})[{which}])")
            for i in range(ROWS * COLUMNS):
                if i in finite:
                    self.assertAlmostEqual(shown[i], images[image][i] - mean, places=4)
                else:
                    self.assertIn(shown[i], (None, "NaN"))

    def test_scan_axes_are_those_of_reduce(self):
        page, axes = self.directory / "turned.html", ("--scan-rotation", "30", "--flip")
        told = json.loads(run(COUNTEM, "report", self.store, "-o", page, "--json", "--quiet", *axes))
        self.assertTrue(told["scan_rotation"]["turned"])
        run(COUNTEM, "reduce", self.store, "-o", self.directory / "t.h5", "--npy", self.directory / "npy", "--com", "--errors", *axes)
        images = {name: load_npy(self.directory / "npy" / f"t_{name}.npy")[1] for name in ("com_row", "com_column", "com_row_error", "com_column_error")}
        self.show(page)
        for image, which in (("com_row", 0), ("com_column", 1)):
            shown = self.js(f"Array.from({{length: {ROWS * COLUMNS}}}, (_, i) => countemReport.deflection(Math.floor(i / {COLUMNS}), i % {COLUMNS})[{which}])")
            errors = self.js(f"Array.from(countemReport.centreErrors[{which}])")
            for i in (i for i, value in enumerate(images[image]) if value == value):
                self.assertAlmostEqual(shown[i], images[image][i], places=4)
                self.assertAlmostEqual(errors[i] / images[f"{image}_error"][i], 1, delta=1 / 256)
        self.assertIn("Scan axes: flipped, then turned by 30°, as given", self.text("#axes"))
        self.js("document.querySelectorAll('.tile')[5].click()")
        self.browser.settle()
        self.assertIn("in scan axes", self.text("#scan-scale"))
        self.assertRegex(self.hover(7, 9, "#scan", "#scan-readout"), r"[\d.]+ ± [\d.]+ pixels (up|down), [\d.]+ ± [\d.]+ pixels (left|right)")

    def test_the_beam_and_the_rotation_have_errors(self):
        words = self.text("#axes")
        for name, number, error in (("row", "row", "row_error"), ("column", "column", "column_error")):
            value = self.told["centre"]
            self.assertIn(f"{name} {value[number]:.3f} ± {value[error]:.3f}", words)
        self.assertIn(f"{self.told['centre']['radius']:.3f} ± {self.told['centre']['radius_error']:.3f} pixels; {self.told['centre']['electrons']:,} electrons", words)
        self.assertIn(self.told["centre"]["how"], words)
        self.assertFalse(self.told["scan_rotation"]["found"])
        self.assertIn("no rotation found: curl and divergence are noise", words)
        self.assertIn("Detector axes", words)

    def test_canvases_show_something(self):
        for name in ("scan", "pattern", "frame", "arrival"):
            colours = self.js(f"(() => {{ const c = document.getElementById('{name}'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                              "const seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return seen.size; })()")
            self.assertGreater(colours, 4, name)

    def test_it_tells_what_is_missing(self):
        words = self.js("document.getElementById('arrival-legend').textContent")
        self.assertIn("2 sectors missing: 4 positions", words)
        self.assertIn("a frame never arrived: 5 positions", words)
        self.assertIn("sectors 1, 3 missing; 50 % of the detector arrived", self.hover(0, 0, "#arrival", "#arrival-readout"))
        self.assertIn("a frame never arrived; 0 % of the detector arrived", self.hover(ROWS - 1, COLUMNS - 1, "#arrival", "#arrival-readout"))
        self.assertTrue(self.hover(5, 5, "#arrival", "#arrival-readout").endswith(": complete"))
        share = 1 - (5 + 4 / 2 + 16 / 4) / (ROWS * COLUMNS)
        self.assertAlmostEqual(self.told["arrived_share"], share)
        self.assertIn(f"{100 * share:.2f} %, over all frames and pixels", self.text("#arrival-table"))
        facts = self.text("#facts")
        self.assertIn("Incomplete frames20", facts)
        self.assertIn("Missing frames5", facts)
        self.assertIn("no value", self.text("#scan-scale"))
        self.browser.move(5, 5)
        self.js("countemReport.moveTo(0, 0)")
        self.browser.settle()
        self.assertIn("sectors 1, 3 missing", self.js("document.getElementById('frame-note').textContent"))
        self.assertEqual(self.text("#arrival-readout"), "Chosen: row 0, column 0: sectors 1, 3 missing; 50 % of the detector arrived")

    def test_pixels_that_no_frame_has_have_no_value(self):
        self.assertNotIn("no value", self.text("#pattern-scale"))
        self.real_scan()
        store, page = self.directory / "three.h5", self.directory / "three.html"
        modules = [path for path in sorted((self.directory / "raw").glob("data_*")) if "module1" not in path.name]
        run(COUNTEM, "count", *modules, "--threshold", 40, "-o", store, "--no-png", "--quiet")
        run(COUNTEM, "report", store, "-o", page, "--quiet")
        self.show(page)
        missing = self.js("Array.from(countemReport.sum, (v) => Number.isNaN(v))")
        self.assertEqual(missing, [144 <= i // 576 < 288 for i in range(576 * 576)])
        self.assertIn("no value", self.text("#pattern-scale"))
        left, top, width, height = self.browser.box("#pattern")
        self.browser.move(left + width / 2, top + height * 200 / 576)
        self.assertRegex(self.text("#pattern-readout"), r"Row 20\d, column 28\d: no frame has it")

    def test_a_calibration_is_drawn_with_its_fit(self):
        _, page = self.real_scan()
        self.show(page)
        self.picture("calibrated")
        self.assertEqual(self.js("document.querySelectorAll('#noise-chart .curve').length"), 2, "the fit, and the mirrored charges")
        self.assertEqual(self.js("document.querySelectorAll('#threshold-chart .curve').length"), 1)
        self.assertEqual(self.js("document.querySelectorAll('#threshold-chart .mark').length"), 1)
        self.assertIn("false events per frame", self.js("document.getElementById('calibration-words').textContent"))
        self.assertEqual(self.js("document.querySelectorAll('#charge-chart .mark').length"), 2)
        self.assertIn("sigma above", self.js("document.getElementById('calibration-words').textContent"))
        self.assertIn("frames/s", self.js("document.getElementById('sizes').textContent"))
        self.assertIn("mrad", self.js("document.getElementById('tiles').textContent"))
        self.assertEqual(self.js("document.querySelectorAll('.chart svg').length"), 5)

    # How it is used

    def test_hover_and_click(self):
        value = self.js("countemReport.value(0, 3, 7)")
        self.assertIn(f"row 3, column 7: {value} ± {value ** 0.5:.1f} electrons", self.hover(3, 7, "#scan", "#scan-readout"))
        self.browser.click(*self.centre_of_cell(11, 4))
        self.assertEqual(self.chosen(), [11, 4])
        self.assertEqual(self.js("document.getElementById('frame-heading').textContent"), "Frame at row 11, column 4")
        electrons = self.js("countemReport.frameNear(11, 4).events.length")
        self.assertEqual(self.js("document.getElementById('frame-readout').textContent"), f"{electrons} electrons")
        left, top, width, height = self.browser.box("#pattern")
        self.browser.move(left + width / 2, top + height / 2)
        self.assertRegex(self.js("document.getElementById('pattern-readout').textContent"), r"Row 4[78], column 4[78]: \d+ electrons?; .* from the centre")

    def test_keyboard(self):
        self.js("document.getElementById('scan').focus()")
        self.assertEqual(self.chosen(), [ROWS // 2, COLUMNS // 2])
        for key, shift in (("ArrowRight", False), ("ArrowDown", False), ("ArrowLeft", True), ("ArrowUp", True)):
            self.browser.key(key, shift)
        self.assertEqual(self.chosen(), [0, 1])
        self.assertIn("row 0, column 1", self.js("document.getElementById('spoken').textContent"))
        before = self.js("document.getElementById('scan').toDataURL()")
        self.browser.key("+")
        zoomed = self.js("document.getElementById('scan').toDataURL()")
        self.assertNotEqual(zoomed, before)
        self.browser.key("0")
        self.assertEqual(self.js("document.getElementById('scan').toDataURL()"), before)
        self.js("document.getElementById('events-chart').firstChild.focus()")
        self.browser.key("ArrowRight")
        self.assertRegex(self.js("document.querySelector('#events-chart .readout').textContent"), r"electrons: \d+ frames?")

    def test_every_control_is_reached_and_seen(self):
        reached = []
        for _ in range(40):
            self.browser.key("Tab")
            told = self.js("(() => { const e = document.activeElement; const s = getComputedStyle(e); return [e.id || e.className.baseVal || e.className || e.tagName,"
                           "parseFloat(s.outlineWidth) > 1 && s.outlineStyle !== 'none' || e.className === 'skip', e.getAttribute('aria-label') || e.textContent || e.labels?.[0]?.textContent || '']; })()")
            if told[0] == "BODY":
                break
            reached.append(told[0])
            self.assertTrue(told[1], f"{told[0]} shows no focus")
            self.assertTrue(told[2].strip() or told[0].startswith("svg") or told[0] == "", f"{told[0]} has no name")
        for name in ("map-choice", "scan", "logarithmic", "rings", "pattern", "frame", "colours", "clip", "zoom-in", "tile", "arrival"):
            self.assertIn(name, reached)

    def test_pan_and_zoom(self):
        left, top, width, height = self.browser.box("#pattern")
        x, y = left + width / 2, top + height / 2
        image = "document.getElementById('pattern').toDataURL()"
        other = "document.getElementById('frame').toDataURL()"
        whole, frame = self.js(image), self.js(other)
        self.browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300, modifiers=2)
        self.browser.settle()
        zoomed = self.js(image)
        self.assertNotEqual(zoomed, whole)
        self.assertNotEqual(self.js(other), frame, "the frame shows the same part as the sum")
        self.browser.drag(x, y, x + 60, y + 30)
        self.assertNotEqual(self.js(image), zoomed)
        before = self.js("scrollY")
        self.browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=100)
        self.js("new Promise((done) => setTimeout(done, 200))")
        self.assertNotEqual(self.js("scrollY"), before, "without Ctrl, the wheel scrolls the page")
        self.js("document.getElementById('zoom-fit').click()")
        self.browser.settle()

    def test_images_can_be_chosen(self):
        self.js("document.querySelectorAll('.tile')[5].click()")
        self.browser.settle()
        self.assertEqual(self.js("document.getElementById('scan-heading').textContent"), "Centre of mass")
        self.assertFalse(self.js("document.getElementById('descan-tool').hidden"))
        before = self.js("document.getElementById('scan').toDataURL()")
        self.js("document.getElementById('descan').click()")
        self.browser.settle()
        self.assertNotEqual(self.js("document.getElementById('scan').toDataURL()"), before)
        self.picture("centre_of_mass")

    # How it is read

    def test_fits_every_screen(self):
        for name, width, dark in (("wide", 1440, False), ("dark", 1440, True), ("tablet", 820, False), ("phone", 390, True)):
            self.show(width=width, dark=dark, mobile=width < 500)
            self.assertLessEqual(self.js("document.documentElement.scrollWidth"), width, name)
            boxes = self.js("['scan', 'pattern', 'frame'].map((id) => { const b = document.getElementById(id).getBoundingClientRect(); return [b.top, b.width, b.height]; })")
            for top, wide, high in boxes:
                self.assertLess(wide, width)
                self.assertLessEqual(high, 1.5 * wide + 1)
            if width > 1020:
                self.assertEqual(len({top for top, _, _ in boxes}), 1, "the images of a row begin on one line")
            self.picture(name)

    def test_words_stand_out(self):
        luminance = ("(c) => { const [r, g, b] = c.match(/[\\d.]+/g).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });"
                     "return 0.2126 * r + 0.7152 * g + 0.0722 * b; }")
        for dark in (False, True):
            self.show(dark=dark)
            contrasts = self.js(f"(() => {{ const l = {luminance}; const paper = l(getComputedStyle(document.body).backgroundColor);"
                                "return ['.eyebrow', 'h1', '.summary', 'dt', 'dd', '.readout', '.keys', 'th', 'td', 'footer'].map((s) => {"
                                "const ink = l(getComputedStyle(document.querySelector(s)).color); return [s, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)]; }); })()")
            for selector, contrast in contrasts:
                self.assertGreaterEqual(contrast, 4.5, f"{selector}, dark: {dark}")

    # How large it is

    def test_a_large_scan_stays_small(self):
        store, page = self.directory / "large.h5", self.directory / "large.html"
        run(MAKE_SCAN, store, 256, 256, 1, 332, 576)
        told = json.loads(run(COUNTEM, "report", store, "-o", page, "--json", "--quiet"))
        self.assertLess(page.stat().st_size, 15_000_000)
        self.assertEqual(told["bytes"], page.stat().st_size)
        seconds = self.show(page)
        print(f"\n256 x 256 positions, {told['events']} electrons: {page.stat().st_size / 1e6:.2f} MB, open after {seconds:.2f} s", file=sys.stderr)
        self.assertLess(seconds, 20)
        self.assertIn("one position in 2 × 2", self.js("document.getElementById('frame-note').textContent"))
        self.assertEqual(self.js("(() => { const f = countemReport.frameNear(100, 200); return [f.row, f.column]; })()"), [101, 201])

    def test_without_room_it_says_so(self):
        page = self.directory / "small.html"
        told = json.loads(run(COUNTEM, "report", self.store, "-o", page, "--json", "--quiet", "--limit", 0.1))
        self.assertIsNone(told["embedded_frames"])
        self.show(page)
        self.assertIn("carries no frames", self.js("document.getElementById('frame-note').textContent"))

    def test_odd_scans(self):
        for rows, columns, repeats, electrons in ((1, 1, 1, 5), (1, 300, 1, 3), (40, 1, 2, 0), (3, 4, 3, 0.2)):
            store, page = self.directory / "odd.h5", self.directory / "odd.html"
            run(MAKE_SCAN, store, rows, columns, repeats, electrons, SIDE)
            run(COUNTEM, "report", store, "-o", page, "--quiet")
            self.show(page)
            self.picture(f"odd_{rows}x{columns}x{repeats}")
            self.js("countemReport.moveTo(0, 0)")
            self.assertEqual(self.chosen(), [0, 0])


if __name__ == "__main__":
    main()

"""The scripts of the page by themselves, in a document without any element of the page, and what the page says about units and guesses."""

import json
import pathlib
import re

from report_page import COUNTEM, MAKE_SCAN, SIDE, ReportPage, main, run

REPORT = pathlib.Path(__file__).resolve().parents[2] / "host/cli/report"
PAGE = {"page.js", "start.js"}


def script_names():
    listed = re.search(r"set\(scripts ([^)]*)\)", (REPORT / "CMakeLists.txt").read_text()).group(1)
    return [pathlib.Path(name) for name in listed.split()]


class Modules(ReportPage):
    def test_every_script_is_listed_and_short(self):
        self.assertEqual({name.name for name in script_names()}, {path.name for path in (REPORT / "js").glob("*.js")})
        for name in script_names():
            self.assertLess(len((REPORT / name).read_text().splitlines()), 300, name)

    def test_only_the_page_knows_ids(self):
        for name in script_names():
            knows = re.search(r"getElementById|querySelector|\belement\(", (REPORT / name).read_text()) is not None
            self.assertEqual(knows, name.name in PAGE, name)

    def load_modules(self):
        """An empty document with all scripts but the page's."""
        self.js("document.body.replaceChildren()")
        scripts = "\n".join((REPORT / name).read_text() for name in script_names() if name.name not in PAGE)
        offered = ("varints, allVarints, floats, coarseFloats, FramePack, short, plusMinus, electronsText, percent, axesRows, centreRows, size, withUnit, roundBelow, ticks, decades, Units, Palette, scaleOf, bitmap, Lens, Viewer, scaleBar, drawCursor,"
                   "drawDetectors, ScanImages, makeTiles, drawEvents, frameNote, statusText, Chart, eventsPerFrameChart, radialChart, noiseChart,"
                   "calibrationWords, arrivalLegend, arrivalRows, fillTable, headlineFacts, sizeRows")
        self.js(f"window.data = countemReport.data; (() => {{ {scripts}\n window.m = {{ {offered} }}; }})()")

    def test_numbers(self):
        self.load_modules()
        self.assertEqual(self.js("[m.short(0), m.short(1234567), m.short(0.12345), m.short(NaN), m.short(-1500), m.short(2e-5)]"),
                         ["0", "1.23e6", "0.123", "none", "-1,500", "2.00e-5"])
        self.assertEqual(self.js("[m.plusMinus(2.1344, 0.312), m.plusMinus(1234.5, 67), m.plusMinus(0.5, 0.00213), m.plusMinus(7.1, NaN), m.plusMinus(7.1, null), m.plusMinus(3, 0)]"),
                         ["2.13 ± 0.31", "1,235 ± 67", "0.5000 ± 0.0021", "7.1", "7.1", "3"])
        self.assertEqual(self.js("[m.electronsText(0), m.electronsText(1), m.electronsText(5), m.electronsText(12345)]"),
                         ["0 electrons", "1 ± 1 electrons", "5 ± 2.2 electrons", "12,345 ± 111 electrons"])
        self.assertEqual(self.js("[m.percent(1), m.percent(0.999999), m.percent(0.375), m.percent(0)]"), ["100 %", "above 99.99 %", "37.5 %", "0 %"])
        self.assertEqual(self.js("[m.size(999), m.size(1000), m.size(2.5e9)]"), ["999 B", "1.00 kB", "2.50 GB"])
        self.assertEqual(self.js("[m.withUnit(1, 'pixels'), m.withUnit(2, 'pixels'), m.withUnit(1, 'mrad')]"), ["1 pixel", "2 pixels", "1 mrad"])
        self.assertEqual(self.js("[m.roundBelow(0.3), m.roundBelow(5), m.roundBelow(19)]"), [0.2, 5, 10])
        self.assertEqual(self.js("[m.ticks(0, 10, 5), m.decades(0.5, 2000)]"), [[0, 2, 4, 6, 8, 10], [1, 10, 100, 1000]])

    def test_numbers_from_text(self):
        self.load_modules()
        self.assertEqual(self.js("[Array.from(m.allVarints('AKwCfw==')), Array.from(m.varints('AKwCfw==', 2)), Array.from(m.floats('AACAPwAAAMA='))]"),
                         [[0, 300, 127], [0, 300], [1, -2]])
        self.assertEqual(self.js("Array.from(m.coarseFloats('gD8AwMB/'), (n) => (Number.isNaN(n) ? 'NaN' : n))"), [1, -2, "NaN"])

    def test_words_about_the_beam_and_the_axes(self):
        self.load_modules()
        units = "new m.Units({ pixel_mrad: 0.5, step_nm: null, frame, maps: { stride: 1 }, scan: { frames_per_position: 1, row: frame.row, column: frame.column } })"
        frame = "const frame = { row: { first: -0.25, step: 0.5 }, column: { first: -0.25, step: 0.5 } };"
        centre = "{ row: 20.5, column: 40.5, row_error: 0.12, column_error: null, how: 'found in x', guess: false }"
        self.assertEqual(self.js(f"(() => {{ {frame} return m.centreRows({{ frame, centre: {centre}, beam: {{ radius: 12, radius_error: 0.1, electrons: 5, how: 'found in y' }} }}, {units}); }})()"),
                         [["Centre", "row 10.00 ± 0.12, column 20 (detector pixels); found in x"], ["Beam radius", "6.000 ± 0.050 mrad; 5 electrons within it; found in y"]])
        self.assertEqual(self.js(f"(() => {{ {frame} return m.centreRows({{ frame, centre: {centre}, beam: null }}, {units})[1]; }})()"), ["Beam radius", "no beam was found"])
        axes = ("{ found: true, degrees: -12.34, error_degrees: 0.4, flip: true, flip_found: true, flip_given: false, curl_ratio: 3.2, sign_found: false, skewness: 1,"
                " description: '', turned_degrees: null, turned_flip: false, turned_as_given: false }")
        rows = self.js(f"m.axesRows({{ centre_of_mass: {{ axes: {axes} }} }})")
        self.assertEqual(rows, [["Scan rotation of least curl", "-12.34 ± 0.40°"], ["Flip", "flipped, found: the other hand has 3.2 times the curl"],
                                ["Sign", "not found: the rotation may be half a turn more"],
                                ["Centres of mass are in", "Detector axes (countem report --scan-rotation auto turns them into scan axes)"]])

    def test_one_unit_for_all_lengths(self):
        self.load_modules()
        units = "new m.Units({ pixel_mrad: %s, step_nm: %s, frame: { row: { first: -0.25, step: %s }, column: { first: 3, step: 1 } }, maps: { stride: %d }, scan: { frames_per_position: %d, row: { first: 1, step: 1 }, column: { first: 0.5, step: 2 } } })"
        plain, angles, fine, blocks = (units % one for one in (("null", "null", 1, 1, 1), ("0.5", "2", 1, 1, 3), ("0.5", "null", 0.5, 1, 1), ("null", "2", 1, 3, 1)))
        self.assertEqual(self.js(f"(() => {{ const u = {plain}; return [u.length(12), u.length(1), u.electrons, u.range({{inner: 0, outer: 5}}), u.detectorLabel('disk:3')]; }})()"),
                         ["12 pixels", "1 pixel", "electrons per frame", "up to 5 pixels", "disk:3"])
        self.assertEqual(self.js(f"(() => {{ const u = {angles}; return [u.length(12), u.scan, u.electrons, u.range({{inner: 4, outer: null}}), u.detectorLabel('disk:3')]; }})()"),
                         ["6 mrad", [2, "nm"], "electrons per position", "beyond 2 mrad", "disk:3 (pixels)"])
        self.assertEqual(self.js(f"[{fine}.length(12), {fine}.pixel]"), ["3 mrad", "cell"])
        self.assertEqual(self.js(f"[{fine}.place(1, 2), {fine}.place(1, 2, 1), {fine}.scanRow(4), {fine}.scanColumn(4)]"),
                         ["row 0.25, column 5", "row 0.3, column 5.0", "5", "8.5"])
        self.assertEqual(self.js(f"[{blocks}.scan, {blocks}.electrons]"), [[6, "nm"], "electrons per block of 3 × 3 positions"])

    def test_drawing_needs_nothing_of_the_page(self):
        self.load_modules()
        drawn = self.js("""(() => {
          const box = document.createElement("div"), canvas = document.createElement("canvas"), chart = document.createElement("div");
          const tiles = document.createElement("div"), table = document.createElement("table");
          box.style.cssText = "width: 300px; height: 300px"; canvas.style.cssText = "width: 300px; height: 300px"; chart.style.width = "500px";
          box.append(canvas); document.body.append(box, chart, tiles, table);
          const units = new m.Units(data), maps = new m.ScanImages(data, units), palette = new m.Palette(data.colours);
          const look = { palette, colours: "perceptual", clip: 0.2, descan: false };
          const frames = new m.FramePack(data.frames, "");
          new m.Viewer(canvas, new m.Lens(data.frame.height, data.frame.width), { paint(context, viewer) {
            m.drawEvents(context, viewer, null, data.frames, palette.ramps.gray);
            viewer.image(context, m.bitmap(4, 4, () => [200, 10, 10]));
            m.drawDetectors(context, viewer, data.detectors, 0);
            m.scaleBar(context, viewer, ...units.pattern);
            m.drawCursor(context, viewer, 1, 1);
          } }).draw();
          new m.Chart(chart, m.radialChart(data, units));
          m.makeTiles(tiles, maps, data.detectors, () => {})(0, look);
          m.fillTable(table, [...m.arrivalRows(data.complete, 1), ...m.sizeRows(data, 0)]);
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          const seen = new Set(); for (let i = 0; i < pixels.length; i += 4) seen.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
          return [seen.size > 8, chart.querySelectorAll("svg path").length, tiles.children.length, table.rows.length > 8,
                  m.headlineFacts(data).length, m.arrivalLegend(maps, new Uint8Array(maps.cells)).length, frames.starts.length];
        })()""")
        self.assertEqual(drawn[:6], [True, 2, 6, True, 8, 1])
        self.assertEqual(self.browser.complaints, [])

    def test_words_about_missing_data(self):
        self.load_modules()
        self.assertEqual(self.js("[0, 1, 0x8f, 0x2a, 0x10].map(m.statusText)"),
                         ["complete", "sector 0 missing", "a frame never arrived; sectors 0, 1, 2, 3 missing", "sectors 1, 3 missing; X-rays were rejected",
                          "a record was cut short"])
        self.assertIn("carries no frames", self.js("m.frameNote(null, null, 0, 0, 1, 0)"))
        self.assertEqual(self.js("m.frameNote({ row: 1, column: 1 }, { stride: 2, bin: 2 }, 0, 0, 3, 1)"),
                         "This is the nearest frame that the page carries. To stay small, the page carries one position in 2 × 2, 2 × 2 pixels as one. "
                         "All 3 frames of the position together. At this position: sector 0 missing.")

    # What the page says

    def test_the_page_measures_in_one_unit(self):
        _, page = self.real_scan()
        self.show(page)
        self.js("document.querySelectorAll('.tile')[5].click()")
        self.browser.settle()
        for selector in ("#pattern-readout", "#scan-readout", "#scan-scale", "#tiles", "#radial-chart"):
            words = self.text(selector)
            self.assertIn("mrad", words, selector)
            self.assertNotRegex(words, r"\d pixels?", selector)
        self.assertIn("electrons per frame", self.text("#events-chart"))
        self.assertRegex(self.text("#noise-chart"), r"pixels per [\d.]+ ADU")

    def test_thresholds_that_were_given_keep_the_histogram(self):
        for options, about in ((("--threshold", 40), "threshold"), (("--threshold", 40, "--xray-threshold", 900), "both thresholds")):
            _, page = self.real_scan(*options)
            self.show(page)
            self.assertEqual(self.js("document.querySelectorAll('#calibration-charts svg').length"), 3, about)
            self.assertEqual(self.js("document.querySelectorAll('#noise-chart .curve').length"), 2, about)
            self.assertIn("threshold 40 ADU", self.text("#noise-chart"), about)
            self.assertRegex(self.text("#calibration-words"), r"the threshold lies [\d.]+ sigma above its mean", about)

    def test_a_centre_that_is_a_guess_is_marked(self):
        self.assertTrue(self.js("document.getElementById('guesses').hidden"))
        store, page = self.directory / "empty.h5", self.directory / "empty.html"
        run(MAKE_SCAN, store, 4, 5, 1, 0.2, SIDE)
        told = json.loads(run(COUNTEM, "report", store, "-o", page, "--json", "--quiet"))
        self.assertTrue(told["centre"]["guess"])
        self.show(page)
        self.assertFalse(self.js("document.getElementById('guesses').hidden"))
        self.assertIn("is a guess", self.text("#guesses"))
        self.assertIn("(a guess)", self.text("#pattern-readout"))
        run(COUNTEM, "report", store, "-o", page, "--centre", "48,48", "--virtual", "disk:9", "--quiet")
        self.show(page)
        self.assertTrue(self.js("document.getElementById('guesses').hidden"))


if __name__ == "__main__":
    main()

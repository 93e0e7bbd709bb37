"""The viewer's Python side, and its page in a browser with a stub in the place of JupyterLab."""

import base64
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import traitlets
from conftest import count, run

import countem as ct
from countem import _countem
from countem._lookup import ABSENT, Lookup
from countem._viewer import Viewer
from notebook_browser import Browser, chromium_is_there, drag_slowly, wait

STATIC = pathlib.Path(_countem.__file__).parent / "static"


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """16 rows of 24 positions, frames of 64 x 64."""
    folder = tmp_path_factory.mktemp("wide")
    run("simulate", folder / "sim", "--scan", "24x16", "--frame", "64x64", "--format", "npy", "--occupancy", 0.01, "--dark-frames", 20)
    run("count", folder / "sim" / "data.npy", "--dark", folder / "sim" / "dark.npy", "-o", folder / "counted.h5")
    return folder / "counted.h5"


class Asked:
    """A viewer whose answers are kept instead of sent."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.answers = viewer, []
        viewer.send = lambda answer, buffers=None: self.answers.append((answer, buffers or []))

    def __call__(self, **question):
        self.viewer._handle_custom_msg(question, [])
        answer, buffers = self.answers.pop()
        return answer, (buffers[0] if buffers else None)

    def image(self, detector, *, final=False):
        answer, numbers = self(type="image", detector=detector, final=final)
        return answer, np.frombuffer(numbers, np.uint32).reshape(self.viewer.scan.shape[:2])


def ring(inner, outer, row, column):
    return {"kind": "annulus" if inner else "disk", "inner": inner, "outer": outer, "centre": [row, column]}


def exact(scan, one):
    detector = ct.annulus(one["inner"], one["outer"], centre=tuple(one["centre"])) if one["inner"] else ct.disk(one["outer"], centre=tuple(one["centre"]))
    return np.asarray(scan.virtual(detector))


def drags(random, scan, steps):
    """Detectors that move, grow and jump, also over the edges of the frame and beyond."""
    height, width = scan.shape[-2] * scan.axes[-2].step, scan.shape[-1] * scan.axes[-1].step
    for _ in range(steps):
        inner = random.choice([0.0, 3.5, 11.0])
        yield ring(float(inner), float(inner + random.uniform(0.5, 30)), float(random.uniform(-5, height + 5)), float(random.uniform(-5, width + 5)))


# Images

@pytest.mark.parametrize("part", ["whole", "positions", "cropped", "binned"])
def test_images_are_those_of_virtual(wide, part):
    with ct.open(wide) as opened:
        scan = {"whole": opened, "positions": opened[2:9, 3:17], "cropped": opened[:, :, 10:50, 5:60], "binned": opened.bin(3, scan=2)}[part]
        asked = Asked(scan.view())
        for one in drags(np.random.default_rng(3), scan, 25):
            answer, image = asked.image(one)
            assert answer["exact"]
            assert np.array_equal(image, exact(scan, one)), one


def test_repeats_are_added_up(tmp_path):
    with ct.open(count(tmp_path, scan="4x3x2")) as scan:
        asked = Asked(scan.view())
        for one in drags(np.random.default_rng(4), scan, 10):
            assert np.array_equal(asked.image(one)[1], exact(scan, one))
        answer, events = asked(type="frame", row=1, column=2)
        both = np.concatenate([scan.events(1, 2, repeat) for repeat in (0, 1)])
        assert (answer["row"], answer["column"]) == (1, 2)
        assert sorted(np.frombuffer(events, np.uint32)) == sorted(both)


def test_every_way_to_an_image_is_taken():
    """Pixels one by one, tiles added and subtracted, and several threads: 20 x 20 pixels, of which a quarter is far brighter."""
    random = np.random.default_rng(5)
    chance = np.ones((20, 20))
    chance[5:15, 5:15] = 60
    frames = [np.sort(random.choice(400, 7000, p=chance.ravel() / chance.sum())).astype(np.uint32) for _ in range(300)]
    indptr = np.arange(301, dtype=np.uint64) * np.uint64(7000)
    electrons = _countem.EventsByPixel((20, 20), 1, indptr, np.concatenate(frames), 2)
    assert electrons.positions == 300
    image, mask = np.zeros(300, np.uint32), np.zeros(400, np.uint8)
    for now in [np.ones(400), random.random(400) < 0.5, random.random(400) < 0.9, random.random(400) < 0.1, np.zeros(400), chance.ravel() > 1, chance.ravel() == 1]:
        now = np.asarray(now, np.uint8)
        image, mask = electrons.changed(image, mask, now), now
        assert np.array_equal(image, [now[frame].sum(dtype=np.uint32) for frame in frames])


@pytest.mark.parametrize(("indptr", "indices", "repeats"), [([0, 2], [1, 400], 1), ([0, 3], [1, 2], 1), ([0, 1, 2], [1, 2], 3), ([1, 2], [1, 2], 1), ([0, 2, 1, 2], [1, 2], 1)])
def test_events_that_contradict_each_other_are_refused(indptr, indices, repeats):
    with pytest.raises(ValueError, match="beyond the detector|contradict|no whole positions"):
        _countem.EventsByPixel((20, 20), repeats, np.array(indptr, np.uint64), np.array(indices, np.uint32), 1)


def test_images_and_masks_of_other_sizes_are_refused():
    electrons = _countem.EventsByPixel((2, 2), 1, np.array([0, 1], np.uint64), np.array([3], np.uint32), 1)
    good = np.zeros(1, np.uint32), np.zeros(4, np.uint8), np.ones(4, np.uint8)
    assert electrons.changed(*good) == [1]
    for i in range(3):
        with pytest.raises(ValueError, match="elements"):
            electrons.changed(*(np.append(one, one) if i == j else one for j, one in enumerate(good)))


def test_what_does_not_fit_is_thinned_and_exact_when_released(wide):
    with ct.open(wide) as scan:
        asked = Asked(scan.view(memory=8 * scan.nnz / 3.5))
        thinned = asked.viewer.facts["thinned"]
        assert thinned == 4
        assert asked.viewer._lookup.nbytes < 8 * scan.nnz / 3.5 + 8 * (64 * 64 + 1)
        kept = np.zeros(scan.nnz, bool)
        kept[::thinned] = True
        rows, columns = np.divmod(scan.indices, 64)
        for one in drags(np.random.default_rng(6), scan, 10):
            within = (rows - one["centre"][0]) ** 2 + (columns - one["centre"][1]) ** 2
            within = (within >= one["inner"] ** 2) & (within < one["outer"] ** 2) & kept
            answer, image = asked.image(one)
            assert not answer["exact"]
            assert np.array_equal(image.ravel(), thinned * np.add.reduceat(np.append(within, False).astype(int), scan.indptr[:-1].astype(int)) * (np.diff(scan.indptr) > 0))
            answer, image = asked.image(one, final=True)
            assert answer["exact"]
            assert np.array_equal(image, exact(scan, one))


def test_frames_that_never_arrived(wide, monkeypatch):
    with ct.open(wide) as scan:
        counts = scan.counts.copy()
        counts[3, 4] = np.nan
        monkeypatch.setitem(scan.__dict__, "counts", counts)
        lookup = Lookup(scan, 1e9)
        image = lookup.image(ct.disk(20, centre=(30, 30)), (30, 30))
        assert image[3, 4] == ABSENT
        assert (image == ABSENT).sum() == 1


# State

def test_state_in_python(scan):
    viewer = scan.view([ct.disk(5, centre=(20.5, 30.25)), ct.annulus(6, 12.125)])
    assert viewer.code == "scan.virtual(ct.disk(5.0, centre=(20.5, 30.25)))"
    assert np.array_equal(viewer.image, eval(viewer.code, {"scan": scan, "ct": ct}))
    viewer.chosen = 1
    assert viewer.detector.kind == "annulus"
    assert np.array_equal(viewer.image, eval(viewer.code, {"scan": scan, "ct": ct}))
    with pytest.warns(ct.CountemWarning, match="no beam"):
        assert viewer.detectors[1]["centre"] == pytest.approx(list(scan.centre()), abs=0.05)
    with pytest.raises(traitlets.TraitError, match="row 3 is beyond the scan, which has 3"):
        viewer.position = [3, 0]
    with pytest.raises(traitlets.TraitError, match="there is no detector 2"):
        viewer.chosen = 2
    with pytest.raises(traitlets.TraitError, match="at least one"):
        viewer.detectors = []
    with pytest.raises(traitlets.TraitError, match="0 <= inner < outer"):
        viewer.detectors = [ring(5.0, 4.0, 1, 1)]
    with pytest.raises(ValueError, match="disks and annuli"):
        scan.view([ct.wedge(1, 5, 0, 90)])
    with pytest.raises(ValueError, match="mrad"):
        scan.view([ct.disk(5, unit="mrad")])


def test_questions_that_make_no_sense_have_an_answer(scan):
    asked = Asked(scan.view())
    assert "0 <= inner < outer" in asked(type="image", detector={"kind": "disk", "outer": 0, "centre": [1, 1]})[0]["problem"]
    assert "row 7 is beyond the scan" in asked(type="frame", row=7, column=0)[0]["problem"]


def test_the_pattern_is_the_sum(wide):
    with ct.open(wide) as scan:
        asked = Asked(scan.view())
        answer, numbers = asked(type="pattern")
        assert (answer["height"], answer["width"], answer["bin"]) == (64, 64, 1)
        assert np.array_equal(np.frombuffer(numbers).reshape(64, 64), scan.sum())
        asked.viewer._pattern = np.arange(1500 * 2060.0).reshape(1500, 2060)
        answer, numbers = asked(type="pattern")
        assert (answer["height"], answer["width"], answer["bin"]) == (500, 687, 3)
        small = np.frombuffer(numbers).reshape(500, 687)
        assert small[1, 2] == asked.viewer._pattern[3:6, 6:9].sum()
        assert small[-1, -1] == asked.viewer._pattern[1497:, 2058:].sum()


def test_without_anywidget(counted):
    script = ("import sys; sys.modules['anywidget'] = None; import countem as ct\n"
              f"try: ct.open({str(counted)!r}).view()\nexcept ImportError as error: print(error)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(STATIC.parent.parent)})
    assert done.stdout == "the viewer is drawn by anywidget: pip install anywidget\n"


# In a browser

class Page:
    """The widget's module in an empty page; its questions go to a viewer and the answers back."""

    HTML = """<!doctype html><meta charset="utf-8"><style>{css}</style><body style="margin:0"><div id="widget"></div><script type="module">{js}
      window.outbox = [];
      const listeners = new Map(), state = {state};
      const model = {{ get: (name) => state[name], set: (name, value) => {{ state[name] = value; }}, save_changes: () => {{ window.outbox.push({{ saved: {{ ...state }} }}); }},
        send: (question) => {{ window.outbox.push({{ question }}); }},
        on: (event, one) => {{ listeners.set(event, [...(listeners.get(event) ?? []), one]); }},
        off: (event, one) => {{ listeners.set(event, (listeners.get(event) ?? []).filter((other) => other !== one)); }} }};
      window.heard = (event, ...told) => (listeners.get(event) ?? []).forEach((one) => one(...told));
      window.fromPython = (changed) => {{ Object.assign(state, changed); Object.keys(changed).forEach((name) => window.heard("change:" + name)); }};
      window.listeners = () => [...listeners.values()].flat().length;
      const el = document.getElementById("widget");
      window.closeWidget = render({{ model, el }});
      window.viewer = el.countemViewer;</script>"""

    def __init__(self, browser, viewer, folder):
        self.browser, self.viewer, self.asked = browser, viewer, Asked(viewer)
        state = {name: getattr(viewer, name) for name in ("facts", "detectors", "chosen", "position")}
        js = (STATIC / "viewer.js").read_text().replace("export default { render };", "")
        (folder / "page.html").write_text(self.HTML.format(css=(STATIC / "viewer.css").read_text(), js=js, state=json.dumps(state)))
        browser.resize(1000, 900)
        browser.open(folder / "page.html")
        self.exchange()

    def exchange(self):
        """Carries questions and state to Python, and answers back, until there are none."""
        while sent := self.browser.evaluate("window.outbox.splice(0)"):
            for one in sent:
                if "saved" in one:
                    for name in ("detectors", "chosen", "position"):
                        setattr(self.viewer, name, one["saved"][name])
                    continue
                answer, numbers = self.asked(**one["question"])
                coded = base64.b64encode(numbers or b"").decode()
                self.browser.evaluate(f"window.heard('msg:custom', {json.dumps(answer)}, [new DataView(Uint8Array.from(atob('{coded}'), (c) => c.charCodeAt(0)).buffer)])")
        self.browser.settle()
        assert self.browser.complaints == []

    def js(self, script):
        return self.browser.evaluate(script)

    def shown(self):
        return np.array(self.js("Array.from(viewer.image)")).reshape(self.viewer.scan.shape[:2])

    def place(self, row, column, canvas="pattern"):
        left, top, *_ = self.browser.box(f'[data-part="{canvas}"]')
        x, y = self.js(f"[viewer.{canvas}Viewer.x({column} + 0.5), viewer.{canvas}Viewer.y({row} + 0.5)]")
        return left + x, top + y

    def text(self, part):
        return self.js(f"document.querySelector('[data-part=\"{part}\"]').textContent")


@pytest.fixture(scope="module")
def browser():
    if not chromium_is_there():
        pytest.skip("there is no Chromium here; scripts/install_dependencies.sh test installs it")
    with Browser() as opened:
        yield opened


@pytest.fixture
def page(browser, wide, tmp_path):
    with ct.open(wide) as scan:
        yield Page(browser, scan.view([ct.disk(12, centre=(31, 32)), ct.annulus(15, 25, centre=(31, 32))]), tmp_path)


def test_a_drag_moves_the_detector_and_the_image_follows(page):
    before = page.shown()
    assert np.array_equal(before, exact(page.viewer.scan, ring(0, 12.0, 31, 32)))
    middle = []
    drag_slowly(page.browser, page.place(31, 32), page.place(41, 22), lambda: (page.exchange(), middle.append(page.shown())))
    page.exchange()
    moved = page.viewer.detectors[0]
    assert moved["centre"] == pytest.approx([41, 22], abs=0.3)
    assert moved["outer"] == 12
    assert np.array_equal(page.shown(), exact(page.viewer.scan, moved))
    assert not np.array_equal(page.shown(), before)
    assert len({one.tobytes() for one in middle}) > 2  # it follows, not only when released
    assert page.text("code") == page.viewer.code
    assert page.viewer.detectors[1] == ring(15.0, 25.0, 31.0, 32.0)


def test_edges_resize(page):
    drag_slowly(page.browser, page.place(31, 44), page.place(31, 50), page.exchange)
    page.exchange()
    resized = page.viewer.detectors[0]
    assert resized["outer"] == pytest.approx(18, abs=0.3)
    assert resized == ring(0, resized["outer"], 31, 32)
    page.js("viewer.choose(1)")
    page.exchange()
    drag_slowly(page.browser, page.place(31 - 15, 32), page.place(31 - 9, 32), page.exchange)
    page.exchange()
    assert page.viewer.chosen == 1
    assert page.viewer.detectors[1]["inner"] == pytest.approx(9, abs=0.3)
    assert page.viewer.detectors[1]["outer"] == 25
    assert np.array_equal(page.shown(), exact(page.viewer.scan, page.viewer.detectors[1]))


def test_a_click_shows_a_frame(page):
    page.browser.click(*page.place(5, 7, "scan"))
    page.exchange()
    assert page.viewer.position == [5, 7]
    assert page.js("Array.from(viewer.shownFrame.events)") == list(page.viewer.scan.events(5, 7))
    assert "Frame at row 5, column 7" in page.js("document.querySelectorAll('h3')[1].textContent")
    page.js("viewer.show('sum')")
    assert "Diffraction pattern" in page.js("document.querySelectorAll('h3')[1].textContent")


def test_keys(page):
    page.js("document.querySelector('[data-part=\"scan\"]').focus()")
    for key, shift, place in (("ArrowDown", False, [9, 12]), ("ArrowRight", False, [9, 13]), ("ArrowLeft", True, [9, 3]), ("ArrowUp", True, [0, 3])):
        page.browser.key(key, shift)
        page.exchange()
        assert page.viewer.position == place
    page.js("document.querySelector('[data-part=\"pattern\"]').focus()")
    for key, expected in (("ArrowDown", ring(0, 12, 32, 32)), ("ArrowLeft", ring(0, 12, 32, 31)), ("+", ring(0, 13, 32, 31)), ("-", ring(0, 12, 32, 31))):
        page.browser.key(key)
        page.exchange()
        assert page.viewer.detectors[0] == expected, key
    page.browser.key("Tab")
    page.exchange()
    assert page.viewer.chosen == 1
    page.browser.key("[")
    page.exchange()
    assert page.viewer.detectors[1] == ring(14, 25, 31, 32)
    assert np.array_equal(page.shown(), exact(page.viewer.scan, ring(14.0, 25.0, 31, 32)))
    assert page.js("document.activeElement.dataset.part") == "pattern"
    page.browser.key("Tab")
    assert page.js("document.activeElement.dataset.part") != "pattern"  # the last detector: the focus goes on


def test_detectors_are_added_and_removed(page):
    page.browser.click(*centre_of(page, "add-annulus"))
    page.exchange()
    assert len(page.viewer.detectors) == 3
    assert page.viewer.chosen == 2
    assert np.array_equal(page.shown(), exact(page.viewer.scan, page.viewer.detectors[2]))
    for _ in range(2):
        page.browser.click(*centre_of(page, "remove"))
        page.exchange()
    assert page.viewer.detectors == [ring(0, 12, 31, 32)]
    assert page.js("document.querySelector('[data-part=\"remove\"]').disabled")


def centre_of(page, part):
    left, top, width, height = page.browser.box(f'[data-part="{part}"]')
    return left + width / 2, top + height / 2


def test_python_sets_what_the_page_shows(page):
    page.js(f"window.fromPython({json.dumps({'detectors': [ring(4.0, 9.0, 20, 21)], 'chosen': 0})})")
    page.exchange()
    assert np.array_equal(page.shown(), exact(page.viewer.scan, ring(4.0, 9.0, 20, 21)))
    page.js("window.fromPython({ position: [2, 20] })")
    page.exchange()
    assert page.js("Array.from(viewer.shownFrame.events)") == list(page.viewer.scan.events(2, 20))


def test_colours_logarithm_and_picture(page):
    pixels = "document.querySelector('[data-part=\"scan\"]').toDataURL()"
    seen = {page.js(pixels)}
    for script in ("colours.value = 'gray'", "colours.value = 'ink'", "scanLogarithmic.checked = true", "clip.value = '3'"):
        page.js(f"viewer.parts.{script}; for (const one of Object.values(viewer.parts)) if (one.matches?.('select, input')) "
                "{ one.dispatchEvent(new Event('input')); if (one.type === 'checkbox') one.dispatchEvent(new Event('change')); }")
        page.browser.settle()
        seen.add(page.js(pixels))
    assert len(seen) == 5
    page.js("window.saved = []; HTMLAnchorElement.prototype.click = function () { window.saved.push([this.download, this.href]); }; viewer.parts.picture.click()")
    wait(page.browser, "window.saved.length === 1")
    name, address = page.js("window.saved[0]")
    assert name == "counted disk up to 12 pixels.png"
    assert address.startswith("blob:")


def test_a_problem_is_shown_and_goes(page):
    page.js("viewer.exchange.ask({ type: 'frame', row: 99, column: 0 })")
    page.exchange()
    assert "row 99 is beyond the scan" in page.js("viewer.parts.problem.textContent")
    page.js("viewer.askFrame()")
    page.exchange()
    assert page.js("viewer.parts.problem.hidden")


def test_closing_leaves_no_listener(page):
    assert page.js("window.listeners()") > 0
    page.js("window.closeWidget()")
    assert page.js("window.listeners()") == 0
    assert page.js("viewer.scanLens.viewers.length + viewer.patternLens.viewers.length") == 0


def test_no_requests(page):
    assert [address for address in page.browser.requests if not address.startswith(("data:", "blob:", "file:"))] == []

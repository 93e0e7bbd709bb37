"""The viewer in JupyterLab in a headless browser: kernel, comm and page are the real ones.

    COUNTEM_SCREENSHOTS=DIRECTORY keeps pictures in both themes.
"""

import json
import os
import pathlib

import numpy as np
import pytest
from conftest import run
from notebook_browser import Browser, JupyterLab, chromium_is_there, drag_slowly, wait

import countem as ct
from countem import _countem

PACKAGE = pathlib.Path(_countem.__file__).parents[1]
CELLS = ["""import sys
sys.path.insert(0, {package!r})""", """import countem as ct
scan = ct.open({path!r})
scan""", """viewer = scan.view()
viewer""", """print(viewer.code, viewer.position)"""]
VIEWER = "document.querySelector('.countem-viewer').countemViewer"
SHOWN_SECONDS = 60


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    run("simulate", folder / "sim", "--scan", "48x40", "--frame", "128x128", "--format", "npy", "--occupancy", 0.01, "--dark-frames", 20)
    run("count", folder / "sim" / "data.npy", "--dark", folder / "sim" / "dark.npy", "-o", folder / "gold.h5")
    return folder / "gold.h5"


@pytest.fixture(scope="module")
def browser(store, tmp_path_factory):
    if not chromium_is_there():
        pytest.skip("there is no Chromium here; scripts/install_dependencies.sh test installs it")
    pytest.importorskip("jupyterlab")  # not in environments that test wheels
    cells = [cell.format(package=str(PACKAGE), path=str(store)) for cell in CELLS]
    with JupyterLab(tmp_path_factory.mktemp("lab"), cells) as lab, Browser() as opened:
        opened.resize(1200, 1320)
        lab.open_notebook(opened)
        wait(opened, f"document.querySelector('.countem-viewer')?.countemViewer?.image && {VIEWER}.pattern && {VIEWER}.shownFrame", SHOWN_SECONDS)
        opened.lab = lab
        yield opened
        assert opened.complaints == []
        asked = [address for address in opened.requests if not address.startswith((lab.address, "data:", "blob:" + lab.address))]
        assert asked == []


def picture(browser, name):
    if folder := os.environ.get("COUNTEM_SCREENSHOTS"):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        (pathlib.Path(folder) / f"{name}.png").write_bytes(browser.screenshot(whole_page=False))


def shown(browser):
    return np.array(browser.evaluate(f"Array.from({VIEWER}.image)")).reshape(40, 48)


def place(browser, row, column, canvas):
    left, top, *_ = browser.box(f'.countem-viewer [data-part="{canvas}"]')
    x, y = browser.evaluate(f"[{VIEWER}.{canvas}Viewer.x({column} + 0.5), {VIEWER}.{canvas}Viewer.y({row} + 0.5)]")
    return left + x, top + y


def settled(browser):
    """All questions are answered."""
    wait(browser, f"{VIEWER}.exchange.underWay.size === 0")
    browser.settle()


def virtual(store, detector):
    with ct.open(store) as scan:
        return np.asarray(scan.virtual(ct.Detector(detector["kind"], tuple(detector[n] for n in ("inner", "outer") if detector["kind"] == "annulus" or n == "outer"),
                                                   tuple(detector["centre"]))))


def test_a_detector_is_dragged(browser, store):
    detector = browser.evaluate(f"{VIEWER}.detector")
    before = shown(browser)
    assert np.array_equal(before, virtual(store, detector))
    row, column = detector["centre"]
    drag_slowly(browser, place(browser, row, column, "pattern"), place(browser, row + 12, column + 20, "pattern"), lambda: None)
    settled(browser)
    moved = browser.evaluate(f"{VIEWER}.detector")
    assert moved["centre"] == pytest.approx([row + 12, column + 20], abs=0.5)
    assert np.array_equal(shown(browser), virtual(store, moved))
    assert not np.array_equal(shown(browser), before)
    picture(browser, "viewer_light")


def test_a_position_is_clicked_and_moved(browser, store):
    browser.click(*place(browser, 11, 30, "scan"))
    settled(browser)
    for key in ("ArrowDown", "ArrowRight"):  # JupyterLab would go to the next cell
        browser.key(key)
    settled(browser)
    assert browser.evaluate(f"[{VIEWER}.row, {VIEWER}.column]") == [12, 31]
    with ct.open(store) as scan:
        assert browser.evaluate(f"Array.from({VIEWER}.shownFrame.events)") == list(scan.events(12, 31))
    browser.evaluate("document.querySelector('.countem-viewer [data-part=\"pattern\"]').focus()")
    for key in ("Tab", "+", "+", "["):
        browser.key(key)
    settled(browser)
    assert browser.evaluate(f"{VIEWER}.chosen") == 1
    assert np.array_equal(shown(browser), virtual(store, browser.evaluate(f"{VIEWER}.detector")))


def test_python_knows_what_the_mouse_did(browser):
    code = browser.evaluate(f"{VIEWER}.parts.code.textContent")
    assert browser.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length") == len(CELLS)
    browser.evaluate("(() => { const notebook = window.jupyterapp.shell.currentWidget.content; notebook.activeCellIndex = 3; })()")
    browser.evaluate("window.jupyterapp.commands.execute('notebook:run-cell').then(() => true)")
    wait(browser, f"document.querySelectorAll('.jp-Cell')[3].innerText.includes({json.dumps(code + ' [12, 31]')})")


def test_dark_theme(browser):
    ground = "getComputedStyle(document.querySelector('.countem-viewer select')).backgroundColor"
    light = browser.evaluate(ground)
    browser.lab.theme(browser, "JupyterLab Dark")
    assert browser.evaluate(ground) != light
    brightness = [sum(int(n) for n in colour[4:-1].split(",")[:3]) for colour in (browser.evaluate(ground), light)]
    assert brightness[0] < 3 * 90 < 3 * 200 < brightness[1]
    browser.evaluate(f"{VIEWER}.show('sum')")
    browser.settle()
    picture(browser, "viewer_dark")

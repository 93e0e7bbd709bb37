#!/usr/bin/env python3
"""How long a viewer waits for the image of a detector that is dragged: a scan of SIDE x SIDE positions with ELECTRONS electrons, most of
them in a bright disk, the worst case. Every image is compared with electrons that are counted one by one.

    PYTHONPATH=build/release/python viewer_drag.py [--side 256] [--electrons 1e8] [--threads 0] [--json FILE] [--save STORE]

With --notebook STORE the same in JupyterLab in a headless browser, from the question of the page to its answer; that needs
the environment of tests/python/requirements_viewer.txt:

    PYTHONPATH=build/release/python:tests/python viewer_drag.py --notebook STORE
"""

import argparse
import json
import pathlib
import tempfile
import time

import numpy as np

import countem as ct
from countem import _countem

DETECTOR = 576
BEAM = (287.5, 288.1, 60.0)  # row, column, radius


def simulated(side: int, electrons: int) -> tuple[np.ndarray, np.ndarray]:
    """indptr and indices: 80 % in the disk, the rest in a tail that falls with the angle."""
    rows, columns = np.mgrid[:DETECTOR, :DETECTOR]
    distance = np.hypot(rows - BEAM[0], columns - BEAM[1])
    disk, tail = (distance < BEAM[2]).astype(float), np.exp(-distance / 90)
    chance = np.cumsum((0.8 * disk / disk.sum() + 0.2 * tail / tail.sum()).ravel())
    random = np.random.default_rng(1)
    each = electrons // side**2
    indices = np.empty((side * side, each), np.uint32)
    for first in range(0, side * side, 1024):
        some = indices[first : first + 1024]
        places = np.searchsorted(chance, np.sort(random.random(some.size)) * chance[-1]).clip(max=DETECTOR**2 - 1).astype(np.uint32)
        random.shuffle(places)
        some[:] = np.sort(places.reshape(some.shape), axis=1)
    return np.arange(side * side + 1, dtype=np.uint64) * np.uint64(each), indices.ravel()


def ring(row: float, column: float, inner: float, outer: float) -> np.ndarray:
    rows, columns = np.ogrid[:DETECTOR, :DETECTOR]
    square = (rows - row) ** 2 + (columns - column) ** 2
    return ((square >= inner**2) & (square < outer**2)).astype(np.uint8).ravel()


def drags() -> dict[str, list[np.ndarray]]:
    """Masks one after the other, as steps of the pointer make them."""
    row, column, radius = BEAM
    steps = np.arange(0, 40, 2)
    return {
        "disk of 30 px moves by 2 px in the bright disk": [ring(row + s, column - s / 2, 0, 30) for s in steps],
        "disk of 60 px grows by 2 px over the rim": [ring(row, column, 0, 40 + s) for s in steps],
        "annulus of 70 to 200 px moves by 2 px": [ring(row + s, column, 70, 200) for s in steps],
        "disk of 30 px jumps by 25 px": [ring(row, column + 25 * (s / 2 % 3 - 1), 0, 30) for s in steps],
    }


def save(path: str, side: int, indptr: np.ndarray, indices: np.ndarray) -> None:
    """An event store, by way of a file as binsparse has them."""
    import h5py

    first = np.ones(indices.size, bool)  # of equal ones in a frame
    first[1:] = indices[1:] != indices[:-1]
    first[indptr[:-1]] = True
    places = np.flatnonzero(first)
    with tempfile.TemporaryDirectory() as folder:
        with h5py.File(f"{folder}/events.h5", "w") as file:
            types = {"pointers_to_1": "uint64", "indices_1": "uint32", "values": "uint32"}
            about = {"version": "0.1", "format": "CSR", "shape": [side * side, DETECTOR**2], "number_of_stored_values": places.size, "data_types": types}
            file.attrs["binsparse"] = json.dumps({"binsparse": about})
            file["pointers_to_1"] = np.searchsorted(places, indptr).astype(np.uint64)
            file["indices_1"] = indices[places]
            file["values"] = np.diff(np.append(places, indices.size)).astype(np.uint32)
        ct.import_events(f"{folder}/events.h5", path, scan=(side, side), shape=(DETECTOR, DETECTOR), overwrite=True).close()


def in_a_notebook(store: str) -> None:
    from notebook_browser import Browser, JupyterLab, wait

    package = str(pathlib.Path(_countem.__file__).parents[1])
    cells = [f"import sys, time; sys.path.insert(0, {package!r})\nimport countem as ct\nscan = ct.open({str(pathlib.Path(store).resolve())!r})\n"
             "begin = time.perf_counter()\nviewer = scan.view()\nopened = time.perf_counter() - begin\nviewer", "print(round(opened, 2))"]
    viewer = "document.querySelector('.countem-viewer').countemViewer"
    with tempfile.TemporaryDirectory() as folder, JupyterLab(pathlib.Path(folder), cells) as lab, Browser() as browser:
        browser.resize(1200, 1000)
        lab.open_notebook(browser)
        wait(browser, f"document.querySelector('.countem-viewer')?.countemViewer?.image && {viewer}.pattern", 300)
        opened = browser.evaluate("document.querySelectorAll('.jp-Cell')[1].innerText").split()[-1]
        print(f"view() takes {opened} s")
        for number, name in enumerate(("disk", "annulus")):
            # The pointer moves 60 times a second, whatever has been answered.
            times = browser.evaluate(f"""(async () => {{
              const viewer = {viewer}, pause = (time) => new Promise((done) => setTimeout(done, time));
              viewer.choose({number});
              while (viewer.exchange.underWay.size) await pause(5);
              await pause(200);
              const before = viewer.times.length;
              for (let i = 0; i < 60; ++i) {{
                viewer.change(viewer.places.moved(viewer.detector, i < 30 ? 2 : -2, 1), false);
                await pause(1000 / 60);
              }}
              while (viewer.exchange.underWay.size) await pause(5);
              return viewer.times.slice(before);
            }})()""")
            python, answered = np.array(times).T
            print(f"{name}, 60 steps of a drag in about a second: {len(times)} images; computed in {np.median(python):.0f} ms, at most {python.max():.0f} ms; "
                  f"answered after {np.median(answered):.0f} ms, at most {answered.max():.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--electrons", type=float, default=1e8)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json")
    parser.add_argument("--save", help="writes the scan as an event store")
    parser.add_argument("--notebook", metavar="STORE")
    asked = parser.parse_args()
    if asked.notebook:
        in_a_notebook(asked.notebook)
        return
    indptr, indices = simulated(asked.side, int(asked.electrons))
    if asked.save:
        save(asked.save, asked.side, indptr, indices)
    start = time.perf_counter()
    lookup = _countem.EventsByPixel((DETECTOR, DETECTOR), 1, indptr, indices, asked.threads)
    result = {"electrons": indices.size, "positions": asked.side**2, "sorting_s": time.perf_counter() - start, "bytes": lookup.bytes, "drags": {}}
    print(f"{indices.size} electrons at {asked.side}^2 positions: sorted in {result['sorting_s']:.2f} s, {lookup.bytes / 1e6:.0f} MB")
    nothing, dark = np.zeros(DETECTOR**2, np.uint8), np.zeros(asked.side**2, np.uint32)
    for name, masks in drags().items():
        milliseconds, mask, image = [], nothing, dark
        for now in masks:
            start = time.perf_counter()
            image, mask = lookup.changed(image, mask, now), now
            milliseconds.append(1e3 * (time.perf_counter() - start))
        each = indices.size // asked.side**2
        expected = mask[indices.reshape(-1, each)].sum(axis=1, dtype=np.uint32)
        assert np.array_equal(image, expected), name
        result["drags"][name] = {"first_ms": milliseconds[0], "median_ms": float(np.median(milliseconds[1:])), "most_ms": max(milliseconds[1:])}
        print(f"{name}: first {milliseconds[0]:.1f} ms, then {np.median(milliseconds[1:]):.1f} ms, at most {max(milliseconds[1:]):.1f} ms")
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()

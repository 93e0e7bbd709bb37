#!/usr/bin/env python3
"""How long a viewer waits for the image of a detector that is dragged: a scan of SIDE x SIDE positions with ELECTRONS electrons, most of
them in a bright disk, the worst case. Every image is compared with electrons that are counted one by one.

    PYTHONPATH=build/release/python viewer_drag.py [--side 256] [--electrons 1e8] [--threads 0] [--json FILE]
"""

import argparse
import json
import time

import numpy as np

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--electrons", type=float, default=1e8)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json")
    asked = parser.parse_args()
    indptr, indices = simulated(asked.side, int(asked.electrons))
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

"""Counted scans as the readers of rosettasciio give files to hyperspy."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from countem import _store


def file_reader(filename: str | os.PathLike[str], lazy: bool = False, **options: Any) -> list[dict[str, Any]]:
    """A counted scan as a reader of rosettasciio gives it: a list of one dictionary with `data`, `axes`, `metadata` and
    `original_metadata`. The package then is a reader for hyperspy: `hs.load("counted.h5", file_format=countem)`.

    `lazy`: a dask array that reads whole patterns when they are computed, from the file that stays open; else the dense array.
    `options`: `threads`, as `open` has it.

    Raises as `open`, TypeError for other options, ImportError where dask is missing for a lazy scan.

    Example: `hs.load("counted.h5", file_format=ct, lazy=True).plot()`
    """
    scan = _store.open(filename, **options)
    try:
        data = scan.to_dask() if lazy else np.asarray(scan)
        return [{"data": data, **described(scan)}]
    finally:
        if not lazy:
            scan.close()


def described(scan: _store.Scan) -> dict[str, Any]:
    """Axes and metadata of a scan, in the words of rosettasciio."""
    axes = [{"_type": "UniformDataAxis", "name": axis.name, "size": axis.size, "offset": axis.origin, "scale": axis.step, "units": axis.unit,
             "index_in_array": number, "navigate": number < scan.ndim - 2} for number, axis in enumerate(scan.axes)]
    name = os.path.basename(scan._path)
    metadata = {"General": {"title": name, "original_filename": name}, "Signal": {"quantity": "electrons", "signal_type": signal_type()}}
    return {"axes": axes, "metadata": metadata, "original_metadata": {"countem": scan.provenance}}


def signal_type() -> str:
    """Of diffraction patterns: "electron_diffraction" where pyxem, which knows it, is installed beside hyperspy; else none."""
    extensions = sys.modules.get("hyperspy.extensions")
    known = extensions.ALL_EXTENSIONS["signals"].values() if extensions is not None else ()
    return "electron_diffraction" if any(one["signal_type"] == "electron_diffraction" for one in known) else ""

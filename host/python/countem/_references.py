"""Darks, gains and masks: files, and arrays of other programs."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt

from countem import _countem
from countem import _frames as raw_frames
from countem._frames import Raw


def detector_image(given: Any, shape: tuple[int, int], role: str) -> _countem.Frames:
    """A gain or a mask: a path, or an array (detector rows, detector columns)."""
    if isinstance(given, Raw):
        return given._native
    if isinstance(given, (str, os.PathLike)):
        return _countem.open_detector_image(os.fspath(given), *shape, role)
    array = np.asarray(raw_frames._array_of(given))
    if array.shape != shape:
        raise ValueError(f"an image of shape {array.shape} was given for a detector of {shape[0]} x {shape[1]} pixels")
    if role == "mask":
        array = np.asarray(array != 0)
    opening = _countem.Opening()
    opening.keep_fractions = True

    def read(first: int, out: npt.NDArray[Any]) -> None:
        raw_frames._put(out, array, "image")

    return _countem.open_array("array", array.shape, raw_frames._type_of(array.dtype, "the image"), read, 1, opening)


def dark_frames(given: Any, alike: Raw) -> Raw:
    """Darks of the same detector: paths, opened frames, or an array."""
    if isinstance(given, Raw):
        return given
    scale = alike._source[1]["scale"]
    paths = [given] if isinstance(given, (str, os.PathLike)) else given
    if not isinstance(paths, (list, tuple)) or not all(isinstance(path, (str, os.PathLike)) for path in paths):
        return raw_frames.frames(given, scale=scale)
    files = raw_frames._files(paths)
    same = alike._maker is raw_frames.open_raw and pathlib.Path(files[0]).suffix == alike.files[0].suffix
    options = dict(scan=None, format=None, shape=None, dtype=None, offset=0, gap=0, dataset=None, scale=scale)
    if alike._maker is raw_frames.open_raw:
        options["axes"] = alike._source[1]["axes"]
    if same:
        options |= {name: alike._source[1][name] for name in ("format", "shape", "dtype", "offset", "gap")}
    opening = raw_frames._opening(**options)
    opening.darks = True
    return raw_frames._opened(files, options, opening)

"""Basic indices of numpy: integers, slices, ... and None."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np


def resolved(key: Any, shape: tuple[int, ...]) -> tuple[list[range], set[int], list[int]]:
    """The range of each axis, the axes that integers drop, and where None adds some. Raises IndexError as numpy does."""
    keys = key if isinstance(key, tuple) else (key,)
    known = [one for one in keys if one is not None and one is not Ellipsis]
    ellipses = sum(one is Ellipsis for one in keys)
    if ellipses > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if len(known) > len(shape):
        raise IndexError(f"too many indices: the scan has {len(shape)} dimensions, but {len(known)} were indexed")
    ranges: list[range] = []
    dropped: set[int] = set()
    added: list[int] = []
    for one in keys if ellipses else (*keys, Ellipsis):
        axis = len(ranges)
        if one is None:
            added.append(axis - len(dropped) + len(added))
        elif one is Ellipsis:
            ranges += [range(length) for length in shape[axis : axis + len(shape) - len(known)]]
        elif isinstance(one, slice):
            ranges.append(range(*one.indices(shape[axis])))
        else:
            ranges.append(_single(one, axis, shape[axis]))
            dropped.add(axis)
    return ranges, dropped, added


def _single(key: Any, axis: int, length: int) -> range:
    if isinstance(key, (bool, np.bool_)) or not hasattr(key, "__index__"):
        raise IndexError(f"a scan takes integers, slices, ... and None as indices, not {type(key).__name__}: use numpy.asarray(scan) for others")
    try:
        index = operator.index(key)
    except TypeError as failure:  # an array of several numbers
        raise IndexError("a scan takes integers, slices, ... and None as indices: use numpy.asarray(scan) for arrays of indices") from failure
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {length}")
    return range(index % length, index % length + 1)


def slice_of(wanted: range, start: int) -> slice:
    """The indices of `wanted` in an array that begins at `start`."""
    stop = wanted.stop - start
    return slice(wanted.start - start, stop if stop >= 0 else None, wanted.step)

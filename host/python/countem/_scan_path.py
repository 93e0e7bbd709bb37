"""Sizes of scans, and how recorded frames lie in them, as the library takes them."""

from __future__ import annotations

import operator
from collections.abc import Sequence


def lengths(name: str, given: Sequence[int], most: int) -> list[int]:
    """`given` as numbers, 0 frames at each position where no number is given: as many as the files state."""
    numbers = [operator.index(length) for length in given]
    if not 2 <= len(numbers) <= most or min(numbers) < 1 or max(numbers) >= 2**32:
        wanted = "(rows, columns)" if most == 2 else "(rows, columns) or (rows, columns, frames at each position)"
        raise ValueError(f"{name}={tuple(given)} is not {wanted}, each at least 1")
    return numbers + [0] * (most - len(numbers))


def path_numbers(skip: int, flyback: int, snake: bool) -> tuple[int, int, bool]:
    """Frames skipped, frames of flyback behind each line, and whether every second line runs backwards."""
    skip, flyback = operator.index(skip), operator.index(flyback)
    if abs(skip) > 2**28 or not 0 <= flyback <= 2**28:
        raise ValueError(f"skip={skip}, flyback={flyback} are not numbers of frames: at most 2**28 each, flyback at least 0")
    return skip, flyback, bool(snake)

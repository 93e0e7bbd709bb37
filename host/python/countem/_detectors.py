"""Virtual detectors: disks, rings and wedges around the beam, or images of the detector."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class Detector:
    """A detector drawn on the summed pattern, made by `disk`, `annulus` or `wedge`: inner^2 <= d^2 < outer^2, d being the distance
    of a pixel's centre from the centre. Lengths in detector pixels as they were read out, or in mrad."""

    kind: str
    numbers: tuple[float, ...]  #: radii, and the angles of a wedge in degrees
    centre: tuple[float, float] | None = None  #: row and column; None: the beam's
    unit: str = "pixels"

    def __post_init__(self) -> None:
        if self.unit not in ("pixels", "mrad"):
            raise ValueError(f"the unit of a detector is 'pixels' or 'mrad', not {self.unit!r}")

    def __str__(self) -> str:
        """As the command line takes it."""
        radii = 1 if self.kind == "disk" else 2
        words = [repr(float(number)) + ("mrad" if self.unit == "mrad" and i < radii else "") for i, number in enumerate(self.numbers)]
        text = f"{self.kind}:{','.join(words)}"
        return text if self.centre is None else f"{text}@{float(self.centre[0])!r},{float(self.centre[1])!r}"


def disk(radius: float, *, centre: tuple[float, float] | None = None, unit: str = "pixels") -> Detector:
    """A disk of that radius around `centre` (row, column, detector pixels; the beam's centre by default).

    Example: `scan.virtual(ct.disk(30))`, a bright field.
    """
    return Detector("disk", (radius,), centre, unit)


def annulus(inner: float, outer: float, *, centre: tuple[float, float] | None = None, unit: str = "pixels") -> Detector:
    """A ring from `inner` (included) to `outer` (excluded).

    Example: `scan.virtual(ct.annulus(60, 200, unit="mrad"))`, a dark field.
    """
    return Detector("annulus", (inner, outer), centre, unit)


def wedge(inner: float, outer: float, start: float, end: float, *, centre: tuple[float, float] | None = None, unit: str = "pixels") -> Detector:
    """A part of a ring, from `start` to `end` degrees: 0 points to higher columns, 90 to lower rows.

    Example: `scan.virtual([ct.wedge(10, 60, a, a + 90) for a in (0, 90, 180, 270)])`, four quadrants.
    """
    return Detector("wedge", (inner, outer, start, end), centre, unit)


def as_mask(image: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Two axes, 1 where the image is not 0."""
    return np.ascontiguousarray(np.asarray(image) != 0, dtype=np.uint8)


def as_weights(image: npt.ArrayLike) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(image, dtype=np.float32)


def is_weights(image: Any) -> bool:
    """Whether an image of the detector weighs its pixels: floating point numbers do, booleans and integers choose."""
    return np.issubdtype(np.asarray(image).dtype, np.floating)

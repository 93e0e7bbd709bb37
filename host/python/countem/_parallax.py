"""Tilt-corrected bright field."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING

from countem._image import Image, images_from
from countem._warnings import CountemWarning

if TYPE_CHECKING:
    from countem import _countem


@dataclasses.dataclass(frozen=True)
class Aberration:
    """One term of the path length that the lens adds (docs/parallax.md): its name, as "C10" for defocus, the coefficients of the
    cosine and of the sine (0 where the symmetry is 0), and their standard errors, all in `unit`."""

    name: str
    a: float
    b: float
    a_error: float
    b_error: float
    unit: str


@dataclasses.dataclass(frozen=True)
class Parallax:
    """What `Scan.parallax` found."""

    image: Image  #: (scan rows * upsample, scan columns * upsample): electrons over what is expected, 1 without contrast; `error`
    electrons: Image  #: of the same shape: counted
    expected: Image  #: of the same shape: without contrast
    shifts: Image  #: (groups, 3, 2): place on the detector, measured and fitted displacement of each group of pixels
    aberrations: tuple[Aberration, ...]
    rotation_degrees: float  #: from detector axes to scan axes
    rotation_error_degrees: float
    flip: bool  #: the detector is mirrored
    score: float  #: of the search, in standard deviations of what it tried
    other_hand_score: float  #: with the detector mirrored the other way
    bright_field: float  #: radius that was used, detector pixels
    left_out_frames: int  #: missing, or lacking a part of the detector

    @property
    def defocus(self) -> Aberration:
        """The aberration C10."""
        return next(one for one in self.aberrations if one.name == "C10")


def parallax_from(result: _countem.ParallaxResult) -> Parallax:
    """Raises nothing; warns of frames that were left out."""
    images = images_from(result.images())
    aberrations = tuple(Aberration(name, a, b, a_error, b_error, "nm" if result.in_nm else "steps/pixel" if order == 1 else f"steps/pixel^{order}")
                        for name, order, _, a, b, a_error, b_error in result.aberrations())
    if result.left_out_frames:
        warnings.warn(f"{result.left_out_frames} frames are missing or lack a part of the detector, and are left out", CountemWarning, stacklevel=3)
    return Parallax(images["tilt_corrected"], images["tilt_corrected_electrons"], images["tilt_corrected_expected"], images["bright_field_shifts"], aberrations,
                    result.rotation_degrees, result.rotation_error_degrees, result.flip, result.score, result.other_hand_score, result.bright_field,
                    result.left_out_frames)

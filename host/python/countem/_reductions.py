"""Images, maps and profiles of a scan, computed from its events alone."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from countem._detectors import Detector, as_mask, as_weights, is_weights
from countem._image import Image, images_from
from countem._warnings import CountemWarning

if TYPE_CHECKING:
    from countem import _countem

Centre = tuple[float, float] | str | os.PathLike[str] | None  #: row and column in detector pixels; a vacuum scan's file; the beam's


@dataclasses.dataclass(frozen=True)
class Beam:
    """The unscattered beam on the summed pattern, in detector pixels. Standard errors are NaN where none is known."""

    row: float
    column: float
    radius: float
    row_error: float
    column_error: float
    radius_error: float
    electrons: int  #: within the radius
    found: bool  #: False: the pattern shows no disk, or two that are alike; row, column and radius are a guess, or were given
    how: str  #: where it comes from
    #: (row, column, electrons) of two disks of which the lesser is at least half as bright: either may be the beam; otherwise empty
    candidates: tuple[tuple[float, float, float], ...] = ()

    def __iter__(self) -> Iterator[float]:
        return iter((self.row, self.column))


class CentreOfMass:
    """Centre of mass at each position: `row` and `column`, (scan rows, scan columns), detector pixels; NaN without electrons.

    `row, column = scan.com()` and `numpy.asarray(scan.com())`, (2, scan rows, scan columns), work too. `row.error` and
    `column.error` are standard errors and `variance_row`, `variance_column`, `covariance` second moments where they were asked for.
    A phase and other axes are computed from what was read, without reading again.
    """

    def __init__(self, reduced: _countem.Reduced, items: Sequence[str] = ()) -> None:
        self._reduced = reduced
        self._items = tuple(items)
        images = images_from(reduced.images(list(items)))
        self.row, self.column = images["com_row"], images["com_column"]
        self.variance_row, self.variance_column, self.covariance = (images.get(name) for name in ("variance_row", "variance_column", "covariance"))

    def __iter__(self) -> Iterator[Image]:
        return iter((self.row, self.column))

    def __array__(self, dtype: npt.DTypeLike = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.stack([np.asarray(self.row), np.asarray(self.column)]).astype(dtype or np.float64, copy=False)

    def __repr__(self) -> str:
        return f"<countem.CentreOfMass {self.row.shape[0]} x {self.row.shape[1]}, {self.row.meaning}>"

    def _repr_html_(self) -> str:
        from countem._html import centres_html

        return centres_html(self)

    def rotated(self, rotation: float | str, flip: bool | None = None) -> CentreOfMass:
        """In scan axes: turned by `rotation` degrees, clockwise, or by "auto", the angle of least curl; `flip` reverses the rows of
        the detector before, None: no, or found with "auto". What was found is in `row.attributes`.

        Example: `scan.com().rotated("auto").phase()`
        """
        items = [f"scan-rotation:{rotation}"]
        if flip is not None:
            items.append("flip" if flip else "flip:no")
        return CentreOfMass(self._reduced, [*self._items, *items])

    def phase(self, *, edges: str = "even", high_pass: float = 0, voltage_kv: float | None = None, pixel_mrad: float | None = None,
              pixel_per_nm: float | None = None, scan_step_nm: float | None = None) -> Image:
        """Differential phase contrast, integrated (10.1016/j.ultramic.2015.10.011); (scan rows, scan columns), mean 0, NaN where
        nothing is known; `error` is its standard error.

        In detector pixels times scan steps; in radians with `voltage_kv` where the scan knows the angle of a pixel and the step, or
        they are given. `edges`: "even" assumes nothing beyond the scan, "periodic" that it repeats. `high_pass`: half remains at so
        many cycles over the longer side.

        Raises ValueError when lengths are missing.

        Example: `scan.com(descan=True).phase(voltage_kv=300, pixel_mrad=0.25, scan_step_nm=0.05)`
        """
        items = [f"phase:{edges}"]
        if high_pass:
            items.append(f"phase-high-pass:{high_pass!r}")
        for name, value in (("voltage", voltage_kv), ("pixel-mrad", pixel_mrad), ("pixel-per-nm", pixel_per_nm), ("scan-step", scan_step_nm)):
            if value is not None:
                items.append(f"{name}:{value!r}")
        return images_from(self._reduced.images([*self._items, *items]))["phase"]


@dataclasses.dataclass(frozen=True)
class RadialProfile:
    """Rings around the centre, all frames added up; (rings) each."""

    radius: Image  #: of the middle of each ring, detector pixels
    mean: Image  #: electrons per used pixel; NaN for a ring without any
    sum: Image  #: electrons
    pixels: Image  #: used ones: neither masked nor excluded


@dataclasses.dataclass(frozen=True)
class Dose:
    """What reached the detector; None where it cannot be known."""

    electrons_per_frame: float
    electrons_per_frame_error: float
    current_pa: float | None
    per_square_angstrom: float | None  #: electrons


class Reductions:
    """What scans have in common: methods that compute from events. A part of a scan has them all, of what it shows.

    Arguments that many take: `centre` of detectors and rings, (row, column) in detector pixels, or the path of a vacuum scan; None:
    the beam's, found on the sum of complete frames. `exclude`: an image of the detector, not 0 where pixels count in nothing.
    `incomplete`: "keep" counts what arrived of frames that lack a part of the detector, "skip" leaves them out, "scale" divides by
    the share that arrived. `errors`: standard errors, as `error` of each result. `backend`: "automatic", "cpu", "cuda" or "reference".
    """

    _is_cropped: bool  #: pixels of the detector are left out

    def _reduce(self, items: Sequence[str], *, detectors: Sequence[Any] = (), exclude: npt.ArrayLike | None = None, aperture: Any = None,
                centre: Centre = None, incomplete: str = "keep", errors: bool = False, corrected: bool = False, backend: str = "automatic") -> _countem.Reduced:
        raise NotImplementedError

    def _images(self, items: Sequence[str], **options: Any) -> dict[str, Image]:
        return images_from(self._reduce(items, **options).images([]))

    def sum(self, *, backend: str = "automatic") -> Image:
        """All frames added up: (detector rows, detector columns), electrons.

        Example: `scan.sum().plot(norm="log")`
        """
        return self._images(["sum"], backend=backend)["sum"]

    def max(self, *, backend: str = "automatic") -> Image:
        """Most electrons of any one frame in each pixel: (detector rows, detector columns)."""
        return self._images(["max"], backend=backend)["maximum"]

    def virtual(self, detectors: Any, *, centre: Centre = None, exclude: npt.ArrayLike | None = None, incomplete: str = "keep",
                errors: bool = False, corrected: bool = False, backend: str = "automatic") -> Any:
        """Electrons in virtual detectors at each position: one image, (scan rows, scan columns), or for a list of detectors a list
        of images, all in one pass.

        A detector is made by `disk`, `annulus` or `wedge`, or is text as of the command line, or an image of the detector: of
        booleans or integers, its pixels that are not 0; of floating point numbers, weights. `corrected`: for coincidence loss and
        expected false events (docs/reductions.md), instead of the plain counts.

        Raises ValueError when an image has another shape, or radii are in mrad and the angle of a pixel is not known.

        Example: `bright, dark = scan.virtual([ct.disk(30), ct.annulus(60, 200)])`
        """
        one = isinstance(detectors, (Detector, str)) or (isinstance(detectors, np.ndarray) and detectors.ndim == 2)
        listed = [detectors] if one else list(detectors)
        reduced = self._reduce([], detectors=listed, centre=centre, exclude=exclude, incomplete=incomplete, errors=errors, corrected=corrected, backend=backend)
        images = images_from(reduced.images([]))
        names, chosen, weighed = [], 0, 0
        for detector in listed:
            if not isinstance(detector, (Detector, str)) and is_weights(detector):
                names.append(f"weighted_{weighed}")
                weighed += 1
            else:
                names.append(f"virtual_{chosen}")
                chosen += 1
        if corrected:
            found = images_from(reduced.corrected())
            if not found:
                warnings.warn("no dead area is found: counts are not corrected for coincidence loss", CountemWarning, stacklevel=2)
            if weighed:
                raise ValueError("weighted images are not corrected for coincidence loss: give masks")
            images |= {name.removesuffix("_corrected"): image for name, image in found.items()}
        result = [images[name] for name in names]
        return result[0] if one else result

    def com(self, *, within: Any = None, descan: bool = False, descan_from: str | None = None, from_centre: bool = False,
            rotation: float | str | None = None, flip: bool | None = None, second_moments: bool = False, errors: bool = False, centre: Centre = None,
            exclude: npt.ArrayLike | None = None, incomplete: str = "keep", backend: str = "automatic") -> CentreOfMass:
        """Centres of mass. Relative to pixel (0, 0); with `from_centre` to the centre; with `descan` to the plane over the scan that
        fits them best, weighted by electrons, or fitted in the positions `descan_from`, "R0:R1,C0:C1".

        `within`: the electrons in an aperture, a detector or an image of the detector of weights. `rotation`, `flip`: as
        `CentreOfMass.rotated`. `second_moments`: variances and covariance of the electrons' places.

        Example: `row, column = scan.com(within=ct.disk(40), descan=True, errors=True)`
        """
        if from_centre and descan:
            raise ValueError("centres of mass are relative to the centre or to the descan plane, not both")
        items = ["com:centre" if from_centre else "com:descan" if descan else "com"]
        if descan_from is not None:
            items.append(f"descan-from:{descan_from}")
        if isinstance(within, (Detector, str)):
            items.append(f"com-within:{within}")
        if second_moments:
            items.append("second-moments")
        if rotation is not None:
            items.append(f"scan-rotation:{rotation}")
        if flip is not None:
            items.append("flip" if flip else "flip:no")
        aperture = None if within is None or isinstance(within, (Detector, str)) else within
        return CentreOfMass(self._reduce(items, aperture=aperture, centre=centre, exclude=exclude, incomplete=incomplete, errors=errors, backend=backend))

    def radial(self, step: float = 1, *, unit: str = "pixels", centre: Centre = None, exclude: npt.ArrayLike | None = None,
               incomplete: str = "keep", errors: bool = False, backend: str = "automatic") -> Image:
        """Electrons in rings around the centre: (scan rows, scan columns, rings). `step`: width of a ring in `unit`, "pixels" or
        "mrad". `attributes["radius"]`: (rings), of the middle of each ring in detector pixels.

        Example: `scan.radial(2).sum(axis=(0, 1))`
        """
        width = f"{float(step)!r}{'mrad' if unit == 'mrad' else ''}"
        images = self._images([f"radial:{width}", f"radial-profile:{width}"], centre=centre, exclude=exclude, incomplete=incomplete, errors=errors, backend=backend)
        image = images["radial"]
        image.attributes["radius"] = np.asarray(images["radial_radius"])
        return image

    def radial_profile(self, step: float = 1, *, unit: str = "pixels", centre: Centre = None, exclude: npt.ArrayLike | None = None,
                       incomplete: str = "keep", errors: bool = False, backend: str = "automatic") -> RadialProfile:
        """Rings around the centre, all frames added up.

        Example: `profile = scan.radial_profile(); plt.semilogy(profile.radius, profile.mean)`
        """
        width = f"{float(step)!r}{'mrad' if unit == 'mrad' else ''}"
        images = self._images([f"radial-profile:{width}"], centre=centre, exclude=exclude, incomplete=incomplete, errors=errors, backend=backend)
        return RadialProfile(*(images[f"radial_{name}"] for name in ("radius", "mean", "sum", "pixels")))

    def dose(self, *, dwell_us: float = 0, efficiency: float = 0, scan_step_nm: float = 0) -> Dose:
        """Electrons per frame, from complete frames where there are any; the beam's current with `dwell_us`, microseconds of beam per
        frame; electrons per square angstrom where the step of the scan is given or known. `efficiency`: events per electron; 0: every
        electron counts as found, which gives lower bounds (docs/reductions.md).

        Raises ValueError for numbers below 0, and for a part of the detector.

        Example: `scan.dose(dwell_us=11.5, efficiency=0.83).current_pa`
        """
        if self._is_cropped:
            raise ValueError("dose and current are those of the whole detector: ask the scan for them, not a crop of it")
        return Dose(*self._reduce([]).dose(efficiency, dwell_us, scan_step_nm))

    def centre(self, *, exclude: npt.ArrayLike | None = None, backend: str = "automatic") -> Beam:
        """The unscattered beam on the sum of complete frames, with standard errors. Warns where none is found.

        Example: `row, column = scan.centre()`
        """
        beam = self._reduce(["radial-profile"], exclude=exclude, backend=backend).beam
        assert beam is not None
        if beam.guess:
            warnings.warn(f"{beam.how}: give the centre", CountemWarning, stacklevel=2)
        return Beam(*beam.centre, beam.radius, *beam.centre_error, beam.radius_error, beam.electrons, beam.found, beam.how, tuple(beam.candidates))


def split(detectors: Sequence[Any]) -> tuple[list[tuple[str, npt.NDArray[np.uint8] | None]], list[npt.NDArray[np.float32]]]:
    """Detectors and masks in one list, weights in another, as the compiled module takes them."""
    chosen: list[tuple[str, npt.NDArray[np.uint8] | None]] = []
    weighed: list[npt.NDArray[np.float32]] = []
    for detector in detectors:
        if isinstance(detector, (Detector, str)):
            chosen.append((str(detector), None))
        elif is_weights(detector):
            weighed.append(as_weights(detector))
        else:
            chosen.append((f"mask {len(chosen)}", as_mask(detector)))
    return chosen, weighed


def warn_of_losses(reduced: _countem.Reduced) -> None:
    """Of frames that did not arrive, or not whole."""
    if reduced.incomplete_frames:
        warnings.warn(f"{reduced.incomplete_frames} of {reduced.frames} frames lack a part of the detector: see completeness of the images, and incomplete=",
                      CountemWarning, stacklevel=4)
    if reduced.missing_frames:
        warnings.warn(f"{reduced.missing_frames} of {reduced.frames} frames never arrived: what is made of them alone is NaN", CountemWarning, stacklevel=4)

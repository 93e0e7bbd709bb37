"""The viewer of notebooks: a widget of anywidget, without a server. countem/static/viewer.js is what the browser gets."""

from __future__ import annotations

import base64
import pathlib
import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets

from countem import _countem
from countem._detectors import Detector
from countem._image import Image, images_from
from countem._lookup import Lookup
from countem._warnings import CountemWarning

if TYPE_CHECKING:
    from countem._store import Scan

_STATIC = pathlib.Path(__file__).parent / "static"
_MOST_PATTERN_SIDE = 1024
_KINDS = ("disk", "annulus")


class Viewer(anywidget.AnyWidget):  # type: ignore[misc]
    """A scan's image beside its diffraction pattern; `Scan.view` makes it. What the mouse does can be read and set from Python:

    `detectors` (a list of dicts: kind, inner, outer, centre; in detector pixels), `chosen` (which of them makes the image),
    `position` (row and column whose frame is shown).
    """

    _esm = _STATIC / "viewer.js"
    _css = _STATIC / "viewer.css"

    facts = traitlets.Dict().tag(sync=True)
    detectors = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    position = traitlets.List(traitlets.Int(), minlen=2, maxlen=2).tag(sync=True)

    def __init__(self, scan: Scan, detectors: Sequence[Detector] | None, memory: float) -> None:
        self.scan = scan
        self._pattern, centre, radius = self._sum_and_beam()
        chosen = [_as_dict(one, centre, self._pixel_mrad) for one in detectors or _usual(radius, centre, self._shorter_side)]
        self._lookup = Lookup(scan, memory)
        super().__init__(facts=self._facts(), detectors=chosen, position=[scan.shape[0] // 2, scan.shape[1] // 2])
        self.on_msg(self._answer)

    # In Python

    @property
    def detector(self) -> Detector:
        """The chosen detector."""
        return self._detector(self.detectors[self.chosen])

    @property
    def image(self) -> Image:
        """The image that is shown, exact: `scan.virtual(viewer.detector)`."""
        return self.scan.virtual(self.detector)

    @property
    def code(self) -> str:
        """The line of Python that makes the image."""
        return _code(self.detector)

    @traitlets.validate("detectors")
    def _valid_detectors(self, proposal: Any) -> Any:
        if not proposal["value"]:
            raise traitlets.TraitError("the viewer has at least one detector")
        for one in proposal["value"]:
            self._detector(one)
        return proposal["value"]

    @traitlets.validate("chosen")
    def _valid_chosen(self, proposal: Any) -> Any:
        if not 0 <= proposal["value"] < len(self.detectors):
            raise traitlets.TraitError(f"there is no detector {proposal['value']}: there are {len(self.detectors)}, counted from 0")
        return proposal["value"]

    @traitlets.validate("position")
    def _valid_position(self, proposal: Any) -> Any:
        for name, index, length in zip(("row", "column"), proposal["value"], self.scan.shape[:2]):
            if not 0 <= index < length:
                raise traitlets.TraitError(f"{name} {index} is beyond the scan, which has {length}")
        return proposal["value"]

    # What is shown

    @property
    def _shorter_side(self) -> float:
        """Of the detector, in detector pixels."""
        return min(self.scan.shape[-2:]) * self.scan._described[2][2][1]

    @property
    def _pixel_mrad(self) -> float:
        return float(self.scan._described[2][4])

    def _sum_and_beam(self) -> tuple[Image, tuple[float, float], float]:
        """The sum of all frames, and the beam's centre and radius in detector pixels; where none is found, those of a guess."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CountemWarning)  # the pattern shows where the detectors are
            reduced = self.scan._reduce(["sum", "radial-profile"])
        beam = reduced.beam
        assert beam is not None
        radius = beam.radius if np.isfinite(beam.radius) and beam.radius > 0 else self._shorter_side / 8
        row, column = beam.centre
        return images_from(reduced.images([]))["sum"], (round(row, 1), round(column, 1)), max(1.0, round(radius, 1))

    def _facts(self) -> dict[str, Any]:
        scan = self.scan
        scan_row, scan_column, row, column, mrad, nm = scan._described[2][:6]
        rows, columns = scan.shape[:2]
        height, width = scan.shape[-2:]

        def axis(numbers: Any) -> dict[str, float]:
            return {"first": numbers[0], "step": numbers[1]}

        return {
            "pixel_mrad": mrad or None, "step_nm": nm or None, "frame": {"height": height, "width": width, "row": axis(row), "column": axis(column)},
            "maps": {"height": rows, "width": columns, "stride": 1},
            "scan": {"frames_per_position": scan._repeats, "row": axis(scan_row), "column": axis(scan_column)},
            "colours": {"perceptual": base64.b64encode(_countem.colour_table("perceptual")).decode(), "hues": 0, "strengths": 0, "directions": ""},
            "thinned": self._lookup.thinned, "title": pathlib.Path(scan._path).stem,
        }

    def _detector(self, one: dict[str, Any]) -> Detector:
        kind, inner, outer, centre = one.get("kind"), one.get("inner", 0), one.get("outer"), one.get("centre")
        if kind not in _KINDS or not isinstance(centre, (list, tuple)) or len(centre) != 2 or not 0 <= float(inner) < float(outer or 0):
            raise traitlets.TraitError(f"a detector of the viewer is a disk or an annulus with 0 <= inner < outer and a centre, not {one}")
        numbers = (float(outer),) if kind == "disk" else (float(inner), float(outer))
        return Detector(kind, numbers, (float(centre[0]), float(centre[1])))

    # Messages of the browser

    def _answer(self, _: Any, asked: dict[str, Any], buffers: list[Any]) -> None:
        """Every question has one answer, so that the browser never asks faster than Python answers."""
        begin = time.perf_counter()
        try:
            answer, numbers = getattr(self, f"_answer_{asked['type']}")(asked)
        except (ValueError, OSError, IndexError, MemoryError, traitlets.TraitError) as problem:
            answer, numbers = {"problem": str(problem)}, None
        answer |= {"type": asked["type"], "milliseconds": 1e3 * (time.perf_counter() - begin)}
        self.send(answer, [] if numbers is None else [np.ascontiguousarray(numbers).tobytes()])

    def _answer_image(self, asked: dict[str, Any]) -> tuple[dict[str, Any], npt.NDArray[Any]]:
        detector = self._detector(asked["detector"])
        exact = self._lookup.thinned == 1 or bool(asked.get("final"))
        if self._lookup.thinned > 1 and exact:
            found = np.asarray(self._quietly(detector))
            image = np.where(np.isnan(found), 0xFFFFFFFF, found).astype(np.uint32)
        else:
            assert detector.centre is not None
            image = self._lookup.image(detector, detector.centre)
        return {"exact": exact, "code": _code(detector)}, image

    def _quietly(self, detector: Detector) -> Image:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CountemWarning)  # of missing frames, which the image shows
            return self.scan.virtual(detector)

    def _answer_frame(self, asked: dict[str, Any]) -> tuple[dict[str, Any], npt.NDArray[Any]]:
        row, column = int(asked["row"]), int(asked["column"])
        self.scan.frame_number(row, column)
        return {"row": row, "column": column}, self.scan._store.load_part(self.scan._position(row, column).numbers, 1)[1]

    def _answer_pattern(self, asked: dict[str, Any]) -> tuple[dict[str, Any], npt.NDArray[Any]]:
        """The sum, small enough for a screen."""
        height, width = self._pattern.shape
        bin = -(-max(height, width) // _MOST_PATTERN_SIDE)
        sums = np.asarray(self._pattern, np.float64)
        if bin > 1:
            sums = np.add.reduceat(np.add.reduceat(sums, np.arange(0, height, bin), axis=0), np.arange(0, width, bin), axis=1)
        return {"height": sums.shape[0], "width": sums.shape[1], "bin": bin}, sums


def _usual(radius: float, centre: tuple[float, float], shorter_side: float) -> list[Detector]:
    """Bright field and annular dark field."""
    inner = round(1.25 * radius, 1)
    return [Detector("disk", (radius,), centre), Detector("annulus", (inner, round(max(inner + 1, min(3 * radius, shorter_side / 2)), 1)), centre)]


def _as_dict(detector: Detector, centre: tuple[float, float], pixel_mrad: float) -> dict[str, Any]:
    if detector.kind not in _KINDS:
        raise ValueError(f"the viewer moves disks and annuli, not {detector}")
    if detector.unit == "mrad" and not pixel_mrad:
        raise ValueError(f"the radii of {detector} are in mrad, and the angle of a pixel is not known")
    radii = [float(number) / (pixel_mrad if detector.unit == "mrad" else 1) for number in detector.numbers]
    return {"kind": detector.kind, "inner": radii[0] if detector.kind == "annulus" else 0.0, "outer": radii[-1], "centre": list(detector.centre or centre)}


def _code(detector: Detector) -> str:
    assert detector.centre is not None
    numbers = ", ".join(f"{number:.6g}" if number % 1 else f"{number:.1f}" for number in detector.numbers)
    return f"scan.virtual(ct.{detector.kind}({numbers}, centre=({detector.centre[0]:.6g}, {detector.centre[1]:.6g})))"

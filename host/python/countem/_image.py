"""Results: numpy arrays that know their unit, their axes and what else was found."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class Axis:
    """Where the indices of an axis lie: index `i` at `origin + i * step`.

    Example: `scan.axes[2].at(10)` is the place of detector row 10, in `unit`.
    """

    name: str
    size: int
    origin: float
    step: float
    unit: str  #: "pixels", "positions", "mrad" or "nm"; "" where indices are all there is

    def at(self, index: float) -> float:
        """Coordinate of an index, in `unit`."""
        return self.origin + index * self.step

    def values(self) -> npt.NDArray[np.float64]:
        """(size): coordinates of all indices, in `unit`."""
        return self.origin + self.step * np.arange(self.size)


class Image(np.ndarray):
    """A result: a numpy array of float64 that may be used as any other, and what is known of it besides.

    `name`, `unit` (of the numbers), `meaning` (one line), `axes` (of the first two dimensions), `attributes` (numbers and text
    that were found with it: centre, errors, thresholds), `error` (standard errors, of the same shape) and `completeness` (share of
    the detector that arrived), both None where they were not asked for or nothing is missing. Numbers of electrons are exact up to
    2^53; NaN where nothing arrived. What is computed from an image, or cut out of it, is an array without these.

    Example: `scan.virtual(ct.disk(30)).unit` is "electrons".
    """

    name: str | None
    unit: str | None
    meaning: str | None
    axes: tuple[Axis, ...]
    attributes: dict[str, Any]
    error: Image | None
    completeness: Image | None

    def __new__(cls, values: npt.ArrayLike, **known: Any) -> Image:
        image = np.asarray(values).view(cls)
        for name, value in known.items():
            setattr(image, name, value)
        return image

    def __array_finalize__(self, source: Any) -> None:
        self.name = self.unit = self.meaning = self.error = self.completeness = None
        self.axes, self.attributes = (), {}

    def __array_wrap__(self, array: npt.NDArray[Any], context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return np.asarray(found) if isinstance(found, Image) else found

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (np.asarray(self), {name: getattr(self, name) for name in ("name", "unit", "meaning", "axes", "attributes", "error", "completeness")})

    def _repr_html_(self) -> str:
        from countem._html import image_html

        return image_html(self)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draws the image with its axes, units and a colour bar by matplotlib, on `ax` or a new figure; returns the axes.

        Raises ImportError without matplotlib, ValueError when it has not two dimensions.
        """
        from countem._plots import draw_image

        return draw_image(self, ax, **options)


def _restored(values: npt.NDArray[Any], known: dict[str, Any]) -> Image:
    return Image(values, **known)


def _axis_names(extent: list[int], units: str) -> tuple[str, str]:
    return ("scan row", "scan column") if units in ("positions", "nm") else ("row", "column")


def images_from(listed: list[tuple[Any, ...]]) -> dict[str, Image]:
    """The compiled module's results by name, errors and completeness with their images and not beside them."""
    images: dict[str, Image] = {}
    for name, values, extent, unit, meaning, attributes, (row, row_step, column, column_step, axis_unit) in listed:
        axes: tuple[Axis, ...] = ()
        if axis_unit and len(extent) >= 2:
            names = _axis_names(extent, axis_unit)
            axes = (Axis(names[0], extent[0], row, row_step, axis_unit), Axis(names[1], extent[1], column, column_step, axis_unit))
        images[name] = Image(np.asarray(values).reshape(extent), name=name, unit=unit, meaning=meaning, axes=axes, attributes=attributes)
    for suffix, member in (("_error", "error"), ("_completeness", "completeness")):
        for name in [name for name in images if name.endswith(suffix) and name.removesuffix(suffix) in images]:
            setattr(images[name.removesuffix(suffix)], member, images.pop(name))
    return images

"""Calibrations: thresholds, dark and gain references, masks."""

from __future__ import annotations

import math
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from countem import _countem
from countem._frames import Raw, require_raw, table_of
from countem._notices import logger, warn
from countem._references import dark_frames, detector_image


class Calibration:
    """What turns raw pixels into hits: dark and gain references, a mask and thresholds. `calibrate` or `load_calibration` makes one.

    It never changes; `with_threshold` makes a copy. Charges and thresholds are in ADU above the dark level. One that has a file
    pickles as its name.
    """

    def __init__(self, native: _countem.Calibration, *, method: str | None = None, shift: bool = False, path: str | None = None,
                 again: Callable[[str, bool], Calibration] | None = None) -> None:
        self._native = native
        self._path = path
        self._again = again  # finds the thresholds of another method
        self.method: str = method or ("cluster" if native.score_adu is None else "peaks")
        """The method of counting that the thresholds are for."""
        self._shift = shift  # the shift of each frame is subtracted

    def __reduce__(self) -> tuple[Any, ...]:
        return (load_calibration, (self._path,)) if self._path is not None else (_unpacked, (self._packed(), self.method, self._shift))

    def _packed(self) -> bytes:
        """What save() writes."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "calibration.h5")
            self._native.save(str(file), False)
            return file.read_bytes()

    def _by_value(self) -> Calibration:
        """A copy that pickles without a file."""
        return Calibration(self._native, method=self.method, shift=self._shift)

    def __eq__(self, other: object) -> bool:
        """Whether all that counting uses or files keep is the same. A calibration that holds a NaN equals none."""
        return isinstance(other, Calibration) and self._native == other._native

    __hash__ = object.__hash__

    @property
    def background_adu(self) -> float:
        """A hit's charge is above it. Method peaks: a candidate's; for each pixel by itself: the lowest."""
        return self._native.background_adu

    @property
    def xray_adu(self) -> float:
        """Charges from it on are X-rays; inf: none are."""
        return self._native.xray_adu

    @property
    def score_adu(self) -> float | None:
        """Method peaks: an event's score, twice its pixel's charge and that of the largest 2 x 2 pixels around it, is above it; else None."""
        return self._native.score_adu

    @property
    def pixel_background_adu(self) -> npt.NDArray[np.float64] | None:
        """(detector rows, detector columns) in ADU instead of `background_adu`; None: all pixels have the same threshold."""
        return self._image(self._native.pixel_background16, 1 / 16)

    @property
    def noise_sigma_adu(self) -> float | None:
        """Standard deviation of the noise peak of the sampled frames; None where none was fitted."""
        return self._native.noise_sigma_adu

    @property
    def noise_mean_adu(self) -> float | None:
        """Middle of the noise peak of the sampled frames; None where none was fitted."""
        return self._native.noise_mean_adu

    @property
    def false_events(self) -> float | None:
        """Events of noise expected in a frame; None where that is not known: no dark reference, or no fit."""
        return self._native.false_events

    @property
    def histogram(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint64]] | None:
        """Edges (n + 1, in ADU) and counts (n) of the charges of all pixels of the sampled frames; None without a sample."""
        found = self._native.histogram
        if found is None:
            return None
        first, step, counts = found
        return first + step * np.arange(len(counts) + 1), np.asarray(counts, np.uint64)

    @property
    def dark(self) -> npt.NDArray[np.float64] | None:
        """(detector rows, detector columns): mean of the darks in ADU, in sixteenths; None: no dark reference."""
        return self._image(self._native.dark16, 1 / 16)

    @property
    def gain(self) -> npt.NDArray[np.float32] | None:
        """(detector rows, detector columns): factor on each pixel's charge; None: no gain reference."""
        return self._image(self._native.gain, 1)

    @property
    def mask(self) -> npt.NDArray[np.uint8] | None:
        """(detector rows, detector columns): why a pixel is not used, the sum of 1 (hot), 2 (dead), 4 (blinking), 8 (given) and
        16 (gain); 0: it is used. None where the calibration is for detectors of any shape."""
        masked = self._image(self._native.mask, 1)
        shape = tuple(self._native.frame_shape)
        return np.zeros(shape, np.uint8) if masked is None and all(shape) else masked

    @property
    def warnings(self) -> list[str]:
        """What was found about references and thresholds that does not stop a count, one sentence each."""
        return self._native.notes

    def _image(self, values: npt.NDArray[Any], unit: float) -> Any:
        if not values.size:
            return None
        image = values.reshape(tuple(self._native.frame_shape))
        return image if unit == 1 else image * unit

    def with_threshold(self, background: float | None = None, *, xray: float | None = None, score: float | None = None) -> Calibration:
        """A copy with other thresholds, in ADU; those that are not given stay. `xray=inf`: no X-ray threshold.

            lower = cal.with_threshold(background=7)

        Raises ValueError where they make no sense.
        """
        changed = self._native.with_thresholds(background, xray, score)
        return Calibration(changed, method="peaks" if score is not None else self.method, shift=self._shift)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the file that `countem calibrate` writes: `countem count --calibration` and `load_calibration` read it.

        Raises FileExistsError where there is one, unless `overwrite`; OSError.
        """
        self._native.save(os.fspath(path), overwrite)
        self._path = os.path.abspath(path)

    def plot(self) -> Any:
        """The histogram of the sampled charges with noise peak and thresholds, as a matplotlib figure.

        Raises ImportError without matplotlib, ValueError without a sample.
        """
        try:
            from matplotlib import pyplot
        except ImportError as absent:
            raise ImportError("plots need matplotlib: pip install matplotlib") from absent
        if self.histogram is None:
            raise ValueError("the calibration was made without a sample of frames: there is no histogram to plot")
        edges, counts = self.histogram
        figure, axes = pyplot.subplots()
        axes.stairs(counts, edges, label="pixels of the sampled frames")
        mean, sigma = self.noise_mean_adu, self.noise_sigma_adu
        if mean is not None and sigma is not None:
            middles = (edges[1:] + edges[:-1]) / 2
            near = np.abs(middles - mean) < 5 * sigma
            heights = np.exp(-(((middles - mean) / sigma) ** 2) / 2)
            core = np.abs(middles - mean) < sigma
            axes.plot(middles[near], (heights * counts[core].sum() / max(heights[core].sum(), 1e-300))[near], label=f"noise, σ = {sigma:.3g} ADU")
        axes.axvline(self.background_adu, color="tab:red", label=f"above {self.background_adu:.5g} ADU: a {'candidate' if self.score_adu is not None else 'hit'}")
        if edges[0] < self.xray_adu < edges[-1]:
            axes.axvline(self.xray_adu, color="tab:purple", label=f"from {self.xray_adu:.5g} ADU: an X-ray")
        axes.set(yscale="log", ylim=(0.5, None), xlabel="charge (ADU)", ylabel="pixels")
        axes.legend()
        return figure

    def _facts(self) -> list[tuple[str, str]]:
        def adu(value: float | None) -> str:
            return "none" if value is None or math.isinf(value) else f"{value:.5g} ADU"

        if self._native.references_only:
            thresholds = [("thresholds", "those of each scan")]
        else:
            thresholds = [("background", adu(self.background_adu)), ("X-ray", adu(self.xray_adu))]
            if self.score_adu is not None:
                thresholds.append(("score", adu(self.score_adu)))
            if self.false_events is not None:
                thresholds.append(("false events per frame", f"{self.false_events:.3g}"))
        shape = self._native.frame_shape
        masked = int(np.count_nonzero(self._native.mask))
        references = [name for name, there in (("dark", self._native.dark16.size), ("gain", self._native.gain.size)) if there]
        return [("detector", f"{shape[0]} x {shape[1]}" if all(shape) else "any"), ("method", self.method), *thresholds,
                ("references", ", ".join(references) or "none"), ("masked pixels", str(masked))]

    def __repr__(self) -> str:
        return f"<countem.Calibration: {', '.join(f'{name} {text}' for name, text in self._facts())}>"

    def _repr_html_(self) -> str:
        return table_of("calibration", [*self._facts(), *(("warning", sentence) for sentence in self.warnings)])


def calibrate(raw: Raw, dark: Any = None, gain: Any = None, *, mask: Any = None, method: str = "cluster", background: str = "none",
              background_sigma: float | None = None, false_events: float | None = None, xray_sigma: float = 175,
              threshold: float | None = None, xray_threshold: float | None = None, score_threshold: float | None = None,
              per_pixel: bool = False, samples: int = 40, seed: int = 0, accept_masked: bool = False, threads: int = 0) -> Calibration:
    """Finds thresholds for the frames of a scan from a sample of them, as `countem calibrate` does (docs/calibration.md).

    `dark`: frames without beam: paths as for `open_raw` (of a directory its files named "dark...", if it has any), opened frames, an array (frames, rows, columns), or their mean (rows, columns);
    or a calibration of darks alone (`countem calibrate --dark-only`). `gain`: a factor for each pixel, `mask`: pixels not to be
    used are not 0; a path (.npy, .mrc, HDF5 or flat) or an array (rows, columns).
    `method`: what the thresholds are for: cluster, maximum, peaks, pixels or counts. `background`: "frame" where counting
    subtracts the shift of each frame.
    Background threshold: by default the one that finds most electrons, 4.5 sigma without darks; or `background_sigma` of the noise;
    or the lowest with `false_events` in a frame; or `threshold` in ADU. X-ray threshold: mean + `xray_sigma` standard deviations of
    the sample, or `xray_threshold` in ADU (inf: none). Method peaks: `score_threshold` in ADU. `per_pixel`: a threshold for each
    pixel from its own noise. `samples`: frames of the sample, which `seed` chooses. `threads`: 0 for all cores.
    `accept_masked`: even where the darks mask more than a tenth of the detector.

        cal = ct.calibrate(raw, dark="dark41/*.data", method="peaks")
        cal.background_adu, cal.false_events

    Warns (CountemWarning) of what it finds. Raises ValueError where there is no noise peak or references do not fit the frames,
    OSError, what an array raises, TypeError where `raw` is no raw frames, and KeyboardInterrupt after Ctrl-C.
    """
    require_raw(raw)
    if false_events is not None and (background_sigma is not None or threshold is not None):
        raise ValueError("false_events, background_sigma and threshold each set the threshold: give one of them")
    before = None
    if isinstance(dark, Calibration):
        if not dark._native.references_only:
            raise ValueError("the calibration given as dark has thresholds: count with it, or give one of darks alone")
        before, dark = dark._native, None
    darks = dark_frames(dark, raw)._native if dark is not None else None
    if darks is not None and darks.frame_shape != raw._native.frame_shape:
        raise ValueError(f"the darks are of {darks.frame_shape[0]} x {darks.frame_shape[1]} pixels, the frames of {raw.shape[-2]} x "
                         f"{raw.shape[-1]}: give darks of this detector")
    shape = raw.shape[-2], raw.shape[-1]
    images = [detector_image(image, shape, role) if image is not None else None for image, role in ((gain, "gain"), (mask, "mask"))]
    references = _countem.references(darks, *images, before, threads)
    given = dict(background_sigma=background_sigma, false_events=false_events, xray_sigma=xray_sigma, threshold=threshold,
                 xray_threshold=xray_threshold, score_threshold=score_threshold, per_pixel=per_pixel, samples=samples, seed=seed,
                 accept_masked=accept_masked, threads=threads)

    def find(method: str, shift: bool) -> Calibration:
        wanted = _countem.Calibrating()
        wanted.method, wanted.frame_shift = method, shift
        for name, value in given.items():
            setattr(wanted, name, value)
        return Calibration(_countem.find_thresholds(raw._native, references, wanted), method=method, shift=shift, again=find)

    if background not in ("none", "frame"):
        raise ValueError(f"{background!r} is no background method: it is none or frame")
    found = find(method, background == "frame")
    warn(found.warnings)
    logger.info("%r", found)
    return found


def _unpacked(content: bytes, method: str, shift: bool) -> Calibration:
    """The inverse of `_packed`."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "calibration.h5")
        file.write_bytes(content)
        return Calibration(_countem.load_calibration(str(file)), method=method, shift=shift)


def load_calibration(path: str | os.PathLike[str]) -> Calibration:
    """Reads a calibration that `save` or `countem calibrate` wrote.

        cal = ct.load_calibration("cal.h5")

    Raises FileNotFoundError or another OSError, ValueError where the file is no calibration.
    """
    return Calibration(_countem.load_calibration(os.fspath(path)), path=os.path.abspath(path))

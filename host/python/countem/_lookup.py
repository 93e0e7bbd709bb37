"""Images of detectors that are fast enough to be drawn while one is dragged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from countem import _countem
from countem._detectors import Detector
from countem._part import Part

if TYPE_CHECKING:
    from countem._store import Scan

ABSENT = 0xFFFFFFFF  #: in place of electrons, where nothing arrived
_MOST_BYTES_AN_ELECTRON = 8


class Lookup:
    """The electrons of a scan, sorted by detector pixel and kept in memory. The image of a detector differs from the last one by the
    electrons of those pixels alone that came or went, so that the time does not grow with the scan's electrons.

    Exact where all electrons fit into `memory` bytes: `thinned` is 1. Else one electron in `thinned` is kept, and images are
    estimates: that many times what those give.
    """

    def __init__(self, scan: Scan, memory: float) -> None:
        self._scan = scan
        self._absent = np.isnan(np.asarray(scan.counts)).ravel()
        electrons = int(np.nansum(scan.counts))
        self.thinned = max(1, -int(-_MOST_BYTES_AN_ELECTRON * electrons // max(1, int(memory))))
        indptr, indices = self._events()
        self._electrons = _countem.EventsByPixel(scan.shape[-2:], scan._repeats, indptr, indices, scan._threads)
        self._nothing = np.zeros(scan.shape[-2] * scan.shape[-1], np.uint8)
        self._mask, self._image = self._nothing, np.zeros(self._electrons.positions, np.uint32)

    @property
    def nbytes(self) -> int:
        """Bytes that are kept."""
        return int(self._electrons.bytes)

    def image(self, detector: Detector, centre: tuple[float, float]) -> npt.NDArray[np.uint32]:
        """Electrons at each position, (scan rows, scan columns), `ABSENT` where nothing arrived."""
        mask = self._scan._store.detector_mask(self._scan._part.numbers, str(detector), centre)
        self._image = self._electrons.changed(self._image, self._mask, mask)
        self._mask = mask
        image = self._image * np.uint32(self.thinned)
        image[self._absent] = ABSENT
        return image.reshape(self._scan.shape[:2])

    def _events(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
        scan = self._scan
        if self.thinned == 1:
            if "_events" in scan.__dict__ or scan._part != scan._whole:
                return scan._events[:2]
            return scan.indptr, scan._store.load(scan._threads)[0]  # not kept by the scan
        frames, kept = [np.zeros(1, np.uint64)], []
        before = taken = 0
        for part in self._rows():
            indptr, indices, _ = scan._store.load_part(part.numbers, scan._threads)
            first = -before % self.thinned
            kept.append(indices[first :: self.thinned].copy())
            # Of the electrons before each place, those whose number among all is a multiple of `thinned`.
            frames.append(taken + (indptr[1:] + np.uint64(self.thinned - 1 - first)) // np.uint64(self.thinned))
            before, taken = before + len(indices), taken + len(kept[-1])
        return np.concatenate(frames), np.concatenate(kept)

    def _rows(self) -> Iterator[Part]:
        columns, height, width = (range(length) for length in (self._scan.shape[1], *self._scan.shape[-2:]))
        for row in range(self._scan.shape[0]):
            yield self._scan._part.sliced((range(row, row + 1), columns, height, width))

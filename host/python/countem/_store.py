"""Counted scans: event stores as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from countem import _countem
from countem._calibration import Calibration
from countem._handover import HandOvers
from countem._image import Axis, Image
from countem._indices import resolved, slice_of
from countem._notices import warn
from countem._parallax import Parallax, parallax_from
from countem._part import Part, Window
from countem._reducing import Reducing
from countem._scan_path import lengths, path_numbers
from countem._shown import Shown

_DENSE_TYPES: dict[str, np.dtype[Any]] = {"u8": np.dtype(np.uint8), "u16": np.dtype(np.uint16), "u32": np.dtype(np.uint32)}
_NOT_WRITTEN = 0xFFFFFFFF
_SECTORS, _TRUNCATED = 0x0F, 0x10


class Scan(Reducing, HandOvers, Shown):
    """A counted scan, or a part of one: `open` makes it, slices and `bin` make parts.

    It reads like a numpy array of (scan rows, scan columns, detector rows, detector columns), with repeats behind the scan columns
    where a position has several frames: `scan[3, 5]` is one diffraction pattern. Slices of whole ranges are parts, which read nothing
    until they are used: `scan[0:32, :, 100:400, 100:400]`. `numpy.asarray(scan)` makes the dense array.

    Frame number `f = (row * scan columns + column) * frames per position + repeat`; the linear index of a pixel is
    `row * detector columns + column`. Arrays are made once and cannot be written to. Several threads may use one scan.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 0) -> None:
        self._begin(_countem.Store(os.fspath(path)), os.fspath(path), threads)

    def _begin(self, store: _countem.Store, path: str, threads: int, part: Part | None = None) -> None:
        self._store, self._path, self._threads = store, path, threads
        rows, columns, _ = store.scan_shape
        height, width = store.frame_shape
        self._whole = Part(Window(0, rows), Window(0, columns), Window(0, height), Window(0, width))
        self._part = part or self._whole

    @classmethod
    def _of(cls, store: _countem.Store, path: str, threads: int = 0, part: Part | None = None) -> Scan:
        """A scan over a store that is open; `path` is empty for one in memory."""
        scan = cls.__new__(cls)
        scan._begin(store, path, threads, part)
        return scan

    def _with(self, part: Part) -> Scan:
        scan = self._of(self._store, self._path, self._threads, part)
        scan._client = self._client
        return scan

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.shape))
        return f"<countem.Scan {shape}, {'a part of ' if self._part != self._whole else ''}{self._path or 'in memory'!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._path:
            raise TypeError("a scan in memory cannot be pickled: save() it, and open the file")
        return _reopened, (os.path.abspath(self._path), self._threads, self._part)

    def close(self) -> None:
        """Closes the file, for its parts too. Arrays that were made of it stay valid."""
        self._store.close()

    # What it is

    @cached_property
    def _described(self) -> tuple[Any, ...]:
        return self._store.describe(self._part.numbers)

    _repeats = property(lambda self: int(self._described[0][2]))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Scan rows, scan columns, frames at each position where there are several, detector rows, detector columns."""
        (rows, columns, repeats), frame = self._described[:2]
        return (rows, columns, *((repeats,) if repeats > 1 else ()), *frame)

    @property
    def ndim(self) -> int:
        """4, or 5 with several frames at each position."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel of the dense scan: uint8 or uint16, electrons cut at 255 or 65535 as the file shows them; uint32 of a part whose
        pixels or positions are merged, where nothing is cut."""
        return _DENSE_TYPES["u32" if self._is_merged else self._store.dense_type]

    @property
    def _is_merged(self) -> bool:
        return self._part.rows.merged > 1 or self._part.scan_rows.merged > 1

    @property
    def _is_cropped(self) -> bool:
        """Whether pixels of the detector are left out."""
        return any(shown[:2] != whole[:2] for shown, whole in ((self._part.rows, self._whole.rows), (self._part.columns, self._whole.columns)))

    @property
    def size(self) -> int:
        """Pixels of all frames."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of the dense scan, which is not made."""
        return self.size * self.dtype.itemsize

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is read at once: one frame."""
        return (*(1 for _ in self.shape[:-2]), *self.shape[-2:])

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """Of each dimension, where its indices lie: scan positions and detector pixels as both were recorded, or nm and mrad where the
        store knows them.

        Example: `scan.axes[-1].step, scan.axes[-1].unit`
        """
        scan_row, scan_column, row, column, mrad, nm, of_scan, of_detector = self._described[2]
        placed = [("scan row", scan_row, of_scan[0], nm, "nm", "positions"), ("scan column", scan_column, of_scan[1], nm, "nm", "positions"),
                  ("row", row, of_detector[0], mrad, "mrad", "pixels"), ("column", column, of_detector[1], mrad, "mrad", "pixels")]
        lengths = (*self.shape[:2], *self.shape[-2:])
        axes = [Axis(name, length, (origin if known else 0) + first * (known or 1), step * (known or 1), unit if known else plain)
                for (name, (first, step), origin, known, unit, plain), length in zip(placed, lengths)]
        if self._repeats > 1:
            axes.insert(2, Axis("repeat", self._repeats, 0, 1, ""))
        return tuple(axes)

    @cached_property
    def provenance(self) -> dict[str, str]:
        """How the store was made: program, command line, inputs, thresholds and what else it records, as text."""
        return dict(self._store.provenance())

    @cached_property
    def calibration(self) -> Calibration:
        """What the frames were counted with: thresholds, dark and gain references, mask. Its images are cropped with a part; where
        pixels are merged or split they are those of the detector.

        Example: `scan.calibration.background_adu, scan.calibration.mask`
        """
        return Calibration(self._store.calibration(self._part.numbers), method=self._store.method())

    # Frames

    def _frames(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Numbers of all frames of the store, cut to the part: (rows, columns, repeats) before merging."""
        rows, columns, repeats = self._store.scan_shape
        part = self._part
        window = np.asarray(values).reshape(rows, columns, repeats)
        return window[part.scan_rows.first:, part.scan_columns.first:][:part.scan_rows.length, :part.scan_columns.length]

    def _merged(self, frames: npt.NDArray[Any], merge: np.ufunc) -> npt.NDArray[Any]:
        """Frames that the part merges, by `merge`; without the axis of repeats where there is one frame."""
        for axis, window in enumerate((self._part.scan_rows, self._part.scan_columns)):
            if window.merged > 1:
                frames = merge.reduceat(frames, np.arange(0, window.length, window.merged), axis=axis)
        return frames if self._repeats > 1 else frames[:, :, 0]

    @cached_property
    def status(self) -> npt.NDArray[np.uint8]:
        """(scan rows, scan columns[, repeats]): which of the four sectors of each frame arrived, bits 0 to 3, and whether one was cut
        short, bit 4. 15: all is there; 0: the frame never arrived. Merged frames: what all of them have, cut short if any lacks a
        part that others have. Reads no events."""
        frames = self._frames(self._store.status())
        whole = self._merged(frames & _SECTORS, np.bitwise_and)
        some = self._merged(frames & _SECTORS, np.bitwise_or)
        short = (self._merged(frames & _TRUNCATED, np.bitwise_or) | np.where(whole != some, _TRUNCATED, 0)).astype(np.uint8)
        return np.where(whole != some, some, whole) | short

    @cached_property
    def counts(self) -> Image:
        """(scan rows, scan columns): electrons at each position, repeats added up; NaN where nothing arrived. Reads no events, but
        for a part of the detector."""
        if self._is_cropped:
            return self._images([])["counts"]
        counts = self._frames(self._store.counts()).astype(np.float64)
        counts[counts == _NOT_WRITTEN] = np.nan
        arrived = self._merged(~np.isnan(counts), np.logical_or)
        counts = self._merged(np.nan_to_num(counts), np.add)
        if self._repeats > 1:
            arrived, counts = arrived.any(axis=2), counts.sum(axis=2)
        counts[~arrived] = np.nan
        return Image(counts, name="counts", unit="electrons", meaning="electrons at each scan position", axes=self.axes[:2])

    def frame_number(self, row: int, column: int, repeat: int = 0) -> int:
        """Number of a frame. Negative arguments count from the end. Raises IndexError beyond the scan."""
        number = 0
        for name, index, length in zip(("row", "column", "repeat"), (row, column, repeat), self._described[0]):
            if not -length <= index < length:
                raise IndexError(f"{self._path}: {name} {index} is beyond the scan, which has {length}")
            number = number * length + index % length
        return number

    # Events

    @property
    def nnz(self) -> int:
        """Electrons of the whole scan, several in a pixel of a frame each by itself. Reads no events, but for a part of the
        detector."""
        return int(self.indptr[-1])

    @cached_property
    def indptr(self) -> npt.NDArray[np.uint64]:
        """(frames + 1): the events of frame `f` are `indices[indptr[f]:indptr[f + 1]]`. Reads no events, but for a part."""
        return self._store.indptr() if self._part == self._whole else self._events[0]

    @cached_property
    def _events(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], npt.NDArray[np.uint32] | None]:
        if self._part == self._whole:
            return (self.indptr, *self._store.load(self._threads))
        return self._store.load_part(self._part.numbers, self._threads)

    @property
    def indices(self) -> npt.NDArray[np.uint32]:
        """(nnz): linear index of each electron's pixel, ascending within a frame; a pixel hit twice is there twice.

        The first use reads the whole scan with all threads and keeps 4 bytes per electron; other Python threads run meanwhile.

        Raises ValueError naming the first damaged frame, OSError, MemoryError; KeyboardInterrupt after Ctrl-C.
        """
        return self._events[1]

    @property
    def values(self) -> npt.NDArray[np.uint32] | None:
        """(nnz): the charge of each electron in 1/16 ADU or the size of its cluster, where the count kept them; else None.

        Read with `indices`.
        """
        return self._events[2]

    def events(self, row: int, column: int, repeat: int = 0) -> npt.NDArray[np.uint32]:
        """Linear indices of the electrons of one frame, ascending. Reads that frame alone, unless all were read.

        Raises IndexError beyond the scan, ValueError when the frame is damaged, OSError.

        Example: `rows, columns = divmod(scan.events(10, 20), scan.shape[-1])`
        """
        frame = self.frame_number(row, column, repeat)
        if "_events" in self.__dict__:
            return self.indices[self.indptr[frame] : self.indptr[frame + 1]]
        if self._part == self._whole:
            return self._store.read(frame, 1, 1)[0]
        indptr, indices, _ = self._store.load_part(self._position(row, column).numbers, 1)
        return indices[indptr[repeat] : indptr[repeat + 1]]

    def _position(self, row: int, column: int) -> Part:
        row, column = row % self.shape[0], column % self.shape[1]
        return self._part.sliced((range(row, row + 1), range(column, column + 1), range(self.shape[-2]), range(self.shape[-1])))

    # As an array

    def _dense(self, part: Part) -> npt.NDArray[Any]:
        (rows, columns, repeats), frame, _ = self._store.describe(part.numbers)
        name = next(name for name, kind in _DENSE_TYPES.items() if kind == self.dtype)
        shape = (rows, columns, *((repeats,) if self._repeats > 1 else ()), *frame)
        dense = self._store.dense(part.numbers, name, self._threads if rows * columns * repeats > 1 else 1)
        return np.asarray(dense).reshape(shape)

    def __array__(self, dtype: npt.DTypeLike = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("the dense array of a scan is made anew: it cannot be had without a copy")
        return self._dense(self._part).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        """A part of the scan for slices of whole ranges; else the dense numbers, as numpy gives them for integers, slices with steps,
        `...` and None. Raises IndexError beyond the scan, and for lists and masks: those need `numpy.asarray(scan)` or `events`."""
        if type(key) is tuple and len(key) == 2 == self.ndim - 2 and all(type(one) is int and 0 <= one < self.shape[axis] for axis, one in enumerate(key)):
            return self._dense(self._position(*key))[0, 0]  # as below, in half the time
        ranges, dropped, added = resolved(key, self.shape)
        bounds = [range(min(one[0], one[-1]), max(one[0], one[-1]) + 1) if len(one) else one for one in ranges]
        whole_repeats = self._repeats == 1 or bounds[2] == range(self._repeats)
        if not dropped and not added and whole_repeats and all(len(one) and one.step == 1 for one in ranges):
            return self._with(self._part.sliced(self._without_repeats(bounds)))
        lengths = [len(one) for one in ranges]
        if 0 in lengths:
            dense = np.empty(lengths, self.dtype)
        else:
            dense = self._dense(self._part.sliced(self._without_repeats(bounds)))
            inner = [bound if axis != 2 or self._repeats == 1 else range(self._repeats) for axis, bound in enumerate(bounds)]
            dense = dense[tuple(slice_of(one, bound.start) for one, bound in zip(ranges, inner))]
        dense = dense[tuple(0 if axis in dropped else slice(None) for axis in range(self.ndim))]
        for place in added:
            dense = np.expand_dims(dense, place)
        return dense

    def _without_repeats(self, bounds: Sequence[range]) -> tuple[range, range, range, range]:
        return (bounds[0], bounds[1], bounds[-2], bounds[-1])

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    # Parts and copies

    def bin(self, detector: int = 1, scan: int = 1, *, keep_remainder: bool = False) -> Scan:
        """A part whose pixels are `detector` x `detector` pixels and whose positions are `scan` x `scan` positions. What fills no
        whole bin is left out, as py4DSTEM and hyperspy do, unless `keep_remainder`. Warns (CountemWarning) of merged frames that lack some.

        Raises ValueError when nothing is left.

        Example: `scan.bin(2, scan=4).save("small.h5")`
        """
        if min(detector, scan) < 1:
            raise ValueError("a bin factor is at least 1")
        part = self._part
        part = Part(part.scan_rows.merge(scan), part.scan_columns.merge(scan), part.rows.merge(detector), part.columns.merge(detector))
        part = part if keep_remainder else Part.of(self._store.whole_bins(part.numbers))
        if scan > 1:
            warn(self._store.lacking(part.numbers, self._path or "the scan"))
        return self._with(part)

    def load(self) -> Scan:
        """The scan, or what the part shows, in memory: 4 bytes per electron. What is computed from it then reads no file.

        Example: `scan = ct.open("counted.h5").load()`
        """
        whole = self._part == self._whole
        name = self._path if whole else f"a part of {self._path or 'a scan in memory'}"
        return self._of(self._store.in_memory(self._part.numbers, name, self._threads), self._path if whole else "", self._threads)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Scan:
        """Writes the scan, or what the part shows, as an event store, and opens it. The file gets its name when it is whole.

        Raises FileExistsError unless `overwrite`, OSError when it cannot be written.

        Example: `small = scan[0:32, :, 100:400, 100:400].save("small.h5")`
        """
        self._store.save(self._part.numbers, self._path, os.fspath(path), f"countem.Scan.save({os.fspath(path)!r})", overwrite, self._threads)
        return Scan(path, self._threads)

    # Reductions

    def parallax(self, *, centre: tuple[float, float] | None = None, bright_field: float = 0, upsample: int = 2, order: int = 1, flip: bool | None = None,
                 rotation: float | None = None, pixel_mrad: float = 0, voltage_kv: float = 0, scan_step_nm: float = 0) -> Parallax:
        """Tilt-corrected bright field: every electron counted where the aberrations that the scan itself shows displaced it from
        (docs/parallax.md; 10.1038/s41592-025-02834-9).

        `bright_field`: radius of the pixels to use, detector pixels; 0: .95 of the beam's. `upsample`: cells per scan step of the image.
        `order` of the aberrations, 1 to 3. `flip`, `rotation`: None: found. Aberrations are in nm where `pixel_mrad` and `scan_step_nm`
        are given or known, else in scan steps per power of detector pixels. Reads the scan three or four times.

        Raises ValueError when no disk is found or its images show no displacement that belongs together, and for a part of the detector.

        Example: `scan.parallax(upsample=4).image.plot()`
        """
        part = self._part
        if (part.rows, part.columns, part.scan_rows.merged) != (self._whole.rows, self._whole.columns, 1):
            raise ValueError("parallax needs all pixels and positions as they were counted, not a crop or bin of them")
        scale = (float(pixel_mrad), 0.0, float(voltage_kv), float(scan_step_nm))
        return parallax_from(self._store.parallax(part.numbers, centre, float(bright_field), upsample, order, flip, rotation, scale, self._threads))


def _reopened(path: str, threads: int, part: Part) -> Scan:
    """A scan in another process."""
    return Scan(path, threads)._with(part)


def open(path: str | os.PathLike[str], *, threads: int = 0, scan: Sequence[int] | None = None, skip: int = 0, flyback: int = 0,
         snake: bool = False) -> Scan:
    """Opens a counted scan, an event store that `countem count` wrote.

    `threads` that read and decode: 0 for all cores. With `scan`, (rows, columns) or (rows, columns, frames at each position), or any of
    `skip`, `flyback`, `snake` (as of `open_raw`) the frames are folded into another scan; as a scan in memory: `save` makes a file of it.
    Warns (CountemWarning) of frames that the folding lacks or leaves out.

    Raises FileNotFoundError or another OSError when the file cannot be read, ValueError when it is no event store.
    """
    if scan is None and not (skip or flyback or snake):
        return Scan(path, threads)
    size = lengths("scan", scan, 3) if scan is not None else None
    store, issues = _countem.Store.folded(os.fspath(path), size, *path_numbers(skip, flyback, snake))
    warn(issues)
    return Scan._of(store, "", threads)

"""Raw frames: files, and arrays of other programs."""

from __future__ import annotations

import glob
import html
import math
import operator
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from countem import _countem
from countem._notices import warn
from countem._scan_path import lengths, path_numbers

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

scheduler: str | None = None  #: of dask, for arrays of dask that are read here; None: dask's own choice

_PIXEL_TYPES = {"u8": np.dtype(np.uint8), "u16": np.dtype(np.uint16), "u32": np.dtype(np.uint32), "f32": np.dtype(np.float32)}


class Raw:
    """Raw frames of a scan, none of which is in memory. `open_raw` and `frames` make one.

        raw = ct.open_raw("scan42/*.data", scan=(64, 64))
        raw.shape     # (scan rows, scan columns, detector rows, detector columns)
        raw[3, 5]     # the frame of row 3, column 5 of the scan, in ADU

    Several threads may use one.
    """

    def __init__(self, native: _countem.Frames, name: str, source: tuple[Any, dict[str, Any]], maker: Any) -> None:
        self._native = native
        self._name = name
        self._source = source
        self._maker = maker

    def __reduce__(self) -> tuple[Any, ...]:
        what, options = self._source
        if self._maker is open_raw:  # another process may have another folder
            what = os.path.abspath(what) if isinstance(what, str) else [os.path.abspath(path) for path in what]
            if options["index"] is not None:
                options = {**options, "index": os.path.abspath(options["index"])}
        return _reopened, (self._maker, what, options)

    @property
    def shape(self) -> tuple[int, ...]:
        """Scan rows, scan columns, frames at each position where there are several, detector rows, detector columns."""
        rows, columns, repeats = self._native.scan_shape
        return (rows, columns, *((repeats,) if repeats > 1 else ()), *self._native.frame_shape)

    @property
    def ndim(self) -> int:
        """4, or 5 with several frames at each position."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a pixel as it is counted: uint8, uint16, uint32 or float32, in ADU."""
        return _PIXEL_TYPES[self._native.pixel_type]

    @property
    def issues(self) -> list[str]:
        """What was found wrong when the frames were opened, one sentence each; empty where nothing was."""
        return self._native.issues

    @property
    def missing_frames(self) -> int:
        """Frames of the scan of which nothing arrived."""
        return self._native.missing_frames

    @property
    def incomplete_frames(self) -> int:
        """Frames of the scan that lack a sector of the detector or were cut short."""
        return self._native.incomplete_frames

    @property
    def files(self) -> list[pathlib.Path]:
        """The files that are read, in their order; of an array its name."""
        return self._native.files

    def __getitem__(self, where: tuple[int, ...]) -> npt.NDArray[Any]:
        """The frame (detector rows, detector columns) at [row, column] or [row, column, repeat], in ADU. Reads that frame alone.

        Sectors that did not arrive are 0. Raises IndexError beyond the scan, ValueError where nothing of the frame arrived or
        it is damaged, OSError, and what an array raises.
        """
        rows, columns, repeats = self._native.scan_shape
        lengths = (rows, columns, repeats) if repeats > 1 else (rows, columns)
        if not isinstance(where, tuple) or len(where) != len(lengths):
            names = "row, column, repeat" if repeats > 1 else "row, column"
            raise IndexError(f"{self._name}: frames are read one at a time: index one as raw[{names}]")
        number = 0
        for axis, index, length in zip(("row", "column", "repeat"), where, lengths):
            index = operator.index(index)
            if not -length <= index < length:
                raise IndexError(f"{self._name}: {axis} {index} is beyond the scan, which has {length}")
            number = number * length + index % length
        pixels, present = self._native.read(number)
        if not present:
            raise ValueError(f"{self._name}: nothing of frame {number} {tuple(where)} arrived")
        return pixels

    def __repr__(self) -> str:
        words = " x ".join(map(str, self.shape))
        faults = f", {len(self.issues)} issue{'s' * (len(self.issues) != 1)}" if self.issues else ""
        return f"<countem.Raw {self._name!r}: {words}, {self.dtype}, {self._native.format}{faults}>"

    def _repr_html_(self) -> str:
        rows = [("shape", " × ".join(map(str, self.shape))), ("dtype", str(self.dtype)), ("format", self._native.format),
                ("missing frames", str(self.missing_frames)), *(("issue", issue) for issue in self.issues)]
        return table_of(self._name, rows)


def table_of(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """A small HTML table."""
    lines = "".join(f"<tr><th style='text-align:left'>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in rows)
    return f"<table><caption>{html.escape(title)}</caption>{lines}</table>"


def _reopened(maker: Any, what: Any, options: dict[str, Any]) -> Raw:
    return maker(what, **options)


def _opening(*, format: str | None, scan: Sequence[int] | None, shape: Sequence[int] | None, dtype: npt.DTypeLike | None, offset: int,
             gap: int, dataset: str | None, scale: float, index: str | os.PathLike[str] | None = None, axes: str | None = None,
             skip: int = 0, flyback: int = 0, snake: bool = False) -> _countem.Opening:
    opening = _countem.Opening()
    opening.skip, opening.flyback, opening.snake = path_numbers(skip, flyback, snake)
    opening.format = format or ""
    opening.scan = lengths("scan", scan, 3) if scan is not None else None
    opening.dataset = dataset or ""
    opening.axes = axes or ""
    opening.index = os.fspath(index) if index is not None else ""
    opening.scale = scale
    if shape is None:
        if dtype is not None or offset or gap:
            raise ValueError("dtype, offset and gap describe flat binary files: give shape=(rows, columns) with them")
        return opening
    opening.shape = lengths("shape", shape, 2)
    stored = np.dtype(np.uint16 if dtype is None else dtype)
    if stored.kind not in "uif" or stored.itemsize > 8:
        raise ValueError(f"flat binary files of {stored} cannot be read: dtype is a whole or floating-point number of up to 64 bits")
    opening.type = f"{stored.kind}{8 * stored.itemsize}"
    opening.big_endian = not stored.isnative
    opening.offset = offset
    opening.gap = gap
    return opening


def _files(paths: Paths) -> list[str]:
    """The files that patterns stand for."""
    given = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: list[str] = []
    for path in map(os.fspath, given):
        if glob.has_magic(path) and not os.path.exists(path):
            matches = sorted(glob.glob(path, recursive=True))
            if not matches:
                raise FileNotFoundError(f"{path}: no file has such a name")
            found += matches
        else:
            found.append(path)
    if not found:
        raise ValueError("no file was given: name the raw files of a scan, or a directory of them")
    return found


def _opened(paths: Paths, options: dict[str, Any], opening: _countem.Opening) -> Raw:
    native = _countem.open_files(_files(paths), opening)
    files = native.files
    name = str(files[0]) if len(files) == 1 else os.path.commonpath([str(file.parent.absolute()) for file in files])
    given = os.fspath(paths) if isinstance(paths, (str, os.PathLike)) else [os.fspath(path) for path in paths]
    raw = Raw(native, name, (given, options), open_raw)
    warn(raw.issues)
    return raw


def open_raw(paths: Paths, *, scan: Sequence[int] | None = None, format: str | None = None, shape: Sequence[int] | None = None,
             dtype: npt.DTypeLike | None = None, offset: int = 0, gap: int = 0, dataset: str | None = None, scale: float = 1,
             index: str | os.PathLike[str] | None = None, axes: str | None = None, skip: int = 0, flyback: int = 0,
             snake: bool = False) -> Raw:
    """Opens raw frames of a scan. Reads headers, no frame.

    `paths`: one file, a pattern ("scan42/*.data"), a directory, or a list of files in any order. Of a directory, files named
    "dark..." and what countem made are left out where there are others.
    `scan`: (rows, columns) or (rows, columns, frames at each position); without it what the files claim, else one row.
    `format`: a name of docs/formats.md ("v5", "npy", "hdf5", "raw", ...); found out when not given.
    `shape`, `dtype`, `offset`, `gap`: flat binary files alone: (rows, columns) of a frame, type of a pixel (uint16), bytes before
    the first frame and between two in each file. `dataset`: path within an HDF5 file ("FILE.h5:/path" as the only path does the same);
    `axes`: what the axes of a dataset or a .npy file are, in its order ("row,column,frame"), of frame, scan_row, scan_column, repeat, row, column, for darks
    that `calibrate` opens, too; the order of the program that wrote the file when not given.
    `scale`: factor on all raw values, for data in another unit than ADU. `index`: what `index_raw` made of these files.
    `skip`: frames recorded before the first position (-N: the first N positions were not recorded); `flyback`: frames recorded behind
    each line of the scan; `snake`: every second line runs backwards (docs/formats.md).

        raw = ct.open_raw("scan42/*.data", scan=(64, 64))

    Warns (CountemWarning) of what is wrong with the files. Raises FileNotFoundError or another OSError, and ValueError where the
    files are not what they should be or the arguments contradict each other.
    """
    options = dict(scan=scan, format=format, shape=shape, dtype=dtype, offset=offset, gap=gap, dataset=dataset, scale=scale, index=index, axes=axes,
                   skip=skip, flyback=flyback, snake=snake)
    return _opened(paths, options, _opening(**options))


def index_raw(paths: Paths, output: str | os.PathLike[str], *, scan: Sequence[int] | None = None, format: str | None = None,
              overwrite: bool = False) -> int:
    """Keeps the headers of a 4D Camera scan in a file, so that other processes open it without a read for each record; the number of
    records.

        ct.index_raw("scan42/*.data", "scan42.index.h5")
        raw = ct.open_raw("scan42/*.data", index="scan42.index.h5")

    Arguments as those of `open_raw`. Raises FileExistsError unless `overwrite`, ValueError for files of another kind, OSError.
    """
    opening = _opening(scan=scan, format=format, shape=None, dtype=None, offset=0, gap=0, dataset=None, scale=1)
    return _countem.index_files(_files(paths), opening, os.fspath(output), overwrite)[1]


def _array_of(given: Any) -> Any:
    """The array of a signal of rosettasciio or hyperspy, or what was given."""
    if isinstance(given, dict):
        if "data" not in given:
            raise ValueError("the dictionary has no 'data': give an array, or a signal of rosettasciio")
        given = given["data"]
    elif not hasattr(given, "shape") and hasattr(given, "data"):
        given = given.data
    if not hasattr(given, "shape"):
        given = np.asarray(given)
    if not hasattr(given, "dtype"):
        raise TypeError(f"{type(given).__name__} has no dtype: give an array with shape, dtype and numpy indexing")
    if np.ma.isMaskedArray(given):
        raise ValueError("a masked array is no raw frames: fill it, and give the mask to calibrate()")
    return given


def _name_of(array: Any) -> str:
    file = getattr(getattr(array, "file", None), "filename", None) or getattr(array, "filename", None)
    inside = getattr(array, "name", None)
    if isinstance(file, str):
        return f"{file}:{inside}" if isinstance(inside, str) else file
    return f"{type(array).__module__.partition('.')[0]} {type(array).__name__}"


def _dtype_of(array: Any, name: str) -> np.dtype[Any]:
    """Also of torch, whose types are no numpy types but have their names."""
    try:
        return np.dtype(array.dtype)
    except TypeError:
        word = str(array.dtype).rpartition(".")[2]
    try:
        return np.dtype(word)
    except TypeError:
        raise ValueError(f"{name}: pixels of {word} cannot be counted: numpy has no such type") from None


def _type_of(dtype: np.dtype[Any], name: str) -> str:
    """The type that frames of such an array are read as, with the same values."""
    if dtype.kind == "b":
        return "u8"
    if dtype.kind == "f" and dtype.itemsize == 2:
        return "f32"
    if dtype.kind in "uif" and dtype.itemsize <= 8:
        return f"{dtype.kind}{8 * dtype.itemsize}"
    raise ValueError(f"{name}: pixels of {dtype} cannot be counted: they must be whole numbers of 8 to 64 bits, or float16, float32 or float64")


def _frames_together(array: Any, lead: tuple[int, ...]) -> int:
    """Consecutive frames that the array's own chunks hold."""
    chunks = getattr(array, "chunks", None)
    if not lead or not isinstance(chunks, tuple) or len(chunks) != len(array.shape):
        return 1
    sizes = [max(chunk) if isinstance(chunk, tuple) else chunk for chunk in chunks]
    if not all(isinstance(size, int) for size in sizes):
        return 1
    for axis, size in enumerate(sizes[: len(lead)]):
        if size > 1:
            return int(size * math.prod(lead[axis + 1 :]))
    return 1


def _on_host(block: Any) -> Any:
    """What lies on a device is copied: as cupy does by get(), torch by cpu(), and others by DLPack. What is not computed yet, is."""
    if scheduler is not None and hasattr(block, "__dask_graph__"):
        block = block.compute(scheduler=scheduler)
    for copied in ("get", "cpu"):
        if hasattr(block, "__cuda_array_interface__") and callable(getattr(block, copied, None)):
            return getattr(block, copied)()
    if not hasattr(block, "__array__") and not hasattr(block, "__array_interface__") and hasattr(block, "__dlpack__"):
        return np.from_dlpack(block)
    return block


def _put(out: npt.NDArray[Any], block: Any, name: str) -> None:
    if np.ma.isMaskedArray(block):
        raise ValueError(f"{name}: gave a masked array: fill it, and give the mask to calibrate()")
    pixels = np.asarray(_on_host(block))
    if pixels.shape[-2:] != out.shape[-2:] or pixels.size != out.size:
        raise ValueError(f"{name}: gave an array of shape {pixels.shape} where {out.shape} was asked for")
    np.copyto(out, pixels.reshape(out.shape), casting="safe")


def _at(prefix: tuple[int, ...], last: slice) -> tuple[Any, ...] | slice:
    return (*prefix, last) if prefix else last


def _read(array: Any, name: str, lead: tuple[int, ...], prefix: tuple[int, ...], first: int, out: npt.NDArray[Any]) -> None:
    """Puts len(out) frames into `out`, whole rows of the scan at a time where it can be."""
    if not lead:
        return _put(out, array[prefix] if prefix else array[...], name)
    if len(lead) == 1:
        return _put(out, array[_at(prefix, slice(first, first + len(out)))], name)
    inner = math.prod(lead[1:])
    while len(out):
        row, within = divmod(first, inner)
        if within == 0 and len(out) >= inner:
            rows = len(out) // inner
            count = rows * inner
            _put(out[:count], array[_at(prefix, slice(row, row + rows))], name)
        else:
            count = min(len(out), inner - within)
            _read(array, name, lead[1:], (*prefix, row), within, out[:count])
        first += count
        out = out[count:]
    return None


def frames(array: Any, *, scan: Sequence[int] | None = None, scale: float = 1) -> Raw:
    """Raw frames of an array: anything with shape, dtype and numpy indexing (numpy, h5py, dask, zarr), a signal of rosettasciio
    (its "data") or of hyperspy (its `.data`). Arrays on a device (cupy, torch) are copied piece by piece.

    Axes: (rows, columns, detector rows, detector columns), (rows, columns, repeats, ...) or (frames, detector rows, detector
    columns), for which `scan` gives (rows, columns); without it they are one row. `scale`: factor on all values.

        with h5py.File("scan.h5") as file:
            scan = ct.count(ct.frames(file["frames"], scan=(64, 64)), cal)

    Frames are read piece by piece in the thread that calls `count` or `calibrate`, while other threads count earlier pieces
    without the GIL; memory stays within some 300 MB. Exceptions of the array come out as they are, with a note that names the frames.

    Pixels of 8 to 32 bits and float32 are counted as they are; others are converted exactly: whole numbers up to 2**24, fractions
    to 1/16 ADU. Raises ValueError where that cannot be, also while frames are read; TypeError where there is no array.
    """
    array = _array_of(array)
    name = _name_of(array)
    shape = tuple(int(length) for length in array.shape)
    stored = _type_of(_dtype_of(array, name), name)
    lead = shape[:-2]
    opening = _opening(scan=scan, scale=scale, format=None, shape=None, dtype=None, offset=0, gap=0, dataset=None)

    def read(first: int, out: npt.NDArray[Any]) -> None:
        _read(array, name, lead, (), first, out)

    native = _countem.open_array(name, shape, stored, read, _frames_together(array, lead), opening)
    raw = Raw(native, name, (array, dict(scan=scan, scale=scale)), frames)
    warn(raw.issues)
    return raw


def require_raw(given: Any) -> None:
    """Raises TypeError."""
    if not isinstance(given, Raw):
        raise TypeError(f"{type(given).__name__} is no raw frames: open files with open_raw(), arrays with frames()")

"""Counted scans: event stores as arrays."""

from __future__ import annotations

import os
from functools import cached_property
from types import TracebackType

import numpy as np
import numpy.typing as npt

from countem import _countem

_DENSE_TYPES: dict[str, np.dtype[np.uint8] | np.dtype[np.uint16]] = {"u8": np.dtype(np.uint8), "u16": np.dtype(np.uint16)}


class Scan:
    """A counted scan. `open` makes one.

    Frame number `f = (row * scan columns + column) * frames per position + repeat`; the linear index of a pixel is
    `row * detector columns + column`. Arrays are made once and cannot be written to. Several threads may use one scan.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 0) -> None:
        self._path = os.fspath(path)
        self._threads = threads
        self._store = _countem.Store(self._path)

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<countem.Scan {self._path!r}>"

    def close(self) -> None:
        """Closes the file. Arrays that were made of it stay valid."""
        self._store.close()

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Scan rows, scan columns, frames at each position where there are several, detector rows, detector columns."""
        rows, columns, repeats = self._store.scan_shape
        return (rows, columns, *((repeats,) if repeats > 1 else ()), *self._store.frame_shape)

    @property
    def ndim(self) -> int:
        """4, or 5 with several frames at each position."""
        return len(self.shape)

    @cached_property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Of a pixel of the dense scan: electrons, cut at 255 or 65535."""
        return _DENSE_TYPES[self._store.dense_type]

    @property
    def nnz(self) -> int:
        """Electrons of the whole scan, several in a pixel of a frame each by itself. Reads no events."""
        return int(self.indptr[-1])

    @cached_property
    def indptr(self) -> npt.NDArray[np.uint64]:
        """(frames + 1): the events of frame `f` are `indices[indptr[f]:indptr[f + 1]]`. Reads no events."""
        return self._store.indptr()

    @cached_property
    def _events(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32] | None]:
        return self._store.load(self._threads)

    @property
    def indices(self) -> npt.NDArray[np.uint32]:
        """(nnz): linear index of each electron's pixel, ascending within a frame; a pixel hit twice is there twice.

        The first use reads the whole scan with all threads and keeps 4 bytes per electron; other Python threads run meanwhile.

        Raises ValueError naming the first damaged frame, OSError, MemoryError; KeyboardInterrupt after Ctrl-C.
        """
        return self._events[0]

    @property
    def values(self) -> npt.NDArray[np.uint32] | None:
        """(nnz): the charge of each electron in 1/16 ADU or the size of its cluster, where the count kept them; else None.

        Read with `indices`.
        """
        return self._events[1]

    def frame_number(self, row: int, column: int, repeat: int = 0) -> int:
        """Number of a frame. Negative arguments count from the end. Raises IndexError beyond the scan."""
        number = 0
        for name, index, length in zip(("row", "column", "repeat"), (row, column, repeat), self._store.scan_shape):
            if not -length <= index < length:
                raise IndexError(f"{self._path}: {name} {index} is beyond the scan, which has {length}")
            number = number * length + index % length
        return number

    def events(self, row: int, column: int, repeat: int = 0) -> npt.NDArray[np.uint32]:
        """Linear indices of the electrons of one frame, ascending. Reads that frame alone, unless all were read.

        Raises IndexError beyond the scan, ValueError when the frame is damaged, OSError.
        """
        frame = self.frame_number(row, column, repeat)
        if "_events" in self.__dict__:
            return self.indices[self.indptr[frame] : self.indptr[frame + 1]]
        return self._store.read(frame, 1, 1)[0]


def open(path: str | os.PathLike[str], *, threads: int = 0) -> Scan:
    """Opens a counted scan, an event store that `countem count` wrote.

    `threads` that read and decode: 0 for all cores.

    Raises FileNotFoundError or another OSError when the file cannot be read, ValueError when it is no event store.
    """
    return Scan(path, threads)

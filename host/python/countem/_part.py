"""Which part of a store a scan shows: windows of positions and detector cells, and how many of them are merged."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple


class Window(NamedTuple):
    """Indices from `first` on, `length` of them, of which `merged` make one."""

    first: int
    length: int
    merged: int = 1

    @property
    def size(self) -> int:
        """Indices after merging; the last may hold fewer."""
        return -(-self.length // self.merged)

    def part(self, begin: int, end: int) -> Window:
        """The merged indices from `begin` up to but not including `end`."""
        return self._replace(first=self.first + begin * self.merged, length=min((end - begin) * self.merged, self.length - begin * self.merged))

    def merge(self, factor: int) -> Window:
        """So many of the merged indices made one."""
        return self._replace(merged=self.merged * factor)


@dataclasses.dataclass(frozen=True)
class Part:
    """Windows along rows and columns of the scan and of the detector."""

    scan_rows: Window
    scan_columns: Window
    rows: Window
    columns: Window

    @property
    def numbers(self) -> tuple[int, ...]:
        """As the compiled module takes them."""
        return (self.scan_rows.first, self.scan_columns.first, self.scan_rows.length, self.scan_columns.length,
                self.rows.first, self.columns.first, self.rows.length, self.columns.length, self.rows.merged, self.scan_rows.merged)

    @classmethod
    def of(cls, numbers: tuple[int, ...]) -> Part:
        """The inverse of `numbers`."""
        row, column, height, width, top, left, down, across, merged, scan_merged = numbers
        return cls(Window(row, height, scan_merged), Window(column, width, scan_merged), Window(top, down, merged), Window(left, across, merged))

    @property
    def windows(self) -> tuple[Window, Window, Window, Window]:
        return (self.scan_rows, self.scan_columns, self.rows, self.columns)

    def sliced(self, ranges: tuple[range, range, range, range]) -> Part:
        """The part within these indices, all with a step of 1."""
        return Part(*(window.part(one.start, one.stop) for window, one in zip(self.windows, ranges)))

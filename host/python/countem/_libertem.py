"""Scans as data sets of LiberTEM, whose workers read the events of their part when they need them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from libertem.common import Shape
from libertem.io.dataset.base import DataTile
from libertem.io.dataset.base.meta import DataSetMeta
from libertem.io.dataset.raw_csr import CSRTriple, RawCSRDataSet, RawCSRPartition, read_tiles_straight, read_tiles_with_roi
from sparseconverter import SCIPY_CSR

from countem._handover import merge_repeated

if TYPE_CHECKING:
    from countem._store import Scan


class ScanDataSet(RawCSRDataSet):
    """LiberTEM's compressed sparse rows, of a scan in place of three files."""

    def __init__(self, scan: Scan, partitions: int | None) -> None:
        super().__init__(path=scan._path, num_partitions=partitions)
        self._scan = scan

    def initialize(self, executor: Any) -> ScanDataSet:
        self._sync_offset, self._image_count = 0, len(self._scan.indptr) - 1
        self._nav_shape, self._sig_shape = self._scan.shape[:-2], self._scan.shape[-2:]
        self._nav_shape_product = self._image_count
        self._sync_offset_info = self.get_sync_offset_info()
        self._meta = DataSetMeta(shape=Shape(self._scan.shape, sig_dims=2), array_backends=[SCIPY_CSR], image_count=self._image_count,
                                 raw_dtype=np.dtype(np.uint32), dtype=None, metadata=None, sync_offset=0)
        return self

    def get_diagnostics(self) -> list[dict[str, str]]:
        return [{"name": "electrons", "value": str(self._scan.nnz)}]

    def get_partitions(self) -> Iterator[ScanPartition]:
        for part, start, stop in self.get_slices():
            yield ScanPartition(self._scan, start, stop - start, meta=self._meta, partition_slice=part, io_backend=None, decoder=None)


class ScanPartition(RawCSRPartition):
    """Frames one after another, of one worker."""

    def __init__(self, scan: Scan, start_frame: int, num_frames: int, **others: Any) -> None:
        super().__init__(None, start_frame, num_frames, **others)
        self._scan = scan

    def get_tiles(self, tiling_scheme: Any, dest_dtype: Any = "float32", roi: Any = None, array_backend: Any = None) -> Iterator[DataTile]:
        tiling_scheme = tiling_scheme.adjust_for_partition(self)
        self.validate_tiling_scheme(tiling_scheme)
        data, indices, indptr = merge_repeated(*self._scan._frames_of(self._start_frame, self._num_frames), np.uint32)
        rows = CSRTriple(indptr, indices, data)
        offset = -self._start_frame  # where the first of these rows lies
        if roi is None:
            yield from read_tiles_straight(rows, self.slice, offset, tiling_scheme, np.dtype(dest_dtype))
        else:
            yield from read_tiles_with_roi(rows, self.slice, offset, tiling_scheme, roi, np.dtype(dest_dtype))

"""Scans in the forms of other programs. Each needs the package of that program, and nothing else does."""

from __future__ import annotations

import importlib
import json
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from countem._warnings import CountemWarning

if TYPE_CHECKING:
    from countem._store import Scan

_BLOCK_BYTES = 100_000_000  # of dense numbers in a block of a lazy array
_MOST_INT32 = 2**31 - 1


def _needs(module: str, package: str, method: str) -> Any:
    """The module. Raises ImportError with advice where its package is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise ImportError(f"{method}() needs {package}, which cannot be imported ({missing}): install it with \"pip install {package}\"") from missing


def merge_repeated(indptr: npt.NDArray[Any], indices: npt.NDArray[np.uint32],
                   dtype: npt.DTypeLike) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """data, indices, indptr of a compressed sparse row matrix whose entries are numbers of electrons, each pixel once in a row.

    Indices share the memory of the events where no pixel was hit twice and there are less than 2^31 events and pixels.
    """
    again = indices[1:] == indices[:-1]
    starts = indptr[1:-1]
    starts = starts[(starts > 0) & (starts < len(indices))].astype(np.int64)
    again[starts - 1] = False  # of two frames
    repeated = np.flatnonzero(again) + 1  # left out; each adds one to the entry before it
    data = np.ones(len(indices) - len(repeated), dtype)
    if len(repeated):
        kept = np.ones(len(indices), bool)
        kept[repeated] = False
        np.add.at(data, repeated - np.arange(len(repeated)) - 1, 1)
        indptr, indices = indptr - np.searchsorted(repeated, indptr).astype(indptr.dtype), indices[kept]
    is_small = len(indices) <= _MOST_INT32 and (not len(indices) or indices.max() <= _MOST_INT32)
    return (data, indices.view(np.int32), indptr.astype(np.int32)) if is_small else (data, indices.astype(np.int64), indptr.astype(np.int64))


def _block_lengths(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Whole patterns, and as many whole scan rows as fill a block; parts of a row where one is too much."""
    row = int(np.prod(shape[1:], dtype=np.int64)) * itemsize
    pattern = row // shape[1]
    if row <= _BLOCK_BYTES:
        return (_even(shape[0], _BLOCK_BYTES // row), *shape[1:])
    return (1, _even(shape[1], max(1, _BLOCK_BYTES // pattern)), *shape[2:])


def _even(length: int, most: int) -> int:
    """Of blocks that are as equal as they can be."""
    blocks = -(-length // most)
    return -(-length // blocks)


class HandOvers:
    """What scans have in common: methods that hand what they show, a part too, to other programs.

    Each raises ImportError with advice where the package of that program is missing.
    """

    def _frames_of(self: Scan, first: int, count: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32]]:
        """indptr and indices of frames one after another; reads these alone of a whole scan, and whole scan rows of a part."""
        if "_events" in self.__dict__ or self._part == self._whole:
            indptr = self.indptr[first : first + count + 1]
            inside = self.indices[indptr[0] : indptr[-1]] if "_events" in self.__dict__ else self._store.read(first, count, self._threads)[0]
            return indptr - indptr[0], inside
        row = int(np.prod(self.shape[1:-2]))
        rows = self[first // row : -(-(first + count) // row)]
        rows.indices  # keeps the events, for the lines above
        return rows._frames_of(first - first // row * row, count)

    def export(self: Scan, path: str | os.PathLike[str], form: str, *, overwrite: bool = False) -> None:
        """Writes all events for other programs: `form` is "stempy", "csr" (binsparse), "raw_csr" (LiberTEM), "npz" (scipy) or "dense"
        (.npy or .h5 by the name). Warns of each thing that the form cannot carry.

        Raises ValueError for a part (save it, and export that), FileExistsError unless `overwrite`, OSError.

        Example: `scan.export("counted.npz", "npz")`
        """
        if self._part != self._whole:
            raise ValueError("events of a whole store are exported: save() the part, and export that")
        for lost in self._store.export(os.fspath(path), form, overwrite):
            warnings.warn(lost, CountemWarning, stacklevel=2)

    def to_scipy(self: Scan, *, dtype: npt.DTypeLike = np.uint32) -> Any:
        """scipy.sparse.csr_array of (frames, pixels): electrons in each pixel that has some, of `dtype`. Row
        `scan.frame_number(row, column)` is a pattern, `row * detector columns + column` is a pixel.

        Reads all events. Column indices share their memory, read-only, unless a pixel of a frame was hit twice or there are 2^31
        events or more.

        Example: `scan.to_scipy() @ mask.ravel()` is a virtual image.
        """
        sparse = _needs("scipy.sparse", "scipy", "to_scipy")
        frames, pixels = len(self.indptr) - 1, self.shape[-2] * self.shape[-1]
        matrix = sparse.csr_array(merge_repeated(self.indptr, self.indices, dtype), shape=(frames, pixels))
        matrix.has_canonical_format = True
        return matrix

    def to_sparse(self: Scan, *, format: str = "gcxs", dtype: npt.DTypeLike = np.uint32) -> Any:
        """pydata sparse array of the shape of the scan: sparse.GCXS compressed along the scan, which shares memory as `to_scipy`
        does, or with `format="coo"` sparse.COO, which keeps an index per dimension and electron.

        Reads all events. Raises ValueError for other formats.

        Example: `scan.to_sparse().sum(axis=(0, 1)).todense()`
        """
        sparse = _needs("sparse", "sparse", "to_sparse")
        if format not in ("gcxs", "coo"):
            raise ValueError(f"format is \"gcxs\" or \"coo\", not {format!r}")
        array = sparse.GCXS(merge_repeated(self.indptr, self.indices, dtype), shape=self.shape, compressed_axes=tuple(range(self.ndim - 2)))
        return array if format == "gcxs" else array.tocoo()

    def to_dask(self: Scan) -> Any:
        """dask.array of the dense scan, which reads a block when it is computed: whole patterns, about 100 MB of them.

        Its blocks are read in any scheduler of dask; those with several processes open the file anew, so a scan in memory is for
        threads alone.

        Example: `scan.to_dask().std(axis=(0, 1)).compute()`
        """
        array = _needs("dask.array", "dask", "to_dask")
        base = _needs("dask.base", "dask", "to_dask")
        name: Any = False  # another each time
        if self._path:
            status = os.stat(self._path)
            name = f"countem-{base.tokenize(os.path.abspath(self._path), status.st_size, status.st_mtime_ns, str(self._part))}"
        return array.from_array(self, chunks=_block_lengths(self.shape, self.dtype.itemsize), name=name,
                                meta=np.empty((0,) * self.ndim, self.dtype))

    def to_stempy(self: Scan) -> Any:
        """stempy.io.SparseArray of the same events, whose lists share the memory of `indices`, read-only.

        `metadata["electron_counting"]` has the thresholds, `metadata["countem"]` the provenance. stempy's sums count a pixel that was
        hit twice in one frame once.

        Example: `stempy.image.com_sparse(scan.to_stempy())`
        """
        SparseArray = _needs("stempy.io.sparse_array", "stempy", "to_stempy").SparseArray
        frames = np.empty(len(self.indptr) - 1, dtype=object)
        indices, ends = self.indices, self.indptr.tolist()
        for frame, (first, last) in enumerate(zip(ends, ends[1:])):
            frames[frame] = indices[first:last]
        rows, columns = self.shape[:2]
        return SparseArray(frames.reshape(rows * columns, -1), (rows, columns), self.shape[-2:], metadata=_stempy_metadata(self.provenance),
                           validate=False)

    def to_libertem(self: Scan, context: Any, *, partitions: int | None = None) -> Any:
        """A data set of LiberTEM for the executor of `context`, whose workers read the events of their part of the scan, as sparse
        matrices, when they run. Nothing is written or copied; several processes open the file anew.

        `partitions`: how many parts, None: what LiberTEM takes.

        Example: `context.run_udf(dataset=scan.to_libertem(context), udf=SumUDF())`
        """
        _needs("libertem.api", "libertem", "to_libertem")
        from countem._libertem import ScanDataSet

        return ScanDataSet(self, partitions).initialize(context.executor)

    def to_hyperspy(self: Scan, *, signal_type: str | None = None) -> Any:
        """A lazy signal of hyperspy over `to_dask`: the scan navigates, patterns are the signal; axes have names, offsets, scales and
        units.

        `signal_type`: None makes it "electron_diffraction" where pyxem, which knows it, is installed, else Signal2D.

        Example: `scan.to_hyperspy().plot()`
        """
        hyperspy = _needs("hyperspy.api", "hyperspy", "to_hyperspy")
        _needs("hyperspy.extensions", "hyperspy", "to_hyperspy")
        from countem._rosettasciio import described

        facts = described(self)
        known = facts["metadata"]["Signal"].pop("signal_type")
        signal = hyperspy.signals.Signal2D(self.to_dask(), **facts).as_lazy()
        if signal_type or known:
            signal.set_signal_type(signal_type or known)
        return signal

    def to_py4dstem(self: Scan) -> Any:
        """py4DSTEM.DataCube over `to_dask`: what reads single patterns reads these alone; what needs all at once makes the dense
        scan, `scan.nbytes` bytes. `cube.data = cube.data.compute()` makes it before. Pixel sizes are in its calibration.

        Raises ValueError with several frames at each position, for which py4DSTEM has no data cubes.
        """
        if self.ndim != 4:
            raise ValueError("py4DSTEM has no data cubes with several frames at each position: merge them before, or hand over one of to_dask()'s repeats")
        py4dstem = _needs("py4DSTEM", "py4DSTEM", "to_py4dstem")
        calibration = py4dstem.data.Calibration()
        for axis, set_size, set_unit in ((self.axes[0], calibration.set_R_pixel_size, calibration.set_R_pixel_units),
                                         (self.axes[-1], calibration.set_Q_pixel_size, calibration.set_Q_pixel_units)):
            set_size(axis.step)
            set_unit(axis.unit if axis.unit in ("nm", "mrad") else "pixels")
        return py4dstem.DataCube(self.to_dask(), calibration=calibration)

    def to_xarray(self: Scan) -> Any:
        """xarray.DataArray over `to_dask`, with named dimensions and their coordinates; `attrs` has the provenance.

        Example: `scan.to_xarray().sel(scan_row=slice(0, 10)).sum(("row", "column")).plot()`
        """
        xarray = _needs("xarray", "xarray", "to_xarray")
        names = [axis.name.replace(" ", "_") for axis in self.axes]
        coordinates = {name: (name, axis.values(), {"units": axis.unit, "long_name": axis.name}) for name, axis in zip(names, self.axes)}
        return xarray.DataArray(self.to_dask(), dims=names, coords=coordinates, name="electrons", attrs={"units": "electrons", **self.provenance})


def _stempy_metadata(provenance: dict[str, str]) -> dict[str, Any]:
    thresholds = json.loads(provenance.get("thresholds", "{}"))
    counting = {name: float(thresholds[ours]) for name, ours in (("background_threshold", "background_adu"), ("x_ray_threshold", "xray_adu"))
                if thresholds.get(ours) is not None}
    return {"electron_counting": counting, "countem": dict(provenance)}

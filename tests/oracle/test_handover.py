"""What scans of the Python package hand to other programs: there each must have every electron, or its number."""

import os
import pathlib
import pickle
import subprocess
import sys
from collections.abc import Callable

import dask
import dask.array
import hyperspy.api as hyperspy
import libertem.api as libertem
import numpy as np
import py4DSTEM
import pytest
import scipy.sparse
import sparse
from libertem.udf.com import CoMUDF
from libertem.udf.sum import SumUDF
from libertem.udf.sumsigudf import SumSigUDF
from stempy.io.sparse_array import SparseArray

import stores
from abi import Library
from program import Program
from semantics import Counted

sys.path.insert(0, os.environ["COUNTEM_PYTHON_PACKAGE"])

import countem as ct  # noqa: E402
from countem import _handover  # noqa: E402

PLAIN, WIDE, NOT_SQUARE = (next(example for example in stores.EXAMPLES if example.name == name) for name in ("plain", "wide_counts", "not_square"))
EXAMPLES = [PLAIN, WIDE, NOT_SQUARE, stores.SEVERAL_FRAMES]
PART = (slice(1, None), slice(1, 3))  # of the scan; and of the detector:
CUT = (slice(2, 30), slice(1, None))


@pytest.fixture
def inline() -> libertem.Context:
    return libertem.Context.make_with("inline")


def each(examples: list[stores.Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples, ids=lambda example: example.name)


def full_counts(example: stores.Example) -> np.ndarray:
    """Of the dense shape: how many events each pixel has, with no limit."""
    pixels = example.shape[0] * example.shape[1]
    return np.stack([np.bincount(frame.indices, minlength=pixels) for frame in example.events()]).reshape(example.dense_shape)


def cut(counts: np.ndarray) -> np.ndarray:
    """What `part_of` shows."""
    return counts[PART][..., CUT[0], CUT[1]]


def part_of(scan: ct.Scan) -> ct.Scan:
    return scan[(*PART, Ellipsis, *CUT)]


def binned(counts: np.ndarray) -> np.ndarray:
    """Pixels and positions two by two; what fills no whole bin is left out."""
    for axis in (0, 1, counts.ndim - 2, counts.ndim - 1):
        whole = np.arange(counts.shape[axis] // 2 * 2)
        counts = np.add.reduceat(np.take(counts, whole, axis), whole[::2], axis)
    return counts


def shows(scan: ct.Scan, example: stores.Example) -> list[tuple[ct.Scan, np.ndarray]]:
    """A scan, a part of it and a smaller one, and the numbers of electrons in each."""
    counts = full_counts(example)
    return [(scan, counts), (part_of(scan), cut(counts)), (scan.bin(2, scan=2), binned(counts))]


@each(EXAMPLES)
def test_scipy(stored: Callable, example: stores.Example) -> None:
    with ct.open(stored(example)) as whole:
        for scan, counts in shows(whole, example):
            rows = counts.reshape(-1, counts.shape[-2] * counts.shape[-1])
            matrix = scan.to_scipy()
            assert isinstance(matrix, scipy.sparse.csr_array) and matrix.dtype == np.uint32
            matrix.check_format()
            np.testing.assert_array_equal(matrix.toarray(), rows)
            assert matrix.nnz == np.count_nonzero(rows)  # each pixel once
            checked = scipy.sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), matrix.shape)
            assert checked.has_canonical_format
        weights = np.linspace(0, 1, rows.shape[1])
        np.testing.assert_allclose(scan.to_scipy(dtype=np.float32) @ weights, rows @ weights, rtol=1e-6)


def test_scipy_shares_the_events(library: Library, tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(3)
    lists = [np.sort(rng.choice(65536, 6, replace=False)) for _ in range(15)]
    lists[4], lists[5], lists[6] = np.array([7, 65535]), np.array([65535]), np.array([], int)  # a pixel in frames one after another
    frames = [Counted(indices.astype(np.uint32), np.empty(0, np.uint32), 0, 15) for indices in lists]
    library.write_store(tmp_path / "once.h5", frames, (256, 256), (3, 5), 1, "none", False, False)
    with ct.open(tmp_path / "once.h5") as scan:
        matrix = scan.to_scipy()
        assert np.shares_memory(matrix.indices, scan.indices)
        assert matrix.nnz == scan.nnz == sum(len(frame.indices) for frame in frames)
        assert np.shares_memory(scan.to_sparse().indices, scan.indices)


def test_merging_repeated_pixels_by_hand() -> None:
    indptr, indices = np.array([0, 0, 3, 4, 4, 7, 7], np.uint64), np.array([1, 1, 5, 5, 5, 5, 5], np.uint32)
    data, columns, starts = _handover.merge_repeated(indptr, indices, np.uint32)
    assert (data.tolist(), columns.tolist(), starts.tolist()) == ([2, 1, 1, 3], [1, 5, 5, 5], [0, 0, 2, 3, 3, 4, 4])
    nothing = _handover.merge_repeated(np.zeros(3, np.uint64), np.empty(0, np.uint32), np.uint32)
    assert [array.tolist() for array in nothing] == [[], [], [0, 0, 0]]
    large = _handover.merge_repeated(np.array([0, 1], np.uint64), np.array([2**31], np.uint32), np.uint32)
    assert large[1].tolist() == [2**31] and large[1].dtype == large[2].dtype == np.int64


@each(EXAMPLES)
def test_sparse(stored: Callable, example: stores.Example) -> None:
    with ct.open(stored(example)) as whole:
        for scan, counts in shows(whole, example):
            for form, kind in (("gcxs", sparse.GCXS), ("coo", sparse.COO)):
                array = scan.to_sparse(format=form)
                assert isinstance(array, kind) and array.shape == counts.shape
                np.testing.assert_array_equal(array.todense(), counts)
        with pytest.raises(ValueError, match="gcxs"):
            whole.to_sparse(format="dok")


@each(EXAMPLES)
@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_dask(stored: Callable, example: stores.Example, scheduler: str) -> None:
    with ct.open(stored(example)) as whole, dask.config.set(scheduler=scheduler):
        for scan in (whole, part_of(whole), whole.bin(2)):
            array = scan.to_dask()
            assert (array.shape, array.dtype) == (scan.shape, scan.dtype)
            np.testing.assert_array_equal(array.compute(), np.asarray(scan))
            np.testing.assert_array_equal(array[1, ..., 2].compute(), np.asarray(scan)[1, ..., 2])


def test_dask_in_processes(stored: Callable) -> None:
    with ct.open(stored(PLAIN)) as scan:
        array = scan[1:].to_dask()
        assert array.name == pickle.loads(pickle.dumps(scan))[1:].to_dask().name  # what was computed of it may be kept
        summed = array.rechunk((1, 5, 48, 64)).sum(axis=(0, 1)).compute(scheduler="processes", num_workers=2)
        np.testing.assert_array_equal(summed, np.asarray(scan)[1:].sum(axis=(0, 1)))


@pytest.mark.parametrize(("shape", "block"), [
    ((256, 256, 576, 576), (1, 256, 576, 576)),  # a row is 85 MB
    ((512, 512, 576, 576), (1, 256, 576, 576)),  # a row is 170 MB: two equal halves
    ((64, 64, 128, 128), (64, 64, 128, 128)),
    ((1000, 100, 100, 100), (100, 100, 100, 100)),
    ((4, 3, 2, 5000, 5000), (1, 2, 2, 5000, 5000)),
    ((2, 2, 20000, 20000), (1, 1, 20000, 20000)),  # a pattern is 400 MB
])
def test_blocks_hold_100_mb(shape: tuple[int, ...], block: tuple[int, ...]) -> None:
    assert _handover._block_lengths(shape, 1) == block


@each(EXAMPLES)
def test_stempy(program: Program, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    program.run("convert", stored(example), "--to", "stempy", "-o", tmp_path / "out.h5")
    exported = SparseArray.from_hdf5(str(tmp_path / "out.h5"))
    with ct.open(stored(example)) as scan:
        array = scan.to_stempy()
        assert isinstance(array, SparseArray)
        assert (tuple(array.scan_shape), tuple(array.frame_shape)) == (tuple(exported.scan_shape), tuple(exported.frame_shape))
        assert array.data.shape == exported.data.shape
        for found, wanted in zip(array.data.ravel(), exported.data.ravel(), strict=True):
            np.testing.assert_array_equal(found, wanted)
        assert np.shares_memory(array.data[1, 0], scan.indices)
        array.write_to_hdf5(str(tmp_path / "written.h5"))
        part = part_of(scan).to_stempy()
        once = (cut(full_counts(example)) > 0).reshape(-1, *part.frame_shape)
        np.testing.assert_array_equal(part.sum(axis=(0, 1), dtype=np.uint32), once.sum(axis=0))  # stempy takes a repeated index once
    program.run("convert", tmp_path / "written.h5", "--to", "store", "-o", tmp_path / "back.h5")
    np.testing.assert_array_equal(program.dense(tmp_path / "back.h5"), np.minimum(full_counts(example), 255))


def test_stempy_has_the_thresholds(program: Program, tmp_path: pathlib.Path) -> None:
    program.run("simulate", tmp_path / "sim", "--scan", "3x2", "--frame", "48x64", "--format", "npy", "--dark-frames", 20)
    program.run("count", tmp_path / "sim/data.npy", "--dark", tmp_path / "sim/dark.npy", "-o", tmp_path / "counted.h5", "--no-png")
    program.run("convert", tmp_path / "counted.h5", "--to", "stempy", "-o", tmp_path / "out.h5")
    exported = SparseArray.from_hdf5(str(tmp_path / "out.h5")).metadata["electron_counting"]
    with ct.open(tmp_path / "counted.h5") as scan:
        found = scan.to_stempy().metadata["electron_counting"]
    assert found == {name: exported[name] for name in ("background_threshold", "x_ray_threshold")}


@each(EXAMPLES)
@pytest.mark.parametrize("partitions", [None, 4])
def test_libertem(inline: libertem.Context, stored: Callable, example: stores.Example, partitions: int | None) -> None:
    with ct.open(stored(example)) as whole:
        for scan, counts in shows(whole, example):
            dataset = scan.to_libertem(inline, partitions=partitions)
            assert tuple(dataset.shape) == counts.shape
            frames = counts.reshape(-1, *counts.shape[-2:])
            np.testing.assert_array_equal(inline.run_udf(dataset=dataset, udf=SumUDF())["intensity"].data, frames.sum(axis=0))
            chosen = np.arange(len(frames)).reshape(counts.shape[:-2]) % 3 == 1
            result = inline.run_udf(dataset=dataset, udf=[SumUDF(), SumSigUDF()], roi=chosen)
            np.testing.assert_array_equal(result[0]["intensity"].data, counts[chosen].sum(axis=0))
            np.testing.assert_array_equal(result[1]["intensity"].raw_data, counts[chosen].sum(axis=(1, 2)))


def test_libertem_reads_only_its_part(inline: libertem.Context, stored: Callable) -> None:
    with ct.open(stored(PLAIN)) as scan:
        inline.run_udf(dataset=scan.to_libertem(inline, partitions=3), udf=SumUDF())
        assert "_events" not in scan.__dict__  # nothing was kept


def test_libertem_in_other_processes(inline: libertem.Context, stored: Callable) -> None:
    """What its workers are sent opens the file anew."""
    with ct.open(stored(PLAIN)) as scan:
        sent = pickle.dumps([part for part in scan.to_libertem(inline, partitions=4).get_partitions()])
        dataset = scan.to_libertem(inline, partitions=4)
        wanted = inline.run_udf(dataset=dataset, udf=CoMUDF.with_params(cy=0, cx=0))["raw_com"].data
        some = full_counts(PLAIN).any(axis=(2, 3))
        np.testing.assert_allclose(wanted[some], np.moveaxis(np.asarray(scan.com()), 0, -1)[some], rtol=1e-5)
    dataset.get_partitions = lambda: iter(pickle.loads(sent))  # the scan above is closed
    summed = inline.run_udf(dataset=dataset, udf=SumUDF())["intensity"].data
    np.testing.assert_array_equal(summed, full_counts(PLAIN).sum(axis=(0, 1)))


@pytest.fixture(scope="module")
def scaled(program: Program, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A store that knows its lengths."""
    folder = tmp_path_factory.mktemp("scaled")
    program.run("simulate", folder / "sim", "--scan", "5x3", "--frame", "48x64", "--format", "npy", "--dark-frames", 20)
    program.run("count", folder / "sim/data.npy", "--dark", folder / "sim/dark.npy", "-o", folder / "counted.h5", "--no-png")
    program.run("reduce", folder / "counted.h5", "-o", folder / "scaled.h5", "--crop", "4:40,10:60", "--pixel-mrad", 0.25, "--scan-step", 0.5)
    return folder / "scaled.h5"


AXES = [("scan row", 3, 0, 0.5, "nm"), ("scan column", 5, 0, 0.5, "nm"), ("row", 36, 1.0, 0.25, "mrad"), ("column", 50, 2.5, 0.25, "mrad")]


def test_hyperspy(scaled: pathlib.Path) -> None:
    with ct.open(scaled) as scan:
        signal = scan.to_hyperspy()
        assert signal._lazy and isinstance(signal, hyperspy.signals.Signal2D)
        shown = [*signal.axes_manager.navigation_axes[::-1], *signal.axes_manager.signal_axes[::-1]]
        assert [(axis.name, axis.size, axis.offset, axis.scale, axis.units) for axis in shown] == AXES
        np.testing.assert_array_equal(signal.inav[1, 2].data.compute(), scan[2, 1])
        np.testing.assert_array_equal(signal.sum(axis=("scan row", "scan column")).data.compute(), scan.sum())
        assert signal.original_metadata.countem.program == scan.provenance["program"]


@pytest.mark.parametrize("lazy", [True, False])
def test_hyperspy_loads_a_file_by_the_package(scaled: pathlib.Path, lazy: bool) -> None:
    signal = hyperspy.load(scaled, file_format=ct, lazy=lazy)
    assert isinstance(signal, hyperspy.signals.Signal2D) and signal._lazy == lazy
    shown = [*signal.axes_manager.navigation_axes[::-1], *signal.axes_manager.signal_axes[::-1]]
    assert [(axis.name, axis.size, axis.offset, axis.scale, axis.units) for axis in shown] == AXES
    if lazy:
        signal.compute()
    with ct.open(scaled) as scan:
        np.testing.assert_array_equal(signal.data, np.asarray(scan))
        assert signal.original_metadata.countem.program == scan.provenance["program"]
    assert signal.metadata.General.title == "scaled.h5"
    assert signal.metadata.Signal.quantity == "electrons"


def test_hyperspy_alone_cannot_choose_a_reader(scaled: pathlib.Path) -> None:
    """When it can, docs/python.md need not name one."""
    with pytest.raises(ValueError, match="multiple file readers"):
        hyperspy.load(scaled)


def test_hyperspy_loads_several_frames_and_passes_options(stored: Callable) -> None:
    path = stored(stores.SEVERAL_FRAMES)
    signal = hyperspy.load(path, file_format=ct, threads=1)
    assert signal.axes_manager.navigation_shape == (2, 5, 3)
    with ct.open(path) as scan:
        np.testing.assert_array_equal(signal.data, np.asarray(scan))
    with pytest.raises(TypeError, match="colour"):
        hyperspy.load(path, file_format=ct, colour="red")


def test_hyperspy_with_several_frames(stored: Callable) -> None:
    with ct.open(stored(stores.SEVERAL_FRAMES)) as scan:
        signal = scan.to_hyperspy()
        assert signal.axes_manager.navigation_shape == (2, 5, 3)
        np.testing.assert_array_equal(signal.data.compute(), np.asarray(scan))


def test_py4dstem(scaled: pathlib.Path) -> None:
    with ct.open(scaled) as scan:
        cube, dense = scan.to_py4dstem(), py4DSTEM.DataCube(np.asarray(scan))
        assert isinstance(cube.data, dask.array.Array)
        assert (cube.calibration.get_Q_pixel_size(), cube.calibration.get_Q_pixel_units()) == (0.25, "mrad")
        assert (cube.calibration.get_R_pixel_size(), cube.calibration.get_R_pixel_units()) == (0.5, "nm")
        np.testing.assert_array_equal(np.asarray(cube.data[2, 1]), scan[2, 1])
        for of in (lambda c: c.get_dp_mean().data, lambda c: c.get_dp_max().data,
                   lambda c: c.get_virtual_image(mode="annular", geometry=((20, 25), (4, 10)), name="image").data):
            np.testing.assert_array_equal(np.asarray(of(cube)), of(dense))
        for made in (cube, dense):
            made.crop_Q((5, 20, 6, 30))
            made.bin_Q(2)
        np.testing.assert_array_equal(np.asarray(cube.data), dense.data)


def test_py4dstem_has_no_repeats(stored: Callable) -> None:
    with ct.open(stored(stores.SEVERAL_FRAMES)) as scan, pytest.raises(ValueError, match="several frames"):
        scan.to_py4dstem()


def test_xarray(scaled: pathlib.Path) -> None:
    with ct.open(scaled) as scan:
        array = scan.to_xarray()
        assert array.dims == ("scan_row", "scan_column", "row", "column") and array.chunks
        for name, size, first, step, unit in AXES:
            axis = array.coords[name.replace(" ", "_")]
            assert axis.attrs["units"] == unit
            np.testing.assert_allclose(axis, first + step * np.arange(size))
        near = array.sel(scan_row=slice(0.4, 1.1), row=slice(2, 5))
        np.testing.assert_array_equal(near.sum(("scan_row", "scan_column")), np.asarray(scan)[1:, :, 4:17].sum(axis=(0, 1)))


def test_a_scan_in_memory(inline: libertem.Context) -> None:
    """It is handed over in this process; other processes have no file to open."""
    counted = np.random.default_rng(4).poisson(0.02, (3, 5, 48, 64)).astype(np.uint8)
    scan = ct.count(ct.frames(counted), method="counts")
    np.testing.assert_array_equal(scan.to_scipy().toarray(), counted.reshape(15, -1))
    np.testing.assert_array_equal(scan.to_dask().compute(scheduler="threads"), counted)
    np.testing.assert_array_equal(scan.to_hyperspy().data.compute(scheduler="sync"), counted)
    dataset = scan.to_libertem(inline, partitions=2)
    np.testing.assert_array_equal(inline.run_udf(dataset=dataset, udf=SumUDF())["intensity"].data, counted.sum(axis=(0, 1)))
    with pytest.raises(TypeError, match="in memory"):
        scan.to_dask().compute(scheduler="processes", num_workers=1)


@pytest.mark.parametrize(("method", "module"), [("scipy", "scipy.sparse"), ("sparse", "sparse"), ("dask", "dask.array"), ("hyperspy", "hyperspy.api"),
                                                ("py4dstem", "py4DSTEM"), ("xarray", "xarray"), ("stempy", "stempy.io.sparse_array"), ("libertem", "libertem.api")])
def test_a_missing_package_is_named(stored: Callable, monkeypatch: pytest.MonkeyPatch, method: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not there
    with ct.open(stored(PLAIN)) as scan, pytest.raises(ImportError, match=f"to_{method}.. needs .*pip install {module.split('.')[0]}"):
        getattr(scan, f"to_{method}")(*(["context"] if method == "libertem" else []))


def test_the_package_needs_none_of_them() -> None:
    script = ("import sys, countem\n"
              "wrong = {'scipy', 'sparse', 'dask', 'stempy', 'libertem', 'hyperspy', 'py4DSTEM', 'xarray', 'h5py'} & set(sys.modules)\n"
              "assert not wrong, wrong\n")
    subprocess.run([sys.executable, "-c", script], check=True, env=os.environ | {"PYTHONPATH": os.environ["COUNTEM_PYTHON_PACKAGE"]})

"""What `countem convert` writes, in the programs it is for, and what those write, converted back: every event, or its number."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import h5py
import libertem.api as libertem
import numpy as np
import pytest
import scipy.sparse
from libertem.udf.com import CoMUDF
from libertem.udf.sum import SumUDF
from stempy.io.sparse_array import SparseArray

import stores
from abi import Library
from program import Program

PLAIN, CAMERA, NOT_SQUARE = (next(example for example in stores.EXAMPLES if example.name == name)
                             for name in ("plain", "camera", "not_square"))
EXAMPLES = [PLAIN, CAMERA, NOT_SQUARE, stores.SEVERAL_FRAMES]
DEBIAN_PYTHON = "/usr/bin/python3"


def each(examples: list[stores.Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples, ids=lambda example: example.name)


def full_counts(example: stores.Example) -> np.ndarray:
    """(frame, row, column): how many events each pixel has, with no limit."""
    pixels = example.shape[0] * example.shape[1]
    return np.stack([np.bincount(frame.indices, minlength=pixels) for frame in example.events()]).reshape(-1, *example.shape)


def rows_of(example: stores.Example) -> np.ndarray:
    return full_counts(example).reshape(-1, example.shape[0] * example.shape[1])


@each(EXAMPLES)
def test_stempy_reads_our_export(program: Program, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    program.run("convert", stored(example), "--to", "stempy", "-o", tmp_path / "out.h5")
    array = SparseArray.from_hdf5(str(tmp_path / "out.h5"))
    assert tuple(array.scan_shape) == example.scan
    assert tuple(array.frame_shape) == example.shape
    wanted = [frame.indices for frame in example.events()]
    for found, indices in zip(array.data.ravel(), wanted, strict=True):
        np.testing.assert_array_equal(found, indices)
    once = full_counts(example) > 0  # stempy adds with array[indices] += 1, which takes an index that comes twice once
    np.testing.assert_array_equal(array.sum(axis=(0, 1), dtype=np.uint32), once.sum(axis=0))


@each(EXAMPLES)
def test_our_import_of_files_that_stempy_wrote(library: Library, program: Program, tmp_path: pathlib.Path, example: stores.Example) -> None:
    frames = example.events()
    data = np.empty((example.scan[0] * example.scan[1], example.frames_per_position), dtype=object)
    for number, frame in enumerate(frames):
        data[np.unravel_index(number, data.shape)] = frame.indices
    SparseArray(data=data, scan_shape=example.scan, frame_shape=example.shape).write_to_hdf5(str(tmp_path / "stempy.h5"))
    program.run("convert", tmp_path / "stempy.h5", "--to", "store", "-o", tmp_path / "store.h5")
    for found, wanted in zip(library.read_store(tmp_path / "store.h5"), frames, strict=True):
        np.testing.assert_array_equal(found.indices, wanted.indices)
    program.run("verify", tmp_path / "store.h5")


@each(EXAMPLES)
def test_libertem_raw_csr(program: Program, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    program.run("convert", stored(example), "--to", "raw_csr", "-o", tmp_path / "out.toml")
    context = libertem.Context.make_with("inline")
    dataset = context.load("raw_csr", path=str(tmp_path / "out.toml"))
    assert tuple(dataset.shape) == example.dense_shape
    counts = full_counts(example)
    np.testing.assert_array_equal(context.run_udf(dataset=dataset, udf=SumUDF())["intensity"].data, counts.sum(axis=0))
    if example.frames_per_position > 1:
        return  # its centre of mass is for scans with two axes
    result = context.run_udf(dataset=dataset, udf=CoMUDF.with_params(cy=0, cx=0))
    weights = counts.sum(axis=(1, 2))
    rows, columns = np.indices(example.shape)
    with np.errstate(invalid="ignore"):
        wanted = np.stack([(counts * axis).sum(axis=(1, 2)) / weights for axis in (rows, columns)], axis=-1)
    found = np.asarray(result["raw_com"].data).reshape(-1, 2)
    np.testing.assert_allclose(found[weights > 0], wanted[weights > 0], rtol=1e-5)


@each(EXAMPLES)
def test_scipy_npz(program: Program, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    program.run("convert", stored(example), "--to", "npz", "-o", tmp_path / "out.npz")
    matrix = scipy.sparse.load_npz(tmp_path / "out.npz")
    wanted = [frame.indices for frame in example.events()]
    np.testing.assert_array_equal(matrix.indices, np.concatenate(wanted))  # an index that comes twice comes twice
    np.testing.assert_array_equal(np.diff(matrix.indptr), [len(indices) for indices in wanted])
    np.testing.assert_array_equal(matrix.toarray(), rows_of(example))


@each(EXAMPLES)
def test_csr_in_scipy_and_back(library: Library, program: Program, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    told = program.run("convert", stored(example), "--to", "csr", "-o", tmp_path / "out.h5", "--json")
    counts = rows_of(example)
    assert any(str((counts - 1).clip(0).sum()) + " events" in note for note in told["notes"])
    with h5py.File(tmp_path / "out.h5") as file:
        matrix = scipy.sparse.csr_matrix((file["values"][...], file["indices_1"][...], file["pointers_to_1"][...]), shape=counts.shape)
    np.testing.assert_array_equal(matrix.toarray(), counts)
    program.run("convert", tmp_path / "out.h5", "--to", "store", "-o", tmp_path / "back.h5")
    for found, wanted in zip(library.read_store(tmp_path / "back.h5"), example.events(), strict=True):
        np.testing.assert_array_equal(found.indices, wanted.indices)


@each(EXAMPLES)
def test_binsparse(library: Library, program: Program, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    """Read by the binsparse package, in an environment of its own."""
    program.run("convert", stored(example), "--to", "csr", "-o", tmp_path / "out.h5")
    script = ("import sys, numpy\n"
              "from binsparse import load_binsparse, save_binsparse\n"
              "from binsparse.conversions.scipy import from_scipy, to_scipy\n"
              "matrix = to_scipy(load_binsparse(sys.argv[1]))\n"
              "numpy.save(sys.argv[2], matrix.toarray())\n"
              "save_binsparse(from_scipy(matrix), sys.argv[3])\n")
    python = pathlib.Path(os.environ["COUNTEM_ORACLE_ENVIRONMENTS"]) / "binsparse/bin/python"
    subprocess.run([python, "-c", script, tmp_path / "out.h5", tmp_path / "dense.npy", tmp_path / "theirs.h5"], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "dense.npy"), rows_of(example))
    # What it writes says nothing of scan and frames: the user does.
    height, width = example.scan
    program.run("convert", tmp_path / "theirs.h5", "--to", "store", "-o", tmp_path / "back.h5",
                "--scan", f"{width}x{height}x{example.frames_per_position}", "--shape", f"{example.shape[0]}x{example.shape[1]}")
    for found, wanted in zip(library.read_store(tmp_path / "back.h5"), example.events(), strict=True):
        np.testing.assert_array_equal(found.indices, wanted.indices)


@each(EXAMPLES)
def test_dense(program: Program, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    wanted = full_counts(example).reshape(example.dense_shape)
    for name in ("out.npy", "out.h5"):
        program.run("convert", stored(example), "--to", "dense", "-o", tmp_path / name)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), wanted)
    with h5py.File(tmp_path / "out.h5") as file:
        np.testing.assert_array_equal(file["data"][...], wanted)


@each(EXAMPLES)
def test_h5repack_and_h5diff(library: Library, stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    """h5repack makes deflate streams of its own; h5diff finds no difference, and neither do we."""
    few = stores.Example(example.name, shape=example.shape, scan=example.scan, frames_per_position=example.frames_per_position,
                         occupancy=example.occupancy, wide_counts=True)  # an index comes 300 times
    frames = few.events()
    few.write(library, tmp_path / "store.h5")
    subprocess.run(["h5repack", "-f", "/electron_counts/data:GZIP=6", tmp_path / "store.h5", tmp_path / "repacked.h5"], check=True)
    subprocess.run(["h5diff", tmp_path / "store.h5", tmp_path / "repacked.h5"], check=True)
    for found, wanted in zip(library.read_store(tmp_path / "repacked.h5"), frames, strict=True):
        np.testing.assert_array_equal(found.indices, wanted.indices)


@each([*stores.EXAMPLES, stores.SEVERAL_FRAMES])
def test_h5py_of_debian(library: Library, tmp_path: pathlib.Path, example: stores.Example) -> None:
    """HDF5 1.10, as the distribution ships it."""
    if subprocess.run([DEBIAN_PYTHON, "-c", "import h5py"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("python3-h5py of Debian is not installed")
    wanted = example.write(library, tmp_path / "store.h5")
    script = ("import sys, h5py, numpy\n"
              "with h5py.File(sys.argv[1]) as file:\n"
              "    numpy.save(sys.argv[2], file['/entry/data/data'][...])\n")
    subprocess.run([DEBIAN_PYTHON, "-c", script, tmp_path / "store.h5", tmp_path / "dense.npy"], check=True,
                   env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")})
    np.testing.assert_array_equal(np.load(tmp_path / "dense.npy"), wanted)


def test_a_running_count_is_followed(program: Program, tmp_path: pathlib.Path) -> None:
    """h5py with swmr=True sees whole frames, more and more of them, while `count` writes; `info --follow` ends with the file."""
    rng = np.random.default_rng(5)
    frames = np.where(rng.random((24, 40, 256, 256), np.float32) < 0.01, 100, 0).astype(np.uint16)
    np.save(tmp_path / "raw.npy", frames)
    part, output = tmp_path / "counted.h5.part", tmp_path / "counted.h5"
    counting = subprocess.Popen([program.executable, "count", tmp_path / "raw.npy", "-o", output, "--threshold", "50", "--method", "pixels",
                                 "--backend", "reference", "--threads", "1", "--row-noise", "median", "--quiet"])
    following = subprocess.Popen([sys.executable, "-c", FOLLOWER, part], stdout=subprocess.PIPE, text=True)
    while not part.exists():
        assert counting.poll() is None
    told = subprocess.run([program.executable, "info", "--follow", output, "--interval", "0.05"], capture_output=True, text=True, check=True)
    assert counting.wait() == 0
    seen, _ = following.communicate()
    assert following.returncode == 0
    steps = [int(line) for line in seen.split()]
    assert any(0 < step < frames.shape[0] * frames.shape[1] for step in steps), steps
    assert steps == sorted(steps)
    assert "frames/s" in told.stderr and "kind: event store" in told.stdout
    with h5py.File(output) as file:
        np.testing.assert_array_equal(file["/electron_counts/data"][...], frames > 0)
    dense = np.load(tmp_path / "seen.npy")
    number = int(np.load(tmp_path / "seen_frame.npy"))
    np.testing.assert_array_equal(dense, (frames > 0).reshape(-1, 256, 256)[number])


FOLLOWER = """
import pathlib, sys, time
import h5py, numpy
part = pathlib.Path(sys.argv[1])
deadline = time.monotonic() + 120
file = None
while file is None and time.monotonic() < deadline:
    try:
        file = h5py.File(part, swmr=True)
    except OSError:  # not there yet, or not yet open for readers
        time.sleep(0.01)
counts, data = file["/electron_counts/counts"], file["/electron_counts/data"]
while part.exists() and time.monotonic() < deadline:
    for dataset in (data, counts):
        dataset.refresh()
    written = numpy.flatnonzero(counts[...] != 0xFFFFFFFF)
    print(len(written), flush=True)
    if 0 < len(written) < len(counts):
        frame = int(written[len(written) // 2])
        numpy.save(part.with_name("seen.npy"), data[numpy.unravel_index(frame, data.shape[:2])])
        numpy.save(part.with_name("seen_frame.npy"), frame)
    time.sleep(0.05)
"""

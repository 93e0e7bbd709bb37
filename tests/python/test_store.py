"""Counted scans as arrays, compared with what h5py reads of the same file."""

import errno
import gc
import os
import pathlib
import threading

import h5py
import numpy as np
import pytest

import countem as ct
from conftest import count
from simulated import damaged

KINDS = {
    "plain": dict(),
    "several_frames": dict(scan="4x2x3"),
    "wide_counts": dict(options=("--wide-counts",)),
    "values": dict(options=("--values", "size")),
}


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return count(tmp_path_factory.mktemp(request.param), **KINDS[request.param])


def dense(path: pathlib.Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["electron_counts/data"][...]


def events_of(frame: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(frame.size), frame.ravel())


def test_arrays_equal_the_dense_numbers(store: pathlib.Path) -> None:
    expected = dense(store)
    frames = expected.reshape(-1, *expected.shape[-2:])
    with ct.open(store) as scan:
        assert (scan.shape, scan.ndim, scan.dtype) == (expected.shape, expected.ndim, expected.dtype)
        assert scan.nnz == expected.sum() > 100
        assert (scan.indptr.dtype, scan.indices.dtype) == (np.uint64, np.uint32)
        np.testing.assert_array_equal(np.diff(scan.indptr), frames.sum(axis=(1, 2)))
        np.testing.assert_array_equal(scan.indices, np.concatenate([events_of(frame) for frame in frames]))


@pytest.mark.parametrize("all_were_read", [False, True])
def test_events_of_a_frame(store: pathlib.Path, all_were_read: bool) -> None:
    expected = dense(store)
    with ct.open(store) as scan:
        if all_were_read:
            assert scan.indices.size
        for where in np.ndindex(expected.shape[:-2]):
            np.testing.assert_array_equal(scan.events(*where), events_of(expected[where]))
        np.testing.assert_array_equal(scan.events(-1, -2), scan.events(expected.shape[0] - 1, expected.shape[1] - 2))


def test_values_are_there_where_they_were_kept(store: pathlib.Path) -> None:
    with ct.open(store) as scan:
        if "values" not in store.parent.name:
            assert scan.values is None
            return
        assert scan.values is not None and scan.values.shape == scan.indices.shape
        assert scan.values.min() >= 1 and scan.values.max() > 1  # pixels of a cluster


def test_arrays_outlive_the_scan_and_cannot_be_written(counted: pathlib.Path) -> None:
    scan = ct.open(counted)
    indices, indptr, frame = scan.indices, scan.indptr, ct.open(counted).events(1, 2)
    kept = [array.copy() for array in (indices, indptr, frame)]
    scan.close()
    del scan
    gc.collect()
    for array, copy in zip((indices, indptr, frame), kept):
        np.testing.assert_array_equal(array, copy)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_threads_share_a_scan(counted: pathlib.Path) -> None:
    expected = dense(counted)
    wrong = []
    with ct.open(counted) as scan:

        def read_all() -> None:
            for where in [*np.ndindex(expected.shape[:2])] * 20:
                if not np.array_equal(scan.events(*where), events_of(expected[where])):
                    wrong.append(where)

        threads = [threading.Thread(target=read_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_opening_keeps_no_file(counted: pathlib.Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert ct.open(counted).nnz
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_closed_scan_is_refused(counted: pathlib.Path) -> None:
    with ct.open(counted) as scan:
        pass
    with pytest.raises(ValueError, match="counted.h5: is closed"):
        scan.indices


def test_a_missing_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "absent.h5"
    with pytest.raises(FileNotFoundError) as caught:
        ct.open(path)
    assert str(caught.value).startswith(str(path)) and caught.value.errno == errno.ENOENT


def test_a_directory(tmp_path: pathlib.Path) -> None:
    with pytest.raises(OSError, match=str(tmp_path)):
        ct.open(tmp_path)


def test_a_file_of_another_kind(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="other.h5"):
        ct.open(path)


def test_a_damaged_frame_is_named(counted: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = damaged(counted, tmp_path / "damaged.h5")
    with ct.open(path) as scan:
        assert scan.nnz and scan.events(1, 1).size
        for read in (lambda: scan.events(1, 2), lambda: scan.indices):
            with pytest.raises(ValueError, match="damaged.h5: frame 7: "):
                read()


@pytest.mark.parametrize("where", [(3, 0), (0, 5), (-4, 0), (0, 0, 1)])
def test_a_position_beyond_the_scan(scan: ct.Scan, where: tuple[int, ...]) -> None:
    with pytest.raises(IndexError, match="is beyond the scan"):
        scan.events(*where)

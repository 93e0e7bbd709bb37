"""Scans whose frames do not simply follow one another: numpy reshapes and turns the same recording."""

import pathlib
import pickle
import warnings

import numpy as np
import pytest

import countem as ct
from conftest import run

ROWS, COLUMNS = 4, 5
SIDE = 8


def recording(tmp_path: pathlib.Path, frames: int) -> tuple[pathlib.Path, np.ndarray]:
    """One long row of frames; frame n has n + 1 electrons."""
    array = (np.arange(SIDE * SIDE) <= np.arange(frames)[:, None]).astype(np.uint16).reshape(frames, SIDE, SIDE)
    path = tmp_path / f"row{frames}.npy"
    np.save(path, array)
    return path, array


def folded(array: np.ndarray, skip: int, flyback: int, snake: bool) -> np.ndarray:
    """What a microscopist does with numpy: the settling frames and the flyback cut off, every second row turned."""
    lines = array[skip:skip + ROWS * (COLUMNS + flyback)].reshape(ROWS, COLUMNS + flyback, SIDE, SIDE)[:, :COLUMNS].copy()
    if snake:
        lines[1::2] = lines[1::2, ::-1]
    return lines


PATHS = [(3, 0, False), (0, 2, False), (0, 0, True), (2, 1, True)]


@pytest.mark.parametrize(("skip", "flyback", "snake"), PATHS)
def test_raw_frames_and_stores_fold_as_numpy_does(tmp_path: pathlib.Path, skip: int, flyback: int, snake: bool) -> None:
    path, array = recording(tmp_path, skip + ROWS * (COLUMNS + flyback))
    wanted = folded(array, skip, flyback, snake)
    raw = ct.open_raw(path, scan=(ROWS, COLUMNS), skip=skip, flyback=flyback, snake=snake)
    assert (raw.shape, raw.issues) == ((ROWS, COLUMNS, SIDE, SIDE), [])
    for frames in (raw, pickle.loads(pickle.dumps(raw))):
        for where in np.ndindex(ROWS, COLUMNS):
            np.testing.assert_array_equal(frames[where], wanted[where])

    run("count", path, "-o", tmp_path / "line.h5", "--method", "counts", "--no-png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        view = ct.open(tmp_path / "line.h5", scan=(ROWS, COLUMNS), skip=skip, flyback=flyback, snake=snake)
    np.testing.assert_array_equal(np.asarray(view), wanted)
    np.testing.assert_array_equal(view[1:3, 2:], wanted[1:3, 2:])
    view.save(tmp_path / "saved.h5")
    np.testing.assert_array_equal(np.asarray(ct.open(tmp_path / "saved.h5")), wanted)


def test_merged_positions_that_lack_frames(tmp_path: pathlib.Path) -> None:
    path, array = recording(tmp_path, 14)
    run("count", path, "-o", tmp_path / "short.h5", "--method", "counts", "--no-png", "--scan", "4x4")
    scan = ct.open(tmp_path / "short.h5")
    with pytest.warns(ct.CountemWarning, match="1 of 4 merged frames hold less") as caught:
        part = scan.bin(scan=2)
    assert len(caught) == 1
    sums = np.concatenate([array, np.zeros((2, SIDE, SIDE), np.uint16)]).sum(axis=(1, 2)).reshape(2, 2, 2, 2).sum(axis=(1, 3))
    np.testing.assert_array_equal(part.counts, sums)
    np.testing.assert_array_equal(part.status, [[15, 15], [15, 31]])
    assert "merged_frames_lack_some" in part.save(tmp_path / "merged.h5").provenance["issues"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scan.bin(2)
        scan[:2].bin(scan=2)


def test_a_row_that_is_missing(tmp_path: pathlib.Path) -> None:
    path, array = recording(tmp_path, (ROWS - 1) * COLUMNS)
    run("count", path, "-o", tmp_path / "line.h5", "--method", "counts", "--no-png")
    with pytest.warns(ct.CountemWarning, match="5 of its 20 frames are missing|the last ones are missing"):
        view = ct.open(tmp_path / "line.h5", scan=(ROWS, COLUMNS))
    counts = np.asarray(view.counts)
    np.testing.assert_array_equal(counts[:-1], array.sum(axis=(1, 2)).reshape(ROWS - 1, COLUMNS))
    assert np.isnan(counts[-1]).all()


def test_what_cannot_be(tmp_path: pathlib.Path) -> None:
    path, _ = recording(tmp_path, 12)
    run("count", path, "-o", tmp_path / "line.h5", "--method", "counts", "--no-png")
    for options in ({"flyback": -1}, {"skip": 2**40}, {"snake": True}, {"skip": 12, "scan": (3, 4)}):
        with pytest.raises(ValueError, match="."):
            ct.open_raw(path, **options)
        with pytest.raises(ValueError, match="."):
            ct.open(tmp_path / "line.h5", **options)
    with pytest.raises(TypeError, match="save"):
        pickle.dumps(ct.open(tmp_path / "line.h5", scan=(3, 4)))

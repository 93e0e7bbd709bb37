"""Scans read as arrays, parts of them, and copies: compared with numpy on the dense numbers that h5py reads."""

import pathlib
import pickle

import h5py
import numpy as np
import pytest

import countem as ct
from conftest import count

KEYS = [
    np.s_[1], np.s_[-1, 2], np.s_[1, 1, 2], np.s_[1, 1, 2, 7], np.s_[...], np.s_[..., 3], np.s_[:, 1:3], np.s_[0:2, ..., 10:20], np.s_[::2, ::-1],
    np.s_[5:1:-2], np.s_[None, 1, ..., None], np.s_[:, :, 4:40:7, ::-3], np.s_[2:2], np.s_[1:2, 0], np.s_[np.int64(1), :, np.uint8(2)], np.s_[-2:, -3:-1, 10:],
    np.s_[..., None, 5:9], np.s_[1, None, 2],
]


@pytest.fixture(scope="module", params=["5x3", "4x2x3"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[ct.Scan, np.ndarray]:
    path = count(tmp_path_factory.mktemp("views"), scan=request.param)
    with h5py.File(path) as file:
        return ct.open(path), file["electron_counts/data"][...]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indices_are_those_of_numpy(both: tuple[ct.Scan, np.ndarray], key: object) -> None:
    scan, dense = both
    expected = dense[key]
    found = scan[key]
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("key", [np.s_[9], np.s_[0, 9], np.s_[0, 0, 0, 0, 0, 0], np.s_[..., ...], np.s_[[0, 1]], np.s_[True], np.s_[0, 0, -100], np.s_["a"], np.s_[1.0], np.s_[np.array([0, 1])]], ids=str)
def test_indices_that_are_refused(both: tuple[ct.Scan, np.ndarray], key: object) -> None:
    with pytest.raises(IndexError):
        both[0][key]


def test_slices_of_whole_ranges_are_parts_that_read_nothing(both: tuple[ct.Scan, np.ndarray]) -> None:
    scan, dense = both
    part = scan[1:, 1:3, ..., 4:20, 10:]
    assert isinstance(part, ct.Scan)
    expected = dense[1:, 1:3, ..., 4:20, 10:]
    assert part.shape == expected.shape and part.nnz == expected.sum()
    again = part[:1, :, ..., 3:5, 2:9]
    assert isinstance(again, ct.Scan)
    np.testing.assert_array_equal(again, expected[:1, :, ..., 3:5, 2:9])
    frames = expected.reshape(-1, *expected.shape[-2:])
    np.testing.assert_array_equal(part.indices, np.concatenate([np.repeat(np.arange(frame.size), frame.ravel()) for frame in frames]))
    np.testing.assert_array_equal(np.diff(part.indptr), frames.sum(axis=(1, 2)))
    for where in np.ndindex(expected.shape[:-2]):
        fresh = scan[1:, 1:3, ..., 4:20, 10:]
        np.testing.assert_array_equal(fresh.events(*where), np.repeat(np.arange(expected[where].size), expected[where].ravel()))


def test_facts_are_those_of_an_array(both: tuple[ct.Scan, np.ndarray]) -> None:
    scan, dense = both
    assert (len(scan), scan.ndim, scan.size, scan.nbytes) == (len(dense), dense.ndim, dense.size, dense.nbytes)
    assert scan.chunks == (*(1,) * (dense.ndim - 2), 48, 64)
    np.testing.assert_array_equal(np.stack(list(scan)), dense)
    np.testing.assert_array_equal(scan.counts, dense.reshape(*dense.shape[:2], -1).sum(axis=2))
    assert scan.status.shape == dense.shape[:-2] and np.all(scan.status == 15)
    assert np.asarray(scan, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="without a copy"):
        scan.__array__(copy=False)


def merged(dense: np.ndarray, detector: int, scan: int) -> np.ndarray:
    rows, columns, height, width = dense.shape
    dense = dense[: rows // scan * scan, : columns // scan * scan, : height // detector * detector, : width // detector * detector].astype(np.uint32)
    rows, columns, height, width = dense.shape
    return dense.reshape(rows // scan, scan, columns // scan, scan, height // detector, detector, width // detector, detector).sum(axis=(1, 3, 5, 7))


@pytest.mark.parametrize(("detector", "positions"), [(2, 1), (5, 1), (1, 2), (3, 2)])
def test_bins_are_sums_of_pixels_and_positions(counted: pathlib.Path, scan: ct.Scan, detector: int, positions: int, tmp_path: pathlib.Path) -> None:
    dense = np.asarray(scan)
    part = scan.bin(detector, scan=positions)
    expected = merged(dense, detector, positions)
    assert part.shape == expected.shape and part.dtype == np.uint32
    np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(part.counts, expected.sum(axis=(2, 3)))
    np.testing.assert_array_equal(part.sum(), expected.sum(axis=(0, 1)))
    cut = part[:, 1:, 1:4, 2:]
    np.testing.assert_array_equal(cut, expected[:, 1:, 1:4, 2:])
    with cut.save(tmp_path / "cut.h5") as saved:
        assert (saved.shape, saved.nnz) == (cut.shape, cut.nnz)
        np.testing.assert_array_equal(saved, expected[:, 1:, 1:4, 2:])
        assert saved.axes == cut.axes
        assert saved.provenance["reduced_from"].endswith("counted.h5")


def test_bins_keep_the_remainder_on_request(scan: ct.Scan) -> None:
    assert scan.bin(5).shape[-2:] == (9, 12)
    assert scan.bin(5, keep_remainder=True).shape[-2:] == (10, 13)
    assert scan.bin(5, keep_remainder=True).nnz == scan.nnz
    with pytest.raises(ValueError, match="larger than all"):
        scan.bin(100)
    with pytest.raises(ValueError, match="at least 1"):
        scan.bin(0)


def test_axes_follow_crops_and_bins(scan: ct.Scan) -> None:
    part = scan[1:, :, 8:, 16:].bin(4)
    rows, columns, down, across = part.axes
    assert (rows.origin, columns.origin, rows.unit) == (1, 0, "positions")
    assert (down.origin, down.step, across.origin, down.unit) == (9.5, 4, 17.5, "pixels")
    np.testing.assert_array_equal(down.values()[:2], [9.5, 13.5])


def test_copies_replace_no_file_unasked(scan: ct.Scan, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "copy.h5"
    scan.save(path).close()
    with pytest.raises(FileExistsError, match="copy.h5"):
        scan[:1].save(path)
    with scan[:1].save(path, overwrite=True) as copy:
        assert copy.shape[0] == 1


def test_a_scan_is_not_written_over_itself(counted: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "own.h5"
    path.write_bytes(counted.read_bytes())
    with ct.open(path) as scan:
        with pytest.raises(ValueError, match="own.h5"):
            scan[:1].save(path, overwrite=True)
        assert scan.indices.size


def test_parts_pickle_by_path(scan: ct.Scan) -> None:
    part = scan[1:, :, 3:9].bin(2)
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(again, part)
    assert again.axes == part.axes


def test_loaded_scans_are_the_same_without_their_file(counted: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "gone.h5"
    path.write_bytes(counted.read_bytes())
    with ct.open(path) as scan:
        dense, part = np.asarray(scan), scan[1:, :, 3:9].bin(2)
        loaded, loaded_part, shown = scan.load(), part.load(), np.asarray(part)
        axes, provenance = part.axes, scan.provenance
    np.testing.assert_array_equal(loaded, dense)
    np.testing.assert_array_equal(loaded_part, shown)
    assert (loaded_part.axes, loaded.provenance) == (axes, provenance)
    np.testing.assert_array_equal(loaded.counts, dense.sum(axis=(2, 3)))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(loaded)), dense)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(loaded_part)
    with loaded_part.save(tmp_path / "part.h5") as saved:
        np.testing.assert_array_equal(saved, shown)


def test_the_calibration_is_that_of_the_count(scan: ct.Scan, counted: pathlib.Path) -> None:
    with h5py.File(counted) as file:
        group = file["calibration"]
        assert scan.calibration.background_adu == group.attrs["background_threshold_adu"]
        np.testing.assert_array_equal(scan.calibration.dark * 16, group["dark16"])
        np.testing.assert_array_equal(scan.calibration.mask, group["mask"])
        np.testing.assert_array_equal(scan[:, :, 8:20, 30:].calibration.dark * 16, group["dark16"][8:20, 30:])
    assert scan.calibration.method == "cluster"
    assert scan.bin(2).calibration.mask.shape == (48, 64)

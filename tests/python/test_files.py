"""Exports and imports, checks, rescue, and parallax, compared with the program and with other libraries."""

import pathlib

import h5py
import numpy as np
import pytest

import countem as ct
from conftest import run
from simulated import damaged


@pytest.mark.parametrize("form", ["stempy", "csr"])
def test_events_come_back_from_other_forms(scan: ct.Scan, form: str, tmp_path: pathlib.Path) -> None:
    scan.export(tmp_path / "other.h5", form)
    with ct.import_events(tmp_path / "other.h5", tmp_path / "again.h5", scan=scan.shape[:2], shape=scan.shape[2:]) as again:
        np.testing.assert_array_equal(again.indices, scan.indices)
        np.testing.assert_array_equal(again.indptr, scan.indptr)
        assert again.shape == scan.shape
    with pytest.raises(FileExistsError, match="other.h5"):
        scan.export(tmp_path / "other.h5", form)
    scan.export(tmp_path / "other.h5", form, overwrite=True)


def test_a_dense_export_is_the_dense_array(scan: ct.Scan, tmp_path: pathlib.Path) -> None:
    scan.export(tmp_path / "dense.npy", "dense")
    np.testing.assert_array_equal(np.load(tmp_path / "dense.npy").reshape(scan.shape), scan)


def test_exports_that_are_refused(scan: ct.Scan, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="save"):
        scan[:1].export(tmp_path / "part.npz", "npz")
    with pytest.raises(ValueError, match="stempy, csr"):
        scan.export(tmp_path / "x.h5", "paper")


def test_files_of_another_kind_are_named(tmp_path: pathlib.Path) -> None:
    np.save(tmp_path / "frames.npy", np.zeros((4, 8, 8), np.uint16))
    (tmp_path / "a.tpx3").write_bytes(b"TPX3" + bytes(20))
    for name, words in [("frames.npy", r"frames.npy: holds raw frames \(format npy\), .* count it first"),
                        ("a.tpx3", "a.tpx3: is a TPX3 file, .* convert it to a store first")]:
        with pytest.raises(ValueError, match=words):
            ct.open(tmp_path / name)


def test_a_sound_store_has_no_faults(counted: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert ct.verify(counted) == []
    broken = damaged(counted, tmp_path / "broken.h5")
    faults = ct.verify(broken)
    assert len(faults) == 1 and "frame 7" in faults[0]
    saved = ct.recover(broken, tmp_path / "saved.h5")
    assert (saved.frames, saved.scan_frames, saved.damaged) == (14, 15, (7,))
    with ct.open(tmp_path / "saved.h5") as scan:
        assert scan.status[1, 2] == 0 and np.isnan(scan.counts[1, 2]) and scan.nnz == saved.events
        with pytest.warns(ct.CountemWarning, match="1 of 15 frames never arrived"):
            scan.sum()
    with pytest.raises(FileExistsError):
        ct.recover(broken, tmp_path / "saved.h5")


def test_parallax_is_the_programs(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(2)
    side, pixels, radius = 32, 24, 8.0
    specimen = rng.normal(size=(side, side))
    frequencies = np.fft.fftfreq(side)
    blur = np.exp(-40 * (frequencies[:, None] ** 2 + frequencies[None] ** 2))
    specimen = np.fft.ifft2(np.fft.fft2(specimen) * blur).real
    specimen = 1 + 0.5 * specimen / np.abs(specimen).max()
    rows, columns = np.indices((pixels, pixels)) - 11.5
    frames = np.zeros((side, side, pixels, pixels), np.uint16)
    for row, column in zip(*np.nonzero(np.hypot(rows, columns) < radius)):
        shift = 0.4 * np.array([rows[row, column], columns[row, column]])
        phase = np.exp(-2j * np.pi * (frequencies[:, None] * shift[0] + frequencies[None] * shift[1]))
        frames[:, :, row, column] = rng.poisson(np.clip(2 * np.fft.ifft2(np.fft.fft2(specimen) * phase).real, 0, None))
    np.save(tmp_path / "frames.npy", frames)
    run("count", tmp_path / "frames.npy", "--method", "counts", "-o", tmp_path / "counted.h5", "--no-png")
    run("parallax", tmp_path / "counted.h5", "-o", tmp_path / "parallax.h5")
    with ct.open(tmp_path / "counted.h5") as scan:
        found = scan.parallax()
        with pytest.raises(ValueError, match="crop or bin"):
            scan.bin(2).parallax()
    with h5py.File(tmp_path / "parallax.h5") as file:
        np.testing.assert_array_equal(found.image, file["reductions/tilt_corrected"])
        np.testing.assert_array_equal(found.image.error, file["reductions/tilt_corrected_error"])
        np.testing.assert_array_equal(found.shifts, file["reductions/bright_field_shifts"])
    assert found.image.shape == (64, 64)
    assert abs(abs(found.defocus.a) - 0.4) < 5 * found.defocus.a_error + 0.02
    assert found.defocus.unit == "steps/pixel"

"""Counting into files and into memory: hand-computed, and the same as the program."""

import importlib.util
import logging
import pathlib
import threading
import time
import warnings

import h5py
import numpy as np
import pytest

import countem as ct
from conftest import run
from simulated import Simulated, content, simulate


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("count") / "sim")


@pytest.fixture(scope="module")
def raw(simulated: Simulated) -> ct.Raw:
    return ct.open_raw(simulated.raw)


@pytest.fixture(scope="module")
def cal(raw: ct.Raw, simulated: Simulated) -> ct.Calibration:
    return ct.calibrate(raw, simulated.dark)


def by_hand() -> np.ndarray:
    """Five frames of 8 x 8 around 100 ADU: a lone pixel; a cluster; nothing; opposite corners; an X-ray beside an electron."""
    frames = np.full((5, 8, 8), 100, np.uint16)
    frames[0, 1, 2] += 50
    frames[1, 3, 3:5] += np.array([20, 60], np.uint16)  # columns 3 and 4 weighted 20 : 60 lie at 3.75: column 4
    frames[3, [0, 7], [0, 7]] += 30
    frames[4, 2, 2], frames[4, 6, 5] = 2100, 117
    return frames


EVENTS = [[10], [28], [], [0, 63], [53]]


@pytest.mark.parametrize("dtype", ["u2", ">u2", "i4", "f4", ">f8"])
def test_by_hand(tmp_path: pathlib.Path, dtype: str) -> None:
    frames = by_hand().astype(dtype)
    np.save(tmp_path / "raw.npy", frames)
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("frames", data=frames, chunks=(2, 8, 8))
        for source in (ct.open_raw(tmp_path / "raw.npy"), ct.frames(frames), ct.frames(file["frames"])):
            cal = ct.calibrate(source, np.full((8, 8), 100.0), threshold=16, xray_threshold=1000)
            for path in (None, tmp_path / "counted.h5"):
                scan = ct.count(source, cal, path, overwrite=True)
                assert scan.shape == (1, 5, 8, 8)
                assert [scan.events(0, frame).tolist() for frame in range(5)] == EVENTS
                assert scan.indptr.tolist() == [0, 1, 2, 2, 4, 5]


def test_nan_negative_and_huge_values_are_no_electrons() -> None:
    frames = np.zeros((1, 4, 6), np.float32)
    frames[0, 1, 1:5] = np.nan, -1e30, 40, np.inf
    source = ct.frames(frames)
    with pytest.warns(ct.CountemWarning, match="hold inf, the largest value"):
        cal = ct.calibrate(source, threshold=16, xray_threshold=np.inf)
    assert ct.count(source, cal, method="pixels").events(0, 0).tolist() == [9, 10]  # an infinite charge is the largest
    assert ct.count(source, cal.with_threshold(xray=1000)).events(0, 0).tolist() == []  # one component with an X-ray in it


WAYS = {
    "cluster": ({}, ()),
    "peaks": ({"method": "peaks", "values": "charge", "upsample": 2}, ("--method", "peaks", "--values", "charge", "--upsample", 2)),
    "maximum": ({"method": "maximum", "backend": "reference"}, ("--method", "maximum")),
    "row_noise": ({"row_noise": "mean", "min_cluster_size": 2, "max_cluster_size": 9, "values": "size"},
                  ("--row-noise", "mean", "--min-cluster-size", 2, "--max-cluster-size", 9, "--values", "size")),
    "frame": ({"background": "frame", "threads": 1}, ("--background", "frame")),
    "live": ({"live": ["sum", "com", "virtual:annulus:3,9"], "live_centre": (20, 30), "pixel_mrad": 0.5, "scan_step_nm": 0.1, "wide_counts": True},
             ("--live", "sum,com,virtual:annulus:3,9", "--live-centre", "20,30", "--pixel-mrad", 0.5, "--scan-step", 0.1, "--wide-counts")),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_program_counts_the_same(raw: ct.Raw, cal: ct.Calibration, simulated: Simulated, tmp_path: pathlib.Path, way: str) -> None:
    options, flags = WAYS[way]
    run("count", simulated.raw, "--dark", simulated.dark, "-o", tmp_path / "theirs.h5", "--no-png", *flags)
    ours = ct.count(raw, cal, tmp_path / "ours.h5", **options)
    assert content(tmp_path / "ours.h5") == content(tmp_path / "theirs.h5") and ours.nnz > 200
    run("verify", tmp_path / "ours.h5")
    if "live" not in options:
        with ct.open(tmp_path / "theirs.h5") as theirs:
            inside = ct.count(raw, cal, **options)
            for name in ("indptr", "indices", "values"):
                expected = getattr(theirs, name)
                assert expected is None and inside.values is None or np.array_equal(getattr(inside, name), expected)
            np.testing.assert_array_equal(np.asarray(inside), np.asarray(theirs))
            np.testing.assert_array_equal(inside[2:5, 3], theirs[2:5, 3])


def test_a_scan_in_memory_reads_as_one_in_a_file(raw: ct.Raw, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    inside, stored = ct.count(raw, cal), ct.count(raw, cal, tmp_path / "counted.h5")
    assert (inside.shape, inside.nnz, inside.dtype) == (stored.shape, stored.nnz, stored.dtype)
    for where in ((0, 0), (11, 15), (-3, 4)):
        np.testing.assert_array_equal(inside.events(*where), stored.events(*where))
    np.testing.assert_array_equal(inside.sum(), stored.sum())
    inside.close()
    with pytest.raises(ValueError, match="is closed"):
        inside.events(0, 0)


def test_frames_that_never_arrived(simulated: Simulated, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    with pytest.warns(ct.CountemWarning, match="the last ones are missing"):
        sources = ct.open_raw(simulated.raw, scan=(13, 16)), ct.frames(simulated.array, scan=(13, 16))
    for source in sources:
        inside, stored = ct.count(source, cal), ct.count(source, cal, tmp_path / "counted.h5", overwrite=True)
        assert inside.shape == (13, 16, 48, 64)
        np.testing.assert_array_equal(inside.indptr, stored.indptr)
        assert inside.indptr[192] == inside.indptr[-1] > 0


def test_method_counts_needs_no_calibration() -> None:
    frames = np.zeros((2, 3, 4, 5), np.uint8)
    frames[1, 2, 3, 4], frames[1, 2, 0, 0] = 3, 1
    scan = ct.count(ct.frames(frames), method="counts")
    assert scan.events(1, 2).tolist() == [0, 19, 19, 19] and scan.nnz == 4
    masked = np.zeros((4, 5), bool)
    masked[3, 4] = True
    cal = ct.calibrate(ct.frames(frames), method="counts", mask=masked)
    assert ct.count(ct.frames(frames), cal).events(1, 2).tolist() == [0]


def test_thresholds_fit_the_method(raw: ct.Raw, cal: ct.Calibration, simulated: Simulated, tmp_path: pathlib.Path) -> None:
    peaks = ct.calibrate(raw, simulated.dark, method="peaks")
    np.testing.assert_array_equal(ct.count(raw, cal, method="peaks").indices, ct.count(raw, peaks).indices)
    np.testing.assert_array_equal(ct.count(raw, peaks, method="cluster").indices, ct.count(raw, cal).indices)
    assert ct.count(raw, cal.with_threshold(cal.background_adu)).nnz == ct.count(raw, cal).nnz
    for used, method in ((cal.with_threshold(9), "peaks"), (peaks.with_threshold(6), "cluster"), (None, "cluster")):
        with pytest.raises(ValueError, match="calibrate"):
            ct.count(raw, used, method=method)
    peaks.save(tmp_path / "cal.h5")
    assert ct.count(raw, tmp_path / "cal.h5").nnz == ct.count(raw, peaks).nnz
    run("calibrate", "--dark-only", "--dark", simulated.dark, "-o", tmp_path / "darks.h5")
    np.testing.assert_array_equal(ct.count(raw, tmp_path / "darks.h5", method="peaks").indices, ct.count(raw, peaks).indices)


def test_existing_files(raw: ct.Raw, cal: ct.Calibration, simulated: Simulated, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "counted.h5"
    first = ct.count(raw, cal, path).nnz
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="counted.h5: is there already; name another output or replace it with overwrite=True") as caught:
        ct.count(raw, cal.with_threshold(20), path)
    assert caught.value.errno == 17 and path.read_bytes() == before
    assert 0 < ct.count(raw, cal.with_threshold(20), path, overwrite=True).nnz < first
    with pytest.raises(ValueError, match="is one of the files to be read"):
        ct.count(raw, cal, simulated.raw, overwrite=True)
    with pytest.raises(OSError, match="no directory"):
        ct.count(raw, cal, tmp_path / "absent" / "counted.h5")


def test_refusals(raw: ct.Raw, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    for words, options in (("is no counting method: it is cluster", {"method": "x"}), ("is no backend", {"backend": "x"}), ("is no event value", {"values": "x"}),
                           ("is no row noise method", {"row_noise": "x"}), ("is no background method", {"background": "x"}), ("above 0", {"pixel_mrad": -1}),
                           ("counts into a file", {"live": ["sum"]}), ("counts into a file", {"resume": True}), ("nonsense", {"live": ["nonsense"]})):
        with pytest.raises(ValueError, match=words):
            ct.count(raw, cal, **options)
    with pytest.raises(ValueError, match="leave live out"):
        ct.count(raw, cal, tmp_path / "x.h5", live="sum", resume=True)
    small = ct.frames(np.zeros((2, 8, 10), np.uint16))
    with pytest.raises(ValueError, match="frames of 48 x 64 pixels, the frames have 8 x 10"):
        ct.count(small, cal)
    for call in (lambda: ct.count(np.zeros((2, 8, 10)), cal), lambda: ct.calibrate("scan"), lambda: ct.preview("scan", cal)):
        with pytest.raises(TypeError, match=r"is no raw frames: open files with open_raw\(\)"):
            call()
    with pytest.raises(TypeError, match="is no calibration"):
        ct.count(raw, 8)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("distributed") is not None, reason="distributed is installed")
def test_clusters_need_distributed(raw: ct.Raw, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ImportError, match=r'count\(\) needs distributed, which cannot be imported .*: install it with "pip install distributed"'):
        ct.count(raw, cal, tmp_path / "counted.h5", client="tcp://127.0.0.1:8786")
    with pytest.raises(ImportError, match=r"on\(\) needs distributed"):
        ct.count(raw, cal, tmp_path / "counted.h5").on("tcp://127.0.0.1:8786").sum()


def test_words_go_to_the_log_and_nothing_is_printed(raw: ct.Raw, cal: ct.Calibration, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "countem"), warnings.catch_warnings():
        warnings.simplefilter("error")
        scan = ct.count(raw, cal)
    assert f"{scan.nnz} events in 192 frames" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_progress(raw: ct.Raw, cal: ct.Calibration, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, int]] = []
    ct.count(raw, cal, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (192, 192) and seen == sorted(set(seen))
    ct.count(raw, cal, progress=True)
    assert "192" in capfd.readouterr().err  # a bar or a line


def test_other_threads_run_meanwhile(cal: ct.Calibration, simulated: Simulated) -> None:
    """The reference backend takes its time, in which a thread of Python wakes up again and again."""
    ticks, done = 0, threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.002):
            ticks += 1

    source = ct.frames(np.concatenate([simulated.array] * 16))
    thread = threading.Thread(target=tick)
    began = time.monotonic()
    thread.start()
    ct.count(source, cal, backend="reference", threads=1)
    spent = time.monotonic() - began
    done.set()
    thread.join()
    assert spent > 0.05 and ticks >= 10


def test_several_threads_count_at_once(raw: ct.Raw, cal: ct.Calibration, simulated: Simulated) -> None:
    expected = ct.count(raw, cal).indices
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(ct.count(ct.frames(simulated.array), cal).indices)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and all(np.array_equal(one, expected) for one in found)

"""Calibrations: the same as those of the program, and what can be done with them."""

import importlib.util
import math
import pathlib
import pickle

import h5py
import numpy as np
import pytest

import countem as ct
from conftest import run
from simulated import Simulated, simulate


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return simulate(tmp_path_factory.mktemp("calibration") / "sim")


@pytest.fixture(scope="module")
def raw(simulated: Simulated) -> ct.Raw:
    return ct.open_raw(simulated.raw)


@pytest.fixture(scope="module")
def cal(raw: ct.Raw, simulated: Simulated) -> ct.Calibration:
    return ct.calibrate(raw, dark=simulated.dark)


WAYS = {
    "plain": ({}, ()),
    "peaks": ({"method": "peaks"}, ("--method", "peaks")),
    "options": ({"background_sigma": 5, "samples": 7, "seed": 3, "xray_sigma": 50, "background": "frame"},
                ("--background-sigma", 5, "--samples", 7, "--seed", 3, "--xray-sigma", 50, "--background", "frame")),
    "false_events": ({"false_events": 0.5, "per_pixel": True}, ("--false-events", 0.5, "--per-pixel")),
    "given": ({"threshold": 9, "xray_threshold": math.inf}, ("--threshold", 9, "--xray-threshold", "inf")),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_program_makes_the_same(raw: ct.Raw, simulated: Simulated, tmp_path: pathlib.Path, way: str) -> None:
    options, flags = WAYS[way]
    run("calibrate", simulated.raw, "--dark", simulated.dark, "-o", tmp_path / "theirs.h5", *flags)
    ct.calibrate(raw, dark=simulated.dark, **options).save(tmp_path / "ours.h5")
    ours, theirs = ct.load_calibration(tmp_path / "ours.h5"), ct.load_calibration(tmp_path / "theirs.h5")
    assert ours == theirs and ours.score_adu == theirs.score_adu and ours.background_adu > 0


def test_references_may_be_paths_frames_or_arrays(raw: ct.Raw, simulated: Simulated, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    dark = np.load(simulated.dark)
    for given in ([simulated.dark], ct.open_raw(simulated.dark), dark, ct.frames(dark)):
        found = ct.calibrate(raw, dark=given)
        np.testing.assert_array_equal(found.dark, cal.dark)
        np.testing.assert_array_equal(found.mask, cal.mask)
        assert (found.background_adu, found.false_events) == (cal.background_adu, cal.false_events)
    rng = np.random.default_rng(1)
    gain, mask = rng.uniform(0.97, 1.03, (48, 64)), rng.random((48, 64)) < 0.01
    np.save(tmp_path / "gain.npy", gain)
    np.save(tmp_path / "mask.npy", mask)
    made = ct.calibrate(raw, dark, gain, mask=mask)
    np.testing.assert_array_equal(made.gain, gain.astype(np.float32))
    np.testing.assert_array_equal(made.mask & 8 != 0, mask)
    assert ct.calibrate(raw, dark, tmp_path / "gain.npy", mask=tmp_path / "mask.npy").background_adu == made.background_adu


def test_a_gain_reference_that_was_written_in_part(raw: ct.Raw, tmp_path: pathlib.Path) -> None:
    with h5py.File(tmp_path / "gain.h5", "w") as file:
        file.create_dataset("gain", raw.shape[-2:], np.float32, chunks=(1, raw.shape[-1]))[:4] = 1
    with pytest.raises(ValueError, match="gain.h5: the gain reference is not complete: .*1 were never written or only in part"):
        ct.calibrate(raw, gain=tmp_path / "gain.h5")


def test_the_folder_of_a_simulation(simulated: Simulated) -> None:
    folder = simulated.raw.parent
    with pytest.warns(ct.CountemWarning, match="dark.npy .darks by their names., truth.h5 .made by countem."):
        raw = ct.open_raw(folder)
    assert raw.files == [simulated.raw]
    with pytest.warns(ct.CountemWarning, match="data.npy .not named as darks."):
        made = ct.calibrate(raw, folder)
    np.testing.assert_array_equal(made.dark, ct.calibrate(raw, simulated.dark).dark)


def test_a_mean_dark(raw: ct.Raw, simulated: Simulated) -> None:
    mean = np.load(simulated.dark)[0].mean(axis=0)
    np.testing.assert_array_equal(ct.calibrate(raw, mean).dark, np.rint(16 * mean) / 16)  # rint: half to even, as the library's


def test_facts(cal: ct.Calibration, simulated: Simulated) -> None:
    darks = np.load(simulated.dark)[0]
    np.testing.assert_array_equal(cal.dark, np.rint(16 * darks.mean(axis=0)) / 16)
    edges, counts = cal.histogram
    assert len(edges) == len(counts) + 1 and np.all(np.diff(edges) > 0)
    assert 0.9 < counts.sum() / (40 * np.count_nonzero(cal.mask == 0)) <= 1  # what lies beyond the histogram is in no bin
    assert 1.5 < cal.noise_sigma_adu < 2.5  # readout noise 2 ADU
    assert abs(cal.noise_mean_adu) < 0.5 and cal.xray_adu > 100 and cal.score_adu is None and cal.gain is None
    assert 0 < cal.false_events < 20
    assert cal.method == "cluster" and "48 x 64" in repr(cal) and "<table>" in cal._repr_html_()


def test_without_darks_false_events_are_not_known(raw: ct.Raw) -> None:
    cal = ct.calibrate(raw, threshold=30, xray_threshold=500)
    assert cal.false_events is None and cal.dark is None and (cal.background_adu, cal.xray_adu) == (30, 500)


def test_other_thresholds(cal: ct.Calibration, raw: ct.Raw, simulated: Simulated, tmp_path: pathlib.Path) -> None:
    other = cal.with_threshold(background=12)
    assert (other.background_adu, other.xray_adu, cal.background_adu != 12) == (12, cal.xray_adu, True)
    assert other.false_events < cal.false_events
    assert math.isinf(cal.with_threshold(xray=math.inf).xray_adu)
    assert cal.with_threshold(cal.background_adu) == cal
    run("calibrate", simulated.raw, "--dark", simulated.dark, "--sweep", "4:8:1", "--json", "-o", tmp_path / "sweep.h5")
    for words, changed in (("not in", dict(background=-1)), ("not above the background", dict(xray=5)), ("score", dict(score=math.nan))):
        with pytest.raises(ValueError, match=words):
            cal.with_threshold(**changed)


def test_false_events_are_those_of_the_sweep(cal: ct.Calibration, simulated: Simulated, tmp_path: pathlib.Path) -> None:
    import json

    told = json.loads(run("calibrate", simulated.raw, "--dark", simulated.dark, "--sweep", "4:8:1", "--json", "-o", tmp_path / "sweep.h5"))
    assert len(told["sweep"]) == 5
    for one in told["sweep"]:
        assert cal.with_threshold(one["threshold_adu"]).false_events == pytest.approx(one["false_events_per_frame"])


def test_files(cal: ct.Calibration, raw: ct.Raw, tmp_path: pathlib.Path) -> None:
    for made in (cal, ct.calibrate(raw, method="peaks", background="frame"), cal.with_threshold(9)):  # without a file
        made.save(tmp_path / "made.h5", overwrite=True)
        again = pickle.loads(pickle.dumps(made._by_value()))
        assert again == ct.load_calibration(tmp_path / "made.h5") and (again.method, again._shift) == (made.method, made._shift)
    saved = cal.with_threshold(9)
    saved.save(tmp_path / "cal.h5")
    assert pickle.loads(pickle.dumps(saved)).background_adu == 9
    with pytest.raises(FileExistsError, match="cal.h5: is there already; .*overwrite=True"):
        cal.save(tmp_path / "cal.h5")
    cal.save(tmp_path / "cal.h5", overwrite=True)
    assert ct.load_calibration(tmp_path / "cal.h5").background_adu == cal.background_adu
    with pytest.raises(FileNotFoundError):
        ct.load_calibration(tmp_path / "absent.h5")
    with pytest.raises(ValueError):
        ct.load_calibration(pathlib.Path(__file__))


def test_a_calibration_of_darks_alone(raw: ct.Raw, simulated: Simulated, cal: ct.Calibration, tmp_path: pathlib.Path) -> None:
    run("calibrate", "--dark-only", "--dark", simulated.dark, "-o", tmp_path / "darks.h5")
    darks = ct.load_calibration(tmp_path / "darks.h5")
    assert ct.calibrate(raw, darks).background_adu == cal.background_adu
    assert "those of each scan" in repr(darks)
    with pytest.raises(ValueError, match="references alone"):
        darks.with_threshold(9)
    with pytest.raises(ValueError, match="has thresholds"):
        ct.calibrate(raw, cal)


def test_refusals(raw: ct.Raw, simulated: Simulated) -> None:
    flat = ct.frames(np.zeros((3, 48, 64), np.uint16))
    for words, frames, options in (("no noise to find thresholds from; give threshold and xray_threshold", flat, {}), ("detector of 48 x 64", raw, {"gain": np.ones((3, 3))}),
                                   ("8 x 10 pixels", raw, {"dark": np.zeros((2, 8, 10))}), ("is no counting method", raw, {"method": "x"}),
                                   ("is no background method", raw, {"background": "x"}), ("dark reference with dark", raw, {"false_events": 1}),
                                   ("give one of them", raw, {"false_events": 1, "threshold": 8}), ("at least one sample", raw, {"samples": 0}),
                                   ("uses nothing of a calibration but its mask", raw, {"method": "counts", "gain": np.ones((48, 64))}),
                                   ("masks every pixel", raw, {"mask": np.ones((48, 64))}), ("masks every pixel", raw, {"method": "counts", "mask": np.ones((48, 64), bool)}),
                                   ("all 3072 pixels are masked", raw, {"gain": np.eye(48, 64), "mask": np.eye(48, 64)})):
        with pytest.raises(ValueError, match=words):
            ct.calibrate(frames, **options)


def test_warnings_are_warned_of(simulated: Simulated, raw: ct.Raw) -> None:
    bright = simulated.array.reshape(-1, 48, 64)[:30]
    with pytest.warns(ct.CountemWarning, match="as where electrons hit: darks are frames without beam"):
        cal = ct.calibrate(raw, bright)
    assert any("electrons hit" in sentence for sentence in cal.warnings) and "electrons hit" in cal._repr_html_()


def test_plot(cal: ct.Calibration, raw: ct.Raw) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        with pytest.raises(ImportError, match="pip install matplotlib"):
            cal.plot()
        return
    import matplotlib

    matplotlib.use("Agg")
    axes = cal.plot().axes[0]
    assert axes.get_xlabel() == "charge (ADU)" and len(axes.get_legend().get_texts()) >= 3


def test_preview(raw: ct.Raw, cal: ct.Calibration, simulated: Simulated) -> None:
    others = [cal, cal.with_threshold(background=20), ct.calibrate(raw, simulated.dark, method="peaks")]
    results = ct.preview(raw, others, frames=15)
    for one, result in zip(others, results):
        counted = ct.count(raw, one)
        numbers = result.frames.astype(int)
        assert len(set(numbers)) == 15 and result.picture.shape == (48, 64) and result.calibration is one
        np.testing.assert_array_equal(result.events, np.diff(counted.indptr)[numbers])
        events = np.concatenate([counted.events(*divmod(number, 16)) for number in numbers])
        np.testing.assert_array_equal(result.picture, np.bincount(events, minlength=48 * 64).reshape(48, 64))
        assert result.events_per_frame == result.events.mean() > 1 and result.false_events_per_frame == one.false_events
    assert results[0].events_per_frame > results[1].events_per_frame
    assert np.array_equal(ct.preview(ct.frames(simulated.array), cal, frames=15)[0].picture, results[0].picture)
    for frames, used in ((0, cal), (3, ct.calibrate(ct.frames(np.zeros((2, 3, 4), "u2")), method="counts", mask=np.eye(3, 4)))):
        with pytest.raises(ValueError):
            ct.preview(raw, used, frames=frames)

"""Coincidence loss of simulated scans whose electrons are known: bright field against dark field, before and after the correction."""

import pathlib

import h5py
import numpy as np
import pytest

from program import Program

MIDDLE = 63.5
DISKS = {"bright": ("disk:21", 0, 21), "dark": ("annulus:28,60", 28, 60)}


def counted_shares(folder: pathlib.Path, kilovolts: int, occupancy: float, scan: int, method: str, *thresholds) -> tuple[dict, dict, dict, float, dict]:
    """Counts over electrons of the bright and of the dark field, plain and corrected; what was measured; the bright field's
    electrons per pixel and frame; electrons of both. `thresholds`: options, empty for automatic ones."""
    program = Program.find()
    program.run("simulate", folder / "sim", "--frame", "128x128", "--scan", f"{scan}x{scan}", "--occupancy", occupancy, "--kv", kilovolts, "--seed", 6,
                "--hot-pixels", 0, "--xrays", 0, "--dark-frames", 20, "--format", "npy", "--quiet")
    program.run("count", folder / "sim/data.npy", "--dark", folder / "sim/dark.npy", "--scan", f"{scan}x{scan}", "--method", method, *thresholds, "-o", folder / "counted.h5", "--no-png", "--quiet")
    told = program.run("reduce", folder / "counted.h5", "-o", folder / "reduced.h5", "--quiet", "--json", "--coincidence", "--centre",
                       f"{MIDDLE},{MIDDLE}", "--virtual", *(disk[0] for disk in DISKS.values()))
    with h5py.File(folder / "sim/truth.h5") as file:
        places = np.hypot(file["electrons/rows"][...] - MIDDLE, file["electrons/columns"][...] - MIDDLE)
    plain, corrected, electrons = {}, {}, {}
    with h5py.File(folder / "reduced.h5") as file:
        images = file["reductions"]
        for number, (name, (_, inner, outer)) in enumerate(DISKS.items()):
            electrons[name] = np.count_nonzero((places >= inner) & (places < outer))
            plain[name] = images[f"virtual_{number}"][...].sum() / electrons[name]
            corrected[name] = images[f"virtual_{number}_corrected"][...].sum() / electrons[name]
            assert images[f"virtual_{number}_corrected"].attrs["dead_area"] == told["coincidence"]["dead_area"]
    return plain, corrected, told["coincidence"], electrons["bright"] / (np.pi * 21**2 * scan**2), electrons


@pytest.mark.parametrize("method", ["cluster", "maximum"])
def test_bright_against_dark_field(tmp_path: pathlib.Path, method: str) -> None:
    # 4.75 sigma: false events are .3 % of the few electrons of the dark field.
    plain, corrected, measured, rate, _ = counted_shares(tmp_path, 300, 0.0022, 64, method, "--threshold", 9.5, "--xray-threshold", 2000)
    before, after = plain["bright"] / plain["dark"], corrected["bright"] / corrected["dark"]
    print(f"{method}: {100 * rate:.2f} % of the pixels, dead area {measured['dead_area']:.1f} +- {measured['dead_area_error']:.1f}, "
          f"bright over dark field {before:.3f}, corrected {after:.3f}")
    assert rate > 0.01
    assert before < 0.965
    assert 0.985 < after < 1.02
    assert measured["found"]
    assert abs(measured["dead_area"] - (12 if method == "cluster" else 9.5)) < 1.5 + 2 * measured["dead_area_error"]
    assert [entry["positions_beyond"] for entry in measured["lost_shares"][1:2]] == [0]


@pytest.mark.parametrize("method", ["cluster", "peaks"])
def test_automatic_thresholds_let_noise_through_that_is_subtracted(tmp_path: pathlib.Path, method: str) -> None:
    plain, corrected, measured, rate, electrons = counted_shares(tmp_path, 300, 0.0007, 64, method)
    before, after = plain["bright"] / plain["dark"], corrected["bright"] / corrected["dark"]
    noise = measured["lost_shares"][1]
    uncertainty = np.hypot(noise["false_events_error"], np.sqrt(2 * plain["dark"] * electrons["dark"])) / electrons["dark"]
    print(f"{method}: {100 * rate:.2f} % of the pixels, bright over dark field {before:.3f}, corrected {after:.3f} +- {uncertainty:.3f}, "
          f"{noise['false_events']:.0f} +- {noise['false_events_error']:.0f} false events")
    assert measured["false_events_known"]
    assert before < 0.975
    assert uncertainty < 0.03
    assert abs(after - 1.009) < 0.011 + 2 * uncertainty  # .998 to 1.02 where it is known

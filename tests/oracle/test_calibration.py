"""The calibration file of `countem calibrate` against numpy on the same raw sectors and scipy's least squares on its histogram."""

import os
import pathlib
import subprocess

import h5py
import numpy as np
import pytest
from scipy.optimize import curve_fit

SECTOR = np.dtype([("scan", "<u4"), ("frame", "<u4"), ("size", "<u2", 2), ("position", "<u2", 2), ("pixels", "<u2", (144, 576))])


def countem(*arguments: str | pathlib.Path) -> None:
    subprocess.run([os.environ["COUNTEM"], *map(str, arguments)], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def raw_frames(folder: pathlib.Path, kind: str) -> np.ndarray:
    """All frames in the order of their numbers, put together from the four sectors."""
    sectors = []
    for module in range(4):
        records = np.concatenate([np.fromfile(path, SECTOR) for path in sorted(folder.glob(f"{kind}_*module{module}*.data"))])
        sectors.append(records[np.argsort(records["frame"], kind="stable")]["pixels"])
    return np.concatenate(sectors, axis=1)


def gaussian(x: np.ndarray, height: float, centre: float, sigma: float) -> np.ndarray:
    return height * np.exp(-((x - centre) ** 2) / (2 * sigma**2))


def fitted(histogram: np.ndarray, centres: np.ndarray, mean: float, left: float, right: float) -> tuple[float, float]:
    """Mean and sigma of a Gaussian by least squares, over the bins `left` sigmas to `right` sigmas around the mean of the noise."""
    inside = (centres > mean + left * 2) & (centres < mean + right * 2)
    found, _ = curve_fit(gaussian, centres[inside], histogram[inside], p0=(histogram.max(), mean, 2.0))
    return float(found[1]), abs(float(found[2]))


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("scan")
    countem("simulate", folder, "--scan", "6x4", "--occupancy", "0.002", "--dark-frames", "20", "--seed", "9")
    return folder


@pytest.fixture(scope="module")
def calibration(scan: pathlib.Path) -> pathlib.Path:
    path = scan / "calibration.h5"
    countem("calibrate", *sorted(scan.glob("data_*")), "--dark", *sorted(scan.glob("dark_*")), "-o", path, "--samples", "8", "--seed", "3")
    return path


def test_dark_reference(scan: pathlib.Path, calibration: pathlib.Path) -> None:
    darks = raw_frames(scan, "dark").astype(np.float64)
    with h5py.File(calibration) as file:
        stored = file["calibration"]
        assert stored.attrs["dark_frames"] == len(darks) == 20
        np.testing.assert_array_equal(stored["dark16"], np.rint(16 * darks.mean(axis=0)))
        np.testing.assert_allclose(stored["dark_sigma_adu"], darks.std(axis=0, ddof=1), rtol=1e-6)


def sampled_charges(scan: pathlib.Path, stored: h5py.Group) -> np.ndarray:
    frames = raw_frames(scan, "data")[stored["fit/frames"][:]].astype(np.int64)
    charges = 16 * frames - stored["dark16"][:]
    return charges[:, stored["mask"][:] == 0]


def test_statistics_and_histogram_of_the_sample(scan: pathlib.Path, calibration: pathlib.Path) -> None:
    with h5py.File(calibration) as file:
        stored = file["calibration"]
        fit = stored["fit"].attrs
        charges = sampled_charges(scan, stored)
        assert fit["sample_mean_adu"] == pytest.approx(charges.mean() / 16, rel=1e-9)
        assert fit["sample_sigma_adu"] == pytest.approx(charges.std(ddof=1) / 16, rel=1e-9)
        assert (fit["sample_min_adu"], fit["sample_max_adu"]) == (charges.min() / 16, charges.max() / 16)
        histogram = stored["fit/histogram"][:]
        first, step = (int(16 * fit[name]) for name in ("histogram_first_adu", "histogram_step_adu"))
        expected, _ = np.histogram(charges, first + step * np.arange(len(histogram) + 1) - 0.5)
        np.testing.assert_array_equal(histogram, expected)
        xray = fit["sample_mean_adu"] + fit["xray_sigmas"] * fit["sample_sigma_adu"]
        assert stored.attrs["xray16"] == np.ceil(16 * xray)


def test_noise_peak_and_threshold(scan: pathlib.Path, calibration: pathlib.Path) -> None:
    with h5py.File(calibration) as file:
        stored = file["calibration"]
        fit = stored["fit"].attrs
        charges = sampled_charges(scan, stored)
        # Fine bins, and only the side of the peak that electrons leave alone.
        counts = np.bincount((charges + 160)[(charges >= -160) & (charges < 160)])
        mean, sigma = fitted(counts, np.arange(len(counts)) / 16 - 10, 0.0, -4, 0.5)
        assert fit["mean_adu"] == pytest.approx(mean, abs=0.05)
        assert fit["sigma_adu"] == pytest.approx(sigma, rel=0.02)
        threshold = fit["mean_adu"] + fit["background_sigmas"] * fit["sigma_adu"]
        assert stored.attrs["background16"] == np.floor(16 * threshold)

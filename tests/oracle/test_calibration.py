"""The calibration file of `countem calibrate` against numpy and scipy on the same raw sectors, and its thresholds against stempy's."""

import fractions
import pathlib

import h5py
import numpy as np
import pytest
import stempy.image
import stempy.io
from scipy.optimize import curve_fit

import random_cases
import sector_files
import semantics
from program import Program


def raw_frames(folder: pathlib.Path, kind: str) -> np.ndarray:
    return sector_files.read(sorted(folder.glob(f"{kind}_*module*.data")))


def gaussian(x: np.ndarray, height: float, centre: float, sigma: float) -> np.ndarray:
    return height * np.exp(-((x - centre) ** 2) / (2 * sigma**2))


def fitted(histogram: np.ndarray, centres: np.ndarray, mean: float, left: float, right: float) -> tuple[float, float]:
    """Mean and sigma of a Gaussian by least squares, over the bins `left` sigmas to `right` sigmas around the mean of the noise."""
    inside = (centres > mean + left * 2) & (centres < mean + right * 2)
    found, _ = curve_fit(gaussian, centres[inside], histogram[inside], p0=(histogram.max(), mean, 2.0))
    return float(found[1]), abs(float(found[2]))


@pytest.fixture(scope="module")
def scan(program: Program, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("scan")
    program.run("simulate", folder, "--scan", "6x4", "--occupancy", "0.002", "--dark-frames", "20", "--seed", "9")
    return folder


@pytest.fixture(scope="module")
def calibration(program: Program, scan: pathlib.Path) -> pathlib.Path:
    path = scan / "calibration.h5"
    program.run("calibrate", *sorted(scan.glob("data_*")), "--dark", *sorted(scan.glob("dark_*")), "-o", path, "--samples", "8", "--seed", "3",
                "--background-sigma", "4.5")
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


def statistic(charges: np.ndarray, usable: np.ndarray, method: str, candidate16: int, xray16: int) -> np.ndarray:
    """What the method's thresholds are found from, of all frames, sorted."""
    if method == "pixels":
        return np.sort(charges[:, usable].ravel())
    values = []
    for frame in charges:
        peak = semantics.peak_pixels(frame, usable, usable & (frame > candidate16)) & (frame < xray16)
        values.append((semantics.peak_scores(frame, usable) if method == "peaks" else frame)[peak])
    return np.sort(np.concatenate(values))


@pytest.mark.parametrize("method", ["cluster", "maximum", "pixels", "peaks"])
@pytest.mark.parametrize("choice", [("--background-sigma", "auto"), ("--false-events", 20)])
def test_threshold_by_mirrored_charges(program: Program, scan: pathlib.Path, tmp_path: pathlib.Path, choice: tuple, method: str) -> None:
    path = tmp_path / "mirrored.h5"
    program.run("calibrate", *sorted(scan.glob("data_*")), "--dark", *sorted(scan.glob("dark_*")), "-o", path, *choice, "--method", method)
    with h5py.File(path) as file:
        stored = file["calibration"]
        fit = stored["fit"].attrs
        mean16, sigma16 = 16 * fit["mean_adu"], 16 * fit["sigma_adu"]
        usable = stored["mask"][:] == 0
        charges = 16 * raw_frames(scan, "data")[stored["fit/frames"][:]].astype(np.int64) - stored["dark16"][:]
        scores = method == "peaks"
        candidate16 = stored.attrs["background16"] if scores else int(mean16 + 2 * sigma16)
        if scores:
            assert candidate16 == int(mean16 + 3 * sigma16)
        found_values, noise_values = (statistic(image, usable, method, candidate16, stored.attrs["xray16"]) for image in
                                      (charges, round(2 * mean16) - charges))
        automatic = choice[1] == "auto"
        level = 6 * mean16 if scores else mean16
        lowest = int(np.ceil(level + 3 * sigma16)) if automatic else 0 if scores else round(mean16) if method == "pixels" else candidate16
        thresholds = np.arange(max(0, lowest), 2500)
        found = len(found_values) - np.searchsorted(found_values, thresholds, side="right")
        noise = len(noise_values) - np.searchsorted(noise_values, thresholds, side="right")
        if automatic:
            signal = [fractions.Fraction(int(p - n) ** 2, int(p)) if p > n else -1 for p, n in zip(found, noise, strict=True)]
            expected = max(range(len(signal)), key=lambda i: (signal[i], i))
        else:
            expected = int(np.argmax(noise <= 20 * len(stored["fit/frames"])))
        assert stored.attrs["score16" if scores else "background16"] == thresholds[expected]
        assert fit["false_hits_per_frame"] == pytest.approx(noise[expected] / len(stored["fit/frames"]))
        assert fit["false_hits_share"] == pytest.approx(noise[expected] / found[expected])
        assert fit["background_sigmas"] == pytest.approx((thresholds[expected] - level) / ((3 if scores else 1) * sigma16))
        first16, step16 = (round(16 * fit[name]) for name in ("curve_first_adu", "curve_step_adu"))
        at = first16 + step16 * np.arange(len(stored["fit/charges_beyond"]))
        np.testing.assert_array_equal(stored["fit/charges_beyond"], len(found_values) - np.searchsorted(found_values, at, side="right"))
        np.testing.assert_array_equal(stored["fit/mirrored_beyond"], len(noise_values) - np.searchsorted(noise_values, at, side="right"))


# Without a dark reference and with few electrons a plain fit of the noise peak is right, and a robust one has to agree with it.
PLAIN_SCAN = (3, 4)
BACKGROUND_SIGMAS = 4.5
XRAY_SIGMAS = 100


@pytest.fixture(scope="module")
def plain_frames() -> np.ndarray:
    rng = np.random.default_rng(4)
    drawn = [random_cases.electrons(rng, sector_files.FRAME, 0.0005) for _ in range(PLAIN_SCAN[0] * PLAIN_SCAN[1])]
    return np.rint(np.clip(drawn, 0, 65535)).astype(np.uint16)


@pytest.fixture(scope="module")
def plain_files(plain_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    return sector_files.write(tmp_path_factory.mktemp("plain") / "dump", plain_frames, PLAIN_SCAN)


@pytest.fixture(scope="module")
def plain_thresholds(program: Program, plain_files: list[pathlib.Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[float, float]:
    """Background and X-ray threshold in ADU, from all frames."""
    path = tmp_path_factory.mktemp("fitted") / "calibration.h5"
    program.run("calibrate", *plain_files, "-o", path, "--samples", PLAIN_SCAN[0] * PLAIN_SCAN[1],
                "--background-sigma", BACKGROUND_SIGMAS, "--xray-sigma", XRAY_SIGMAS)
    with h5py.File(path) as file:
        thresholds = file["calibration"].attrs
        return float(thresholds["background_threshold_adu"]), float(thresholds["xray_threshold_adu"])


def test_plain_fit_of_a_histogram_of_width_1(plain_frames: np.ndarray, plain_thresholds: tuple[float, float]) -> None:
    values, counts = np.unique(plain_frames, return_counts=True)
    (_, mean, sigma), _ = curve_fit(gaussian, values.astype(float), counts.astype(float), p0=(counts.max(), values[counts.argmax()], 1))
    assert plain_thresholds[0] == pytest.approx(mean + BACKGROUND_SIGMAS * abs(sigma), abs=0.1)


def test_stempy_thresholds(plain_files: list[pathlib.Path], plain_thresholds: tuple[float, float]) -> None:
    reader = stempy.io.reader([str(file) for file in plain_files], stempy.io.FileVersion.VERSION5, backend="multi-pass")
    counted = stempy.image.electron_count(reader, np.zeros(sector_files.FRAME, np.float32), number_of_samples=12,
                                          background_threshold_n_sigma=BACKGROUND_SIGMAS, xray_threshold_n_sigma=XRAY_SIGMAS,
                                          scan_dimensions=PLAIN_SCAN[::-1])
    theirs = counted.metadata["electron_counting"]
    assert plain_thresholds[0] == pytest.approx(theirs["background_threshold"], abs=0.1)
    # It draws frames with repetition, so that its sample is not quite ours.
    assert plain_thresholds[1] == pytest.approx(theirs["x_ray_threshold"], rel=0.05)

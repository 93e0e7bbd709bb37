"""`countem compare` against numpy: DQE, MTF and NPS as docs/counting_quality.md defines them, from the store and the truth file alone."""

import pathlib

import h5py
import numpy as np
import pytest

from program import Program

SCAN = (3, 8)
GROUPS = 16
STEPS = 32


def sums(rows: np.ndarray, columns: np.ndarray, numbers: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Fourier sums of particles at pairs of numbers (along the rows, along the columns)."""
    turns = np.outer(numbers[:, 0], rows) / shape[0] + np.outer(numbers[:, 1], columns) / shape[1]
    return np.exp(-2j * np.pi * turns).sum(axis=1)


def band(length: int) -> int:
    return max(1, min(length // 50, 12))


def low_numbers(shape: tuple[int, int]) -> np.ndarray:
    """Half of the disc of the lowest frequencies, and those next to 0."""
    found = [(p, r) for p in range(band(shape[0]) + 1) for r in range(-band(shape[1]), band(shape[1]) + 1)
             if (p > 0 or r > 0) and (p + abs(r) == 1 or (50 * p / shape[0]) ** 2 + (50 * r / shape[1]) ** 2 <= 1)]
    return np.array(found)


def number(step: int, length: int) -> int:
    return max(1, int(np.floor(step * length / (2 * STEPS) + 0.5)))


def numbers_of(step: int, shape: tuple[int, int]) -> list[np.ndarray]:
    """The sets of numbers whose means are a point of the spectrum."""
    if step == 0:
        return [low_numbers(shape)]
    along_rows = [(number(step, shape[0]), across) for across in range(-band(shape[1]), band(shape[1]) + 1)]
    along_columns = [(across, number(step, shape[1])) for across in range(-band(shape[0]), band(shape[0]) + 1)]
    return [np.array(along_rows), np.array(along_columns)]


class Frames:
    """Electrons and events of the frames that are used, as they stand in the files."""

    def __init__(self, store: pathlib.Path, truth: pathlib.Path, upsample: int, most: int) -> None:
        with h5py.File(truth) as file:
            self.shape = (int(file.attrs["frame_height"]), int(file.attrs["frame_width"]))
            indptr = file["electrons/indptr"][...].astype(np.int64)
            places = [file["electrons/" + name][...].astype(np.float64) for name in ("rows", "columns")]
        self.electrons = [[axis[first:end] for axis in places] for first, end in zip(indptr[:-1], indptr[1:], strict=True)]
        with h5py.File(store) as file:
            data = file["/electron_counts/data"][...]
        data = data.reshape(-1, *data.shape[-2:])
        self.events = []
        for frame in data:
            cells = np.repeat(np.argwhere(frame), frame[frame > 0], axis=0)
            self.events.append([(cells[:, axis] + 0.5) / upsample - 0.5 for axis in (0, 1)])
        frames = len(data)
        most = min(most, frames)
        self.used = [(n, n * most // frames) for n in range(frames) if (n + 1) * most // frames > n * most // frames]

    def spectrum(self, left_out: int | None = None) -> dict:
        """Every quantity at 33 frequencies, without one group of frames."""
        used = [n for n, order in self.used if order % GROUPS != left_out]
        electrons = sum(len(self.electrons[n][0]) for n in used) / len(used)
        events = sum(len(self.events[n][0]) for n in used) / len(used)
        points = []
        for step in range(STEPS + 1):
            transfers, noises = [], []
            for numbers in numbers_of(step, self.shape):
                true, counted = (np.array([sums(*of[n], numbers, self.shape) for n in used]) for of in (self.electrons, self.events))
                transfer = (counted * true.conj()).sum() / (np.abs(true) ** 2).sum()
                transfers.append(abs(transfer))
                noises.append((np.abs(counted - transfer * true) ** 2).mean() / electrons)
            points.append((np.mean(transfers), np.mean(noises)))
        transfer, noise = np.array(points).T
        return {"dqe": transfer**2 / (transfer**2 + noise), "mtf": transfer / transfer[0], "noise": noise,
                "nps": (transfer**2 + noise) * electrons / events, "gain": transfer[0]}

    def errors(self) -> np.ndarray:
        groups = sorted({order % GROUPS for _, order in self.used})
        without = np.array([self.spectrum(group)["dqe"] for group in groups])
        return np.sqrt((len(groups) - 1) * without.var(axis=0))


@pytest.fixture(scope="module")
def scan(program: Program, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("compared")
    program.run("simulate", folder, "--scan", f"{SCAN[1]}x{SCAN[0]}", "--frame", "60x108", "--occupancy", "0.01", "--dark-frames", "20",
                "--seed", "4", "--hot-pixels", "0", "--format", "npy")
    return folder


@pytest.mark.parametrize(("upsample", "most"), [(1, 0), (3, 0), (1, 11)])
def test_spectrum(program: Program, scan: pathlib.Path, tmp_path: pathlib.Path, upsample: int, most: int) -> None:
    store = tmp_path / "counted.h5"
    frames = [file for file in scan.glob("*.npy") if "dark" not in file.name]
    program.run("count", *frames, "--dark", *scan.glob("dark*.npy"), "-o", store, "--no-png", "--upsample", upsample)
    found = program.run("compare", store, scan / "truth.h5", "--json", "--spectrum-frames", most)
    wanted = Frames(store, scan / "truth.h5", upsample, most or 10**9)
    assert found["spectrum_frames"] == len(wanted.used) == (most or SCAN[0] * SCAN[1])
    expected = wanted.spectrum()
    expected["dqe_error"] = wanted.errors()
    for name in ("dqe", "mtf", "nps", "noise", "dqe_error"):
        np.testing.assert_allclose(found["spectrum"][name], expected[name], rtol=1e-9, err_msg=name)
        assert [found[name][at] for at in ("zero", "half", "full")] == [found["spectrum"][name][step] for step in (0, 16, 32)]
    assert found["gain"] == pytest.approx(expected["gain"], rel=1e-9)
    assert found["fano_factor"] == found["nps"]["zero"]
    frequencies = [0] + [sum(number(step, length) / length for length in wanted.shape) for step in range(1, STEPS + 1)]
    np.testing.assert_allclose(found["spectrum"]["frequency"], frequencies, rtol=1e-12)


def test_another_count_as_truth(program: Program, scan: pathlib.Path, tmp_path: pathlib.Path) -> None:
    frames = [file for file in scan.glob("*.npy") if "dark" not in file.name]
    stores = [tmp_path / "cluster.h5", tmp_path / "maximum.h5"]
    for store in stores:
        program.run("count", *frames, "--dark", *scan.glob("dark*.npy"), "-o", store, "--no-png", "--method", store.stem)
    same = program.run("compare", stores[0], stores[0], "--json")
    np.testing.assert_allclose(same["spectrum"]["dqe"], 1, rtol=1e-12)
    one, other = (program.run("compare", *pair, "--json") for pair in (stores, stores[::-1]))
    assert one["truth_kind"] == "event store"
    # Both are the squared coherence where E E* is as large as the number of events, which it is within statistics.
    np.testing.assert_allclose(one["spectrum"]["dqe"], other["spectrum"]["dqe"], atol=0.1)
    assert max(one["spectrum"]["dqe"]) < 1

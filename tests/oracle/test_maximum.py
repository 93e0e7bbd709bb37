"""Method maximum against stempy, index for index, without a dark reference."""

import pathlib

import numpy as np
import pytest
import stempy.image
import stempy.io

import random_cases
import sector_files
import semantics
from abi import Library
from program import Program


def busy_frames(rng: np.random.Generator, count: int) -> np.ndarray:
    """Electrons, ties, events along every border and along the seams between sectors, and X-rays."""
    frames = np.empty((count, *sector_files.FRAME), np.uint16)
    for frame in frames:
        drawn = random_cases.electrons(rng, sector_files.FRAME, 0.01)
        along = rng.integers(0, 576, 100)
        for line in (drawn[0], drawn[575], drawn[:, 0], drawn[:, 575], drawn[143], drawn[144]):
            line[along] += 40
        drawn[rng.integers(0, 576, 4), rng.integers(0, 576, 4)] = 60000
        frame[:] = np.rint(np.clip(drawn, 0, 65535))
    return frames


@pytest.mark.parametrize("background, xray", [(31.5, 3000.0), (32.0, 60.0), (0.0, 70000.0), (33.3333, 59.9999), (30.0625, 100.0)])
def test_frames(library: Library, backends: list[str], background: float, xray: float) -> None:
    frames = busy_frames(np.random.default_rng(1), 3)
    wanted = [stempy.image.electron_count_frame(frame, background_threshold=background, xray_threshold=xray).data[0, 0] for frame in frames]
    assert sum(len(events) for events in wanted) > 1000
    setup = semantics.Setup(background16=int(np.floor(16 * background)), xray16=int(np.ceil(16 * xray)), method="maximum")
    for backend in backends:
        for counted, events in zip(library.count(backend, setup, frames, np.full(3, 15)), wanted):
            np.testing.assert_array_equal(counted.indices, events, backend)


def test_sector_files(program: Program, tmp_path: pathlib.Path) -> None:
    """The whole way: both programs read the same files, and ours takes the thresholds that stempy fitted."""
    scan = (3, 5)
    rng = np.random.default_rng(2)
    frames = busy_frames(rng, 15)
    files = sector_files.write(tmp_path / "dump", frames, scan, order=rng.permutation(15))
    reader = stempy.io.reader([str(file) for file in files], stempy.io.FileVersion.VERSION5, backend="multi-pass")
    counted = stempy.image.electron_count(reader, np.zeros(sector_files.FRAME, np.float32), number_of_samples=15,
                                          background_threshold_n_sigma=4.5, xray_threshold_n_sigma=100, scan_dimensions=scan[::-1])
    fitted = counted.metadata["electron_counting"]

    store = tmp_path / "counted.h5"
    program.run("count", *files, "-o", store, "--method", "maximum", "--threshold", repr(fitted["background_threshold"]),
                "--xray-threshold", repr(fitted["x_ray_threshold"]))
    dense = program.dense(store)
    assert dense.shape == (*scan, *sector_files.FRAME)
    for number, ours in enumerate(dense.reshape(15, -1)):
        np.testing.assert_array_equal(np.flatnonzero(ours), counted.data[number, 0], f"frame {number}")
        assert ours.max() == 1


def test_reader_of_simulated_files(program: Program, tmp_path: pathlib.Path) -> None:
    """stempy reads the frames that simulate wrote as a reader made from the format's description does."""
    program.run("simulate", tmp_path / "scan", "--scan", "4x3", "--occupancy", "0.01", "--seed", "5")
    files = sorted((tmp_path / "scan").glob("*module*.data"))
    assert len(files) == 4
    wanted = sector_files.read(files)
    assert wanted.shape == (12, *sector_files.FRAME) and wanted.std() > 1
    seen = []
    for block in stempy.io.reader([str(file) for file in files], stempy.io.FileVersion.VERSION5):
        for number, frame in zip(block.header.image_numbers, block.data):
            np.testing.assert_array_equal(frame, wanted[number])
            seen.append(number)
    assert sorted(seen) == list(range(12))

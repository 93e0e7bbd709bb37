"""The beam that countem reduce finds against py4DSTEM's get_probe_size and the centre of mass, on whole disks without background, where
all of them are right."""

import pathlib

import h5py
import numpy as np
import pytest
import scipy.ndimage
from py4DSTEM.process.calibration import get_probe_size

from program import Program


def disk(seed: int, shape: tuple[int, int], centre: tuple[float, float], radius: float, electrons: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    away, angle = radius * np.sqrt(random.random(electrons)), 2 * np.pi * random.random(electrons)
    rows, columns = np.floor(centre[0] + away * np.sin(angle) + 0.5), np.floor(centre[1] + away * np.cos(angle) + 0.5)
    pattern = np.zeros(shape, np.uint16)
    np.add.at(pattern, (rows.astype(int), columns.astype(int)), 1)
    return pattern


@pytest.mark.parametrize(("shape", "radius", "electrons"), [((192, 192), 20.0, 500_000), ((256, 200), 45.0, 1_000_000), ((576, 576), 60.0, 1_000_000)])
def test_whole_disks(tmp_path: pathlib.Path, shape: tuple[int, int], radius: float, electrons: int) -> None:
    centre = (shape[0] / 2 + 7.3, shape[1] / 2 - 5.6)
    pattern = disk(3, shape, centre, radius, electrons)
    np.save(tmp_path / "frames.npy", pattern[None])
    program = Program.find()
    program.run("count", tmp_path / "frames.npy", "-o", tmp_path / "counted.h5", "--method", "counts", "--no-png", "--wide-counts", "--quiet")
    told = program.run("reduce", tmp_path / "counted.h5", "-o", tmp_path / "reduced.h5", "--virtual", f"disk:{radius}", "--json", "--quiet")["centre"]
    # What is above half of the level of single electrons: many electrons a pixel make their threshold sharp.
    other_radius, other_row, other_column = get_probe_size(pattern.astype(float), thresh_lower=0.2, thresh_upper=0.5)
    assert abs(told["row"] - other_row) < 0.15
    assert abs(told["column"] - other_column) < 0.15
    assert abs(told["radius"] - other_radius) < 0.3
    mass = scipy.ndimage.center_of_mass(pattern)
    error = radius / 2 / np.sqrt(electrons)  # of the centre of mass, in a coordinate
    assert abs(told["row"] - mass[0]) < 5 * np.hypot(error, told["row_error"])
    assert abs(told["column"] - mass[1]) < 5 * np.hypot(error, told["column_error"])
    assert abs(told["row"] - centre[0]) < 5 * told["row_error"]
    assert abs(told["radius"] - radius) < 5 * told["radius_error"]
    with h5py.File(tmp_path / "reduced.h5") as file:
        kept = file["reductions/virtual_0"].attrs
        assert kept["centre_row"] == told["row"] and kept["centre_column_error"] == told["column_error"]
        assert kept["beam_radius"] == told["radius"] and kept["beam_electrons"] == told["electrons"]
        assert kept["centre_from"] == "found in the summed pattern"

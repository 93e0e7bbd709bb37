"""The peer that counts with CuPy's label (bench/gpu/peers), on numpy and scipy, whose functions CuPy has by the same names."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from program import Program
from scipy import ndimage

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "gpu" / "peers"))
import cupy_label  # noqa: E402


@pytest.mark.parametrize("occupancy", [0.0001, 0.01, 0.05])
def test_events_are_those_of_countem(tmp_path, occupancy):
    program = Program.find().executable
    subprocess.run([program, "simulate", tmp_path / "scan", "--scan", "6x1", "--occupancy", str(occupancy), "--seed", "2", "--format", "raw", "--quiet"],
                   check=True)
    frames, expected = cupy_label.counted_by_countem(program, tmp_path / "scan" / "data.raw", tmp_path)
    assert len(expected) > 0
    found = cupy_label.count(np, ndimage.label, frames, cupy_label.THRESHOLD_ADU, cupy_label.XRAY_ADU)
    assert np.array_equal(found, expected)


def test_an_xray_takes_its_component_and_no_other():
    frames = np.zeros((2, 8, 8), np.uint16)
    frames[0, 2, 2:4] = 400, 40
    frames[0, 6, 6] = 40
    frames[1, 0, 0:2] = 40, 120
    assert cupy_label.count(np, ndimage.label, frames, 31.5, 350).tolist() == [6 * 8 + 6, 64 + 1]


def test_without_cupy_there_is_a_sentence_and_a_code():
    told = subprocess.run([sys.executable, cupy_label.__file__, "--countem", "nowhere"], capture_output=True, text=True)
    assert told.returncode == 77
    assert told.stderr.startswith("cupy_label: not run: ")

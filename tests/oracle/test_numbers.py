"""Files that h5py and NumPy write with other types than ours: each number is taken as it is, or named and refused."""

import json
import pathlib
import subprocess

import h5py
import numpy as np
import pytest

from program import Program

POINTERS, INDICES, VALUES = [0, 2, 3], [1, 5, 0], [1, 2, 1]


def write_csr(path: pathlib.Path, pointers: object, indices: object, values: object, **attributes: object) -> None:
    """A binsparse matrix of 2 frames of 2 x 3 pixels."""
    with h5py.File(path, "w") as file:
        file["pointers_to_1"], file["indices_1"], file["values"] = pointers, indices, values
        file.attrs["binsparse"] = json.dumps({"binsparse": {"format": "CSR"}})
        shape = {"height": 2, "width": 3, "scan_height": 1, "scan_width": 2, "frames_per_position": 1}
        for name, value in {**shape, **attributes}.items():
            file.attrs[name] = value


def refusal(program: Program, *arguments: object) -> str:
    done = subprocess.run([program.executable, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["i1", "u1", "<i2", ">u2", ">i4", "<u4", "<i8", ">u8", "<f2", "<f4", ">f8"])
def test_whole_numbers_of_any_type(program: Program, tmp_path: pathlib.Path, kind: str) -> None:
    write_csr(tmp_path / "in.h5", *(np.array(numbers, kind) for numbers in (POINTERS, INDICES, VALUES)), height=np.array(2, kind))
    program.run("convert", tmp_path / "in.h5", "-o", tmp_path / "out.h5", "--to", "store")
    expected = np.zeros((1, 2, 2, 3), "u1")
    expected[0, 0].flat[1], expected[0, 0].flat[5], expected[0, 1].flat[0] = 1, 2, 1
    assert np.array_equal(program.dense(tmp_path / "out.h5"), expected)


def test_truth_values_are_numbers_of_events(program: Program, tmp_path: pathlib.Path) -> None:
    write_csr(tmp_path / "in.h5", POINTERS, INDICES, np.array([True, False, True]))
    assert program.run("convert", tmp_path / "in.h5", "-o", tmp_path / "out.h5", "--to", "store", "--json")["events"] == 2


@pytest.mark.parametrize(("name", "numbers", "words"), [
    ("indices_1", np.array([1, -1, 0], "i4"), "indices_1: element 1 is -1; expected 0 to 5"),
    ("indices_1", np.array([1, 6, 0], "u4"), "indices_1: element 1 is 6; expected 0 to 5"),
    ("indices_1", np.array([1, 3.7, 0]), "indices_1: element 1 is 3.7; expected a whole number from 0 to 5"),
    ("indices_1", np.array([1, np.nan, 0]), "indices_1: element 1 is nan"),
    ("indices_1", np.array([1, 2**40, 0]), f"indices_1: element 1 is {2**40}"),
    ("values", np.array([1, 1.9, 1], "f4"), "values: element 1 is 1.9"),
    ("values", np.array([1, 1, -1], "i8"), "values: element 2 is -1"),
    ("pointers_to_1", np.array([0, -2, 3]), "pointers_to_1: element 1 is -2; expected 0 to 3"),
    ("pointers_to_1", np.array([0, np.inf, 3]), "pointers_to_1: element 1 is inf"),
])
def test_other_numbers_are_named(program: Program, tmp_path: pathlib.Path, name: str, numbers: np.ndarray, words: str) -> None:
    datasets = {"pointers_to_1": POINTERS, "indices_1": INDICES, "values": VALUES, name: numbers}
    write_csr(tmp_path / "in.h5", *datasets.values())
    sentence = refusal(program, "convert", tmp_path / "in.h5", "-o", tmp_path / "out.h5", "--to", "store")
    assert f"{tmp_path / 'in.h5'}: " in sentence and words in sentence
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize("value", [-1, 0, 2.5, np.nan, 1e300, 2**33])
def test_shapes_are_what_they_are(program: Program, tmp_path: pathlib.Path, value: float) -> None:
    write_csr(tmp_path / "in.h5", POINTERS, INDICES, VALUES, width=value)
    assert "attribute width is " in refusal(program, "convert", tmp_path / "in.h5", "-o", tmp_path / "out.h5", "--to", "store")


def test_gains_of_64_bits_act_as_those_of_32(program: Program, tmp_path: pathlib.Path) -> None:
    random = np.random.default_rng(1)
    np.save(tmp_path / "frames.npy", random.integers(0, 1000, (4, 32, 48), "u2"))
    gains = random.uniform(0.9, 1.1, (32, 48))
    counted = []
    for kind in ("f4", "f8"):
        np.save(tmp_path / "gain.npy", gains.astype(kind))
        with h5py.File(tmp_path / "gain.h5", "w") as file:
            file["gain"] = gains.astype(kind)[np.newaxis]
        for gain in ("gain.npy", "gain.h5"):
            program.run("count", tmp_path / "frames.npy", "-o", tmp_path / "out.h5", "--gain", tmp_path / gain, "--method", "pixels",
                        "--threshold", 500, "--xray-threshold", "inf", "--no-png")
            counted.append(program.dense(tmp_path / "out.h5").reshape(4, 32, 48))
    expected = np.rint(16 * np.load(tmp_path / "frames.npy").astype("f4") * gains.astype("f4")) > 16 * 500
    for events in counted:
        assert np.array_equal(events != 0, expected)

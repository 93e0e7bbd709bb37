"""TPX3 files made here, unpacked by tpx3awkward; electrons from how the files were made. No file of a detector was at hand."""

import importlib
import importlib.util
import pathlib
import random
import sys
import types

import numpy as np
import pytest

from program import Program

HEADER, UNIT_NS = 0x33585054, 25 / 16


def unpacker() -> types.ModuleType:
    """The module of tpx3awkward that unpacks; the package as a whole needs more than is pinned here."""
    package = importlib.util.find_spec("tpx3awkward")
    assert package is not None and package.origin is not None
    folder = str(pathlib.Path(package.origin).parent / "processing")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("decoding")


def hit(row: int, column: int, time: int, charge: int) -> int:
    coarse = -(-time // 16)
    address = column // 2 << 9 | row // 4 << 3 | column % 2 << 2 | row % 4
    return 0xB << 60 | address << 44 | (coarse & 0x3FFF) << 30 | charge << 20 | (coarse * 16 - time) << 16 | coarse >> 14 & 0xFFFF


def mark(time: int) -> int:
    return 0x6F << 56 | (time // 2 & 0x7FFFFFFFF) << 9 | 1 << 5


def chunks(words: list[int], chip: int, size: int) -> list[int]:
    parts = [words[first:first + size] for first in range(0, len(words), size)]
    return [word for part in parts for word in (HEADER | chip << 32 | len(part) * 8 << 48, *part)]


def save(path: pathlib.Path, words: list[int]) -> np.ndarray:
    array = np.array(words, dtype="<u8")
    array.tofile(path)
    return array


@pytest.mark.parametrize("chips", [[3], [0, 1, 2, 3]], ids=len)  # they place each chip as one of four
def test_hits_are_those_of_tpx3awkward(program: Program, tmp_path: pathlib.Path, chips: list[int]) -> None:
    rng = random.Random(len(chips))
    dwell, positions, start = 5000, 6, 100_000
    words = chunks([mark(start + dwell * position) for position in range(positions)], chips[0], 50)
    times = iter(rng.sample(range(start, start + dwell * positions), 400 * len(chips)))  # no two hits at one time
    for chip in chips:
        words += chunks([hit(rng.randrange(256), rng.randrange(256), next(times), rng.randint(1, 1023)) for _ in range(400)], chip, 7)
    theirs, _ = unpacker().decode_tpx3_binary(save(tmp_path / "a.tpx3", words))
    program.run("convert", tmp_path / "a.tpx3", "-o", tmp_path / "a.h5", "--cluster-time", 0)
    columns = theirs["x"].to_numpy().astype(int)
    phase = columns // 2 % 16  # of a column's clock, which they add
    phase[phase == 0] = 16
    frames = (theirs["t"].to_numpy().astype(int) - phase - start) // dwell
    side = 256 if len(chips) == 1 else 512
    right = np.zeros((positions, side, side), int)
    np.add.at(right, (frames, theirs["y"].to_numpy().astype(int), columns), 1)
    np.testing.assert_array_equal(program.dense(tmp_path / "a.h5")[0], right)


@pytest.mark.parametrize("seed", range(6))
def test_electrons_in_space_and_time(program: Program, tmp_path: pathlib.Path, seed: int) -> None:
    rng = random.Random(seed)
    width, height, dwell = 5, 4, rng.choice([2000, 40_000])
    start = rng.choice([1_000_000, 2**34 - 50_000, 3 * 2**34 - 1000])  # times begin anew within the scan
    lines = seed % 2 == 0
    line = (width + 3 if lines else width) * dwell
    begins = [start + row * line + column * dwell for row in range(height) for column in range(width)]
    items = [(time, mark(time)) for time in (begins[::width] if lines else begins)]
    right = np.zeros((width * height, 256, 256), int)
    for position, begin in enumerate(begins):
        for _ in range(rng.randint(0, 6)):
            row, column, time = rng.randint(3, 252), rng.randint(3, 252), begin + rng.randint(0, dwell - 500)
            cloud = {(row, column): (time, rng.randint(1, 300))}
            for _ in range(rng.randint(0, 4)):
                near = rng.choice(list(cloud))
                place = near[0] + rng.randint(-1, 1), near[1] + rng.randint(-1, 1)
                cloud.setdefault(place, (time + rng.randint(0, 120), rng.randint(1, 300)))
            charge = sum(q for _, q in cloud.values())
            middle = [(2 * sum(q * place[axis] for place, (_, q) in cloud.items()) + charge) // (2 * charge) for axis in (0, 1)]
            right[position, *middle] += 1
            items += [(at, hit(*place, at, q)) for place, (at, q) in cloud.items()]
    items.sort(key=lambda item: item[0] + rng.randint(0, 3000))
    save(tmp_path / "a.tpx3", chunks([word for _, word in items], 0, rng.choice([1, 7, 100])))
    options = ["--dwell", dwell * UNIT_NS / 1000] if lines else []
    program.run("convert", tmp_path / "a.tpx3", "-o", tmp_path / "a.h5", "--scan", f"{width}x{height}", *options)
    np.testing.assert_array_equal(program.dense(tmp_path / "a.h5").reshape(right.shape), right)

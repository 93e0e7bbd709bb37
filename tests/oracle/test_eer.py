"""EER files made here, imported, and unpacked by imagecodecs. No file of a camera was at hand."""

import pathlib
import random

import imagecodecs
import numpy as np
import pytest

import eer_files
from program import Program

CODES = [(65000, 8, 2), (65001, 7, 2), (65002, 7, 1), (65002, 9, 2), (65002, 11, 2), (65002, 12, 2)]


def some_electrons(rng: random.Random, shape: tuple[int, int], sub_bits: int) -> eer_files.Electrons:
    pixels = shape[0] * shape[1]
    parts = 1 << sub_bits
    number = rng.choice([0, 1, pixels // 50, pixels // 3, pixels])
    return {pixel: (rng.randrange(parts), rng.randrange(parts)) for pixel in rng.sample(range(pixels), number)}


@pytest.mark.parametrize("code", CODES, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_electrons_are_those_of_imagecodecs(program: Program, tmp_path: pathlib.Path, code: tuple[int, int, int], seed: int) -> None:
    compression, run_bits, sub_bits = code
    rng = random.Random(seed)
    shape = rng.randint(1, 40), rng.randint(1, 300)
    frames = [eer_files.packed_frame(some_electrons(rng, shape, sub_bits), shape[0] * shape[1], run_bits, sub_bits) for _ in range(5)]
    leading = [(1, bytes(shape[0] * shape[1]))] if seed % 2 else []
    tags = {65007: run_bits, 65008: sub_bits, 65009: sub_bits} if compression == 65002 else {}
    (tmp_path / "a.eer").write_bytes(eer_files.tiff([*leading, *((compression, frame) for frame in frames)], shape, tags, seed < 2))
    program.run("convert", tmp_path / "a.eer", "-o", tmp_path / "a.h5")
    fine = shape[0] << sub_bits, shape[1] << sub_bits
    padding = bytes(8)  # imagecodecs drops an electron in the last bits
    right = [imagecodecs.eer_decode(frame + padding, fine, run_bits, sub_bits, sub_bits, superres=sub_bits) for frame in frames]
    np.testing.assert_array_equal(program.dense(tmp_path / "a.h5")[0], np.array(right))

"""Every backend against the definition in numpy and scipy.ndimage, bit for bit, on seeded random frames and setups."""

import os
from dataclasses import dataclass

import numpy as np
import pytest

import random_cases
import semantics
from abi import BACKENDS, Library

CASES_PER_SEED = 25


@dataclass
class Checker:
    library: Library
    backends: list[str]

    def check(self, setup: semantics.Setup, frames: np.ndarray, present: np.ndarray, banded: bool = False) -> int:
        """All backends against the definition; returns how many events the case has."""
        wanted = [semantics.count(frame, setup, int(sectors)) for frame, sectors in zip(frames, present)]
        for backend in self.backends:
            counted = self.library.count(backend, setup, frames, present, banded)
            assert len(counted) == len(wanted), backend
            for number, (got, want) in enumerate(zip(counted, wanted)):
                assert got == want, f"{backend}, frame {number} of {frames.shape} {frames.dtype}: {got} is not {want} with {setup}"
        return sum(len(want.indices) for want in wanted)


@pytest.fixture
def checker(library: Library, backends: list[str]) -> Checker:
    return Checker(library, backends)


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_is_there(backends: list[str], backend: str) -> None:
    required = backend == "reference" or (backend == "cuda" and os.environ.get("COUNTEM_REQUIRE_GPU") == "1")
    if backend not in backends and not required:
        pytest.skip(f"the tests of counting leave out backend {backend}: it is not in this build or has no device")
    assert backend in backends


@pytest.mark.parametrize("method", ["cluster", "maximum", "peaks", "pixels"])
@pytest.mark.parametrize("seed", range(12))
def test_random_cases(checker: Checker, method: str, seed: int) -> None:
    rng = np.random.default_rng([seed, *method.encode()])
    events = 0
    for _ in range(CASES_PER_SEED):
        sectors = rng.random() < 0.3
        shape = random_cases.frame_shape(rng, sectors)
        dtype = random_cases.DTYPES[rng.integers(4)]
        frames = np.stack([random_cases.frame(rng, shape, dtype) for _ in range(rng.integers(1, 4))])
        setup = random_cases.setup(rng, shape, method, sectors)
        present = rng.integers(0, 16, len(frames)) if sectors else rng.choice([15, 15, 15, 0], len(frames))
        events += checker.check(setup, frames, present, banded=sectors and bool(rng.integers(2)))
    assert events > 0


@pytest.mark.parametrize("method", ["cluster", "maximum", "peaks", "pixels"])
@pytest.mark.parametrize("occupancy", [0.0001, 0.001, 0.01, 0.1])
def test_detector_frames(checker: Checker, method: str, occupancy: float) -> None:
    """Frames of the size that matters most, with the plain calibration that most scans are counted with."""
    rng = np.random.default_rng(int(occupancy * 1e4))
    frame = np.rint(random_cases.electrons(rng, (576, 576), occupancy)).astype(np.uint16)
    frame[100, 100] = 65535
    setup = semantics.Setup(background16=16 * 30, xray16=16 * 2000, method=method, values="charge")
    assert checker.check(setup, frame[None], np.array([15])) > 0


@pytest.mark.parametrize("seed", range(12))
def test_counts(checker: Checker, seed: int) -> None:
    """Frames of a detector that counts by itself: a pixel of value v is v events."""
    rng = np.random.default_rng(seed)
    sectors = seed % 3 == 0
    shape = random_cases.frame_shape(rng, sectors)
    dtype = random_cases.DTYPES[seed % 4]
    frames = np.where(rng.random((3, *shape)) < 0.2, rng.choice([1, 1, 2, 3, 9, 250], (3, *shape)), 0).astype(dtype)
    if dtype is np.float32:
        frames[rng.random(frames.shape) < 0.1] = rng.choice([0.5, 1.5, 2.5, -3, np.nan, -np.inf])
    setup = semantics.Setup(method="counts", split="rows" if sectors else "none")
    if seed % 2:
        setup.mask = (rng.random(shape) < 0.1).astype(np.uint8)
    present = rng.integers(0, 16, len(frames)) if sectors else np.array([15, 0, 15])
    checker.check(setup, frames, present, banded=sectors)


@pytest.mark.parametrize("value", [255, 65535])
def test_one_component_fills_the_frame(checker: Checker, value: int) -> None:
    frame = np.full((1, 576, 576), value, np.uint16)
    setup = semantics.Setup(background16=16 * 30, values="charge", upsample=2)
    assert checker.check(setup, frame, np.array([15])) == 1


def test_the_comparison_sees_a_difference() -> None:
    """A lost event, a moved one, a wrong value, tally or status each break equality: otherwise the tests above prove nothing."""
    def counted(indices: list[int], values: list[int], xrays: int = 0, status: int = 15) -> semantics.Counted:
        return semantics.Counted(np.array(indices, np.uint32), np.array(values, np.uint32), xrays, status)

    right = counted([3, 3, 7], [1, 2, 3])
    assert right == counted([3, 3, 7], [1, 2, 3])
    for wrong in (counted([3, 7], [1, 3]), counted([3, 3, 8], [1, 2, 3]), counted([3, 3, 7], [2, 1, 3]),
                  counted([3, 3, 7], [1, 2, 3], xrays=1), counted([3, 3, 7], [1, 2, 3], status=7)):
        assert right != wrong

"""Seeded random frames and setups that visit what detectors and readers can produce, and what they cannot."""

import numpy as np

from semantics import NO_XRAY, Setup

DTYPES = (np.uint8, np.uint16, np.uint32, np.float32)


def frame_shape(rng: np.random.Generator, sectors: bool) -> tuple[int, int]:
    """Mostly small; often one row or column, or a width beside a multiple of a machine word or vector."""
    def length() -> int:
        kind = rng.integers(4)
        if kind == 0:
            return int(rng.integers(1, 6))
        if kind == 1:
            return int(rng.choice([16, 32, 64, 128, 256]) + rng.integers(-1, 2))
        return int(rng.integers(1, 100))

    height, width = length(), length()
    return (height + 3) // 4 * 4 if sectors else height, (width + 3) // 4 * 4 if sectors else width


def electrons(rng: np.random.Generator, shape: tuple[int, int], occupancy: float) -> np.ndarray:
    """Noise, and little clouds of charge on `occupancy` of the pixels."""
    clouds = rng.poisson(occupancy * shape[0] * shape[1])
    charge = rng.exponential(15, (clouds, 3, 3)) * (rng.random((clouds, 3, 3)) < 0.4)
    charge[:, 1, 1] += 20
    rows = rng.integers(1, shape[0] + 1, (clouds, 1, 1)) + np.arange(-1, 2)[:, None]
    columns = rng.integers(1, shape[1] + 1, (clouds, 1, 1)) + np.arange(-1, 2)
    with_border = np.zeros((shape[0] + 2, shape[1] + 2))
    np.add.at(with_border, (rows, columns), charge)
    return rng.normal(20, 2, shape) + with_border[1:-1, 1:-1]


def worm(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """One long thin component: a random walk."""
    frame = np.zeros(shape)
    at = np.array([rng.integers(shape[0]), rng.integers(shape[1])])
    for _ in range(frame.size // 3):
        frame[tuple(at)] = rng.integers(60, 200)
        at = np.clip(at + rng.integers(-1, 2, 2), 0, np.array(shape) - 1)
    return frame


def levels(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Few different values, so that ties, plateaus and values on the thresholds are everywhere."""
    return rng.choice([0, 39, 40, 41, 60, 61], shape, p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]).astype(float)


def frame(rng: np.random.Generator, shape: tuple[int, int], dtype: type) -> np.ndarray:
    kind = rng.integers(8)
    if kind == 0:
        drawn = worm(rng, shape)
    elif kind == 1:
        drawn = levels(rng, shape)
    elif kind == 2:
        drawn = np.full(shape, float(rng.integers(0, 256)))
    elif kind == 3:
        drawn = (np.indices(shape).sum(axis=0) % 2) * 100.0
    else:
        drawn = electrons(rng, shape, rng.choice([0, 0.001, 0.01, 0.1, 0.5]))
    if rng.random() < 0.2:  # X-rays, and the largest values the type holds
        largest = 3.0e38 if dtype is np.float32 else float(np.iinfo(dtype).max)
        for value in (5000.0, largest):
            drawn[rng.integers(shape[0]), rng.integers(shape[1])] = value
    if dtype is np.float32:
        if rng.random() < 0.3:
            drawn[rng.random(shape) < 0.02] = rng.choice([np.nan, np.inf, -np.inf, -1e9])
        return drawn.astype(np.float32)
    return np.clip(np.rint(drawn), 0, np.iinfo(dtype).max).astype(dtype)


def setup(rng: np.random.Generator, shape: tuple[int, int], method: str, sectors: bool) -> Setup:
    """A calibration and options; each per-pixel part is there in a third of the cases."""
    def sometimes() -> bool:
        return rng.random() < 0.34

    chosen = Setup(method=method)
    if sometimes():
        chosen.dark16 = np.rint(16 * rng.normal(20, 1, shape)).astype(np.int32)
        chosen.background16 = int(rng.integers(0, 16 * 15))
    else:
        chosen.background16 = int(rng.choice([0, 16 * 30, 16 * 40, 16 * 40 + 7]))
    chosen.xray16 = NO_XRAY if sometimes() else chosen.background16 + int(rng.choice([1, 16 * 20, 16 * 100, 16 * 1000]))
    if sometimes():
        chosen.gain = rng.normal(1, 0.1, shape).astype(np.float32)
        chosen.gain[rng.random(shape) < 0.01] = rng.choice([np.nan, np.inf, -1, 0, 1e30])
    if sometimes():
        chosen.mask = (rng.random(shape) < rng.choice([0.01, 0.5])).astype(np.uint8) * rng.integers(1, 16, shape, dtype=np.uint8)
    if sometimes():
        chosen.pixel_background16 = rng.integers(0, max(1, min(chosen.xray16, 16 * 60)), shape, dtype=np.int32)
    chosen.row_noise = str(rng.choice(["none", "none", "mean", "median"]))
    if chosen.row_noise == "none" and sometimes():
        chosen.background = "frame"
    chosen.values = str(rng.choice(["none", "charge", "size"]))
    if sectors:
        chosen.split = str(rng.choice(["rows", "columns"]))
    if method == "peaks":
        chosen.score16 = int(rng.choice([0, 3 * chosen.background16, 16 * 100, 1 << 33]))
        chosen.upsample = int(rng.choice([1, 1, 2, 3, 64]))
    if method == "cluster":
        if sometimes():
            chosen.min_cluster_size = int(rng.integers(1, 4))
            chosen.max_cluster_size = chosen.min_cluster_size + int(rng.integers(0, 10))
        chosen.upsample = int(rng.choice([1, 1, 2, 3, 64]))
    return chosen

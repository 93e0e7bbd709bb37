"""A cluster of four processes, and a scan that one process counted."""

import os
import pathlib
import sys
from collections.abc import Iterator

import distributed
import numpy as np
import pytest

sys.path.insert(0, os.environ["COUNTEM_PYTHON_PACKAGE"])

import countem as ct  # noqa: E402

ROWS, COLUMNS = 40, 30
FRAMES = ROWS * COLUMNS


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with distributed.LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=":0") as cluster, distributed.Client(cluster) as opened:
        yield opened


@pytest.fixture(scope="module")
def array() -> np.ndarray:
    source = np.random.default_rng(5)
    frames = source.normal(20, 2, (ROWS, COLUMNS, 24, 32))
    frames[source.random(frames.shape) < 0.01] += 60
    return np.round(frames).astype(np.uint16)


@pytest.fixture(scope="module")
def file(array: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("raw") / "data.npy"
    np.save(path, array)
    return path


@pytest.fixture(scope="module")
def cal(file: pathlib.Path) -> ct.Calibration:
    return ct.calibrate(ct.open_raw(file))


@pytest.fixture(scope="module")
def whole(file: pathlib.Path, cal: ct.Calibration, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Counted by one process."""
    path = tmp_path_factory.mktemp("whole") / "counted.h5"
    ct.count(ct.open_raw(file), cal, path)
    return path

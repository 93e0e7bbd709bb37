"""docs/from_stempy.md: its code runs, and the two expressions of each row have the same value."""

import os
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from stempy.io.sparse_array import SparseArray

sys.path.insert(0, os.environ["COUNTEM_PYTHON_PACKAGE"])

import random_cases  # noqa: E402
import sector_files  # noqa: E402

import countem  # noqa: E402, F401  (before the folder changes)

PAGE = (pathlib.Path(__file__).parents[2] / "docs/from_stempy.md").read_text()
CODE = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
ROWS = re.findall(r"^\| `(.+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
CENTRE = (30.3, 33.6)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the code of the page makes, in a folder with a file that stempy wrote: a disk that moves on a ring, no pixel hit twice, one
    frame without electrons."""
    random = np.random.default_rng(8)
    rows, columns = np.indices((64, 64))
    frames = np.empty(4 * 6, dtype=object)
    for frame, (y, x) in enumerate(np.ndindex(4, 6)):
        disk = np.hypot(rows - CENTRE[0] - 0.5 * y, columns - CENTRE[1] + 0.3 * x) < 9
        ring = np.abs(np.hypot(rows - CENTRE[0], columns - CENTRE[1]) - 20) < 2
        hit = random.random((64, 64)) < (0.4 * disk + 0.1 * ring + 0.01) * (frame != 9)
        frames[frame] = np.flatnonzero(hit).astype(np.uint32)
    folder, before = tmp_path_factory.mktemp("stempy"), os.getcwd()
    os.chdir(folder)
    SparseArray(frames, (4, 6), (64, 64)).write_to_hdf5("stempy.h5")
    sector_files.write(folder / "raw", raw_frames(random), (3, 5), order=random.permutation(15))
    known: dict[str, Any] = {"numpy": np, "pathlib": pathlib}
    exec(CODE, known)
    yield known
    os.chdir(before)


def raw_frames(random: np.random.Generator) -> np.ndarray:
    return np.stack([np.rint(np.clip(random_cases.electrons(random, sector_files.FRAME, 0.01), 0, 65535)) for _ in range(15)]).astype(np.uint16)


def numbers(value: Any) -> np.ndarray:
    if isinstance(value, SparseArray):
        value = value.to_dense()
    return np.asarray(value, dtype=np.float64)


def test_the_page_has_rows() -> None:
    assert len(ROWS) >= 28 and len(ROWS) == len(re.findall(r"^\| `", PAGE, re.MULTILINE))


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[theirs for theirs, _ in ROWS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # stempy divides by no electrons
def test_both_have_the_same_value(names: dict[str, Any], theirs: str, ours: str) -> None:
    wanted, found = eval(theirs, names), eval(ours, names)
    if wanted is None and found is None:  # each writes a file
        wanted, found = (SparseArray.from_hdf5(name) for name in re.findall(r'"(\w+\.h5)"', theirs + ours))
    wanted, found = numbers(wanted), numbers(found)
    assert wanted.size and np.nanmax(np.abs(wanted)) > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-12)
    assert "com_" not in theirs or np.isnan(found).sum() == 2  # the frame without electrons

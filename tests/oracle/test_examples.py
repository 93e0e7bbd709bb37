"""The notebooks of docs/examples run from beginning to end, show what they draw, and find the electrons that are there."""

import os
import pathlib
import sys
from collections.abc import Callable

import h5py
import nbclient
import nbformat
import numpy as np
import pytest

from program import Program

sys.path.insert(0, os.environ["COUNTEM_PYTHON_PACKAGE"])

import countem as ct  # noqa: E402

NOTEBOOKS = sorted((pathlib.Path(__file__).parents[2] / "docs/examples").glob("*.ipynb"))


def check_first_scan(program: Program, folder: pathlib.Path) -> None:
    program.run("count", folder / "raw/data.npy", "--dark", folder / "raw/dark.npy", "--method", "peaks", "-o", folder / "program.h5", "--no-png")
    with h5py.File(folder / "raw/truth.h5") as truth, ct.open(folder / "counted.h5") as scan, ct.open(folder / "part.h5") as part:
        assert scan.shape == (32, 32, 128, 128)
        np.testing.assert_array_equal(np.asarray(scan), program.dense(folder / "program.h5"))
        assert 0.8 < scan.nnz / len(truth["electrons/rows"]) < 1  # some leave too little charge, or meet another
        assert (scan.axes[0].step, scan.axes[0].unit, scan.axes[3].step, scan.axes[3].unit) == (0.5, "nm", 0.4, "mrad")
        np.testing.assert_array_equal(part.counts, scan.counts[4:20, 4:24])


CHECKS: dict[str, tuple[int, Callable[[Program, pathlib.Path], None]]] = {"first_scan": (8, check_first_scan)}  # pictures; what else must hold


def test_there_is_a_check_for_each() -> None:
    assert {notebook.stem for notebook in NOTEBOOKS} == set(CHECKS)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_outputs_are_not_kept(notebook: pathlib.Path) -> None:
    for cell in nbformat.read(notebook, as_version=4).cells:
        assert cell.cell_type != "code" or (cell.outputs == [] and cell.execution_count is None), "clear the outputs: they are made anew by every test"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_notebook(program: Program, notebook: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.environ["COUNTEM_PYTHON_PACKAGE"])
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    run = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(run, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in run.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures, check = CHECKS[notebook.stem]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == pictures
    warned = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not warned, warned
    assert [output.data["text/plain"] for output in outputs if output.get("data", {}).get("text/plain") in ("True", "False", "np.True_", "np.False_")] == ["True", "True"]
    check(program, tmp_path)

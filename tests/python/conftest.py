"""What all tests of the package use. It is imported in the viewer's environment too: nothing but pytest and the package."""

import os
import pathlib
import subprocess
import sys

import pytest

if package := os.environ.get("COUNTEM_PYTHON_PACKAGE"):  # of the build tree; else what is installed
    sys.path.insert(0, package)

import countem as ct  # noqa: E402
from countem._program import PROGRAM  # noqa: E402


def run(*arguments: object) -> str:
    """What the program prints; it must succeed."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{arguments}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def count(folder: pathlib.Path, *, scan: str = "5x3", options: tuple[str, ...] = ()) -> pathlib.Path:
    """A small store of simulated frames, counted by the program."""
    run("simulate", folder / "sim", "--scan", scan, "--frame", "48x64", "--format", "npy", "--occupancy", 0.02, "--dark-frames", 20)
    raw, dark = sorted((folder / "sim").glob("*.npy"), key=lambda path: "dark" in path.name)
    run("count", raw, "--dark", dark, "-o", folder / "counted.h5", *options)
    return folder / "counted.h5"


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """3 rows of 5 positions, frames of 48 x 64."""
    return count(tmp_path_factory.mktemp("counted"))


@pytest.fixture
def scan(counted: pathlib.Path):
    with ct.open(counted) as opened:
        yield opened

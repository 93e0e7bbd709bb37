"""The program that the package brings along."""

import pathlib
import subprocess
import sys

import pytest

import countem as ct
from countem import _program


def test_the_module_becomes_the_program() -> None:
    folder = pathlib.Path(ct.__file__).parent.parent
    done = subprocess.run([sys.executable, "-m", "countem", "version"], cwd=folder, capture_output=True, text=True, check=True)
    assert f"countem {ct.__version__}" in done.stdout


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(_program, "PROGRAM", tmp_path / "countem")
    with pytest.raises(SystemExit, match=r"countem: No such file or directory; install the package again: pip install"):
        _program.main()

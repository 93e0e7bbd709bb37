"""The reference: it is made without a warning, has every public name, and each of these says what it is."""

import importlib.util
import inspect
import os
import pathlib
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import countem as ct

ROOT = pathlib.Path(__file__).parents[2]


def public_names() -> Iterator[tuple[str, Any]]:
    for name in ct.__all__:
        thing = getattr(ct, name)
        if name != "__version__":
            yield name, thing
        if inspect.isclass(thing):
            for member, value in inspect.getmembers(thing):
                ours = getattr(inspect.unwrap(getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)), "__module__", "") or ""
                if not member.startswith("_") and ours.startswith("countem"):
                    yield f"{name}.{member}", value


def test_every_public_name_is_documented() -> None:
    names = dict(public_names())
    assert {"Scan.to_scipy", "Scan.shape", "Scan.status", "Scan.virtual", "open", "disk"} <= names.keys()
    assert [name for name, thing in names.items() if not (inspect.getdoc(thing) or "").strip()] == []


@pytest.mark.skipif("COUNTEM_PYTHON_PACKAGE" not in os.environ or importlib.util.find_spec("pdoc") is None, reason="it is made from a build tree")
def test_the_reference_is_made_without_warnings(tmp_path: pathlib.Path) -> None:
    build = pathlib.Path(os.environ["COUNTEM_PYTHON_PACKAGE"]).parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    made = subprocess.run([ROOT / "scripts/python_reference.sh", build, tmp_path], capture_output=True, text=True, check=False, env=environment)
    assert made.returncode == 0 and "Warn" not in made.stderr, made.stderr
    page = (tmp_path / "countem.html").read_text()
    missing = [name for name, _ in public_names() if not re.search(f'id="{re.escape(name)}"', page)]
    assert missing == []

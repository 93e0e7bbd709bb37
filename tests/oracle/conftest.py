import pathlib
from collections.abc import Callable

import pytest

import stores
from abi import BACKENDS, Library
from program import Program


@pytest.fixture(scope="session")
def library() -> Library:
    return Library.load()


@pytest.fixture(scope="session")
def backends(library: Library) -> list[str]:
    """The backends that this machine can run; test_backend_is_there says which cannot."""
    return [backend for backend in BACKENDS if library.available(backend)]


@pytest.fixture(scope="session")
def program() -> Program:
    return Program.find()


@pytest.fixture(scope="module")
def stored(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Callable[[stores.Example], pathlib.Path]:
    """The file of an example, written once for a module of tests."""
    folder = tmp_path_factory.mktemp("stores")

    def of(example: stores.Example) -> pathlib.Path:
        path = folder / f"{example.name}.h5"
        if not path.exists():
            example.write(library, path)
        return path

    return of

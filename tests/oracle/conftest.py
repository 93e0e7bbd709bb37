import pytest

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

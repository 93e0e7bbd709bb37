"""The command line program, which the package brings along."""

import os
import pathlib
import sys
from typing import NoReturn

PROGRAM = pathlib.Path(__file__).parent / "bin" / "countem"


def main() -> NoReturn:
    """Becomes the program, with this process's arguments."""
    try:
        os.execv(PROGRAM, ["countem", *sys.argv[1:]])
    except OSError as failure:
        sys.exit(f"countem: {PROGRAM}: {failure.strerror}; install the package again: pip install --force-reinstall countem")

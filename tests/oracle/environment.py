"""Python environments for tests: made once in the build tree from pinned requirements, and used to run pytest.

    environment.py create FOLDER --main requirements.txt [--extra NAME=requirements.txt ...] [--required]
    environment.py run FOLDER ARGUMENTS...

An environment whose requirements have not changed since it was made is left as it is. Where one cannot be made (no venv module,
no network) both commands say so and exit with `SKIPPED`, which ctest shows as a skip; with --required that is a failure.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77  # SKIP_RETURN_CODE of the ctest entries
MARKER = "made_from.sha256"  # written last: an interrupted installation is not taken for a finished one


def fingerprint(requirements: pathlib.Path) -> str:
    return hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()


def is_made(folder: pathlib.Path, requirements: pathlib.Path) -> bool:
    marker = folder / MARKER
    return marker.is_file() and marker.read_text() == fingerprint(requirements)


def make(folder: pathlib.Path, requirements: pathlib.Path) -> None:
    """Raises subprocess.CalledProcessError with what the failing command printed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)

    def step(*command: str | pathlib.Path) -> None:
        subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    step(sys.executable, "-m", "venv", folder)
    # Everything is pinned, so nothing is resolved; byte code is made when first imported, which is less than all of it.
    step(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile",
         "--only-binary", ":all:", "-r", requirements)
    (folder / MARKER).write_text(fingerprint(requirements))


def create(root: pathlib.Path, wanted: dict[str, pathlib.Path], required: bool) -> int:
    for name, requirements in wanted.items():
        folder = root / name
        if is_made(folder, requirements):
            print(f"environment {name}: up to date")
            continue
        try:
            make(folder, requirements)
        except (subprocess.CalledProcessError, OSError) as problem:
            said = "\n".join((getattr(problem, "stdout", None) or str(problem)).splitlines()[-10:])
            print(f"environment {name}: not made from {requirements.name}; the tests that need it are "
                  f"{'required' if required else 'skipped'}. It needs python3-venv and a reachable package registry.\n{said}")
            return 1 if required else SKIPPED
        print(f"environment {name}: made from {requirements.name}")
    return 0


def run(root: pathlib.Path, arguments: list[str]) -> int:
    main = root / "main"
    if not (main / MARKER).is_file():
        print(f"skipped: the environment {main} was not made; see the test oracle.environment")
        return SKIPPED
    # The environments' own paths only; two threads at most in the libraries that start a pool for each core.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([main / "bin" / "python", *arguments],
                          env=inherited | {"COUNTEM_ORACLE_ENVIRONMENTS": str(root), "OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"},
                          check=False).returncode


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    creating = commands.add_parser("create")
    creating.add_argument("folder", type=pathlib.Path)
    creating.add_argument("--main", type=pathlib.Path, required=True)
    creating.add_argument("--extra", action="append", default=[], metavar="NAME=FILE")
    creating.add_argument("--required", action="store_true")
    running = commands.add_parser("run")
    running.add_argument("folder", type=pathlib.Path)
    running.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args()


def main() -> int:
    asked = parse()
    if asked.command == "run":
        return run(asked.folder, asked.arguments)
    extra = (entry.partition("=") for entry in asked.extra)
    return create(asked.folder, {"main": asked.main} | {name: pathlib.Path(file) for name, _, file in extra}, asked.required)


if __name__ == "__main__":
    sys.exit(main())

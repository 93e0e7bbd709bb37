#!/usr/bin/env bash
# Tests the wheels of build/wheels, each Python in a new environment, with no variable of this shell.
#   scripts/wheel_test.sh [VERSION_OR_PROGRAM]...    default: 3.11, 3.12 and 3.13
# First with nothing but the wheel and numpy; then the tests of tests/python, of the commit that the wheels are made of; then beside other users of HDF5 in one process; then the notebook.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- 3.11 3.12 3.13
checks=$PWD/tests/python/wheel
for version in "$@"; do
  base=$(scripts/find_python.sh "$version")
  folder=$(mktemp -d)
  "$base" -m venv "$folder/venv"
  python=$folder/venv/bin/python
  clean() { (cd "$folder" && env -i PATH="$folder/venv/bin:/usr/bin:/bin" HOME="$folder" LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 "$@"); }

  "$python" -m pip install -q numpy
  "$python" -m pip install -q --no-index --no-deps --find-links build/wheels countem
  echo "== $("$python" -V), the wheel alone"
  clean "$python" "$checks/alone.py" "$folder"

  echo "== $("$python" -V), with other programs"
  "$python" -m pip install -q -r "$checks/requirements.txt"
  clean "$python" -m pytest -q -p no:cacheprovider "$PWD/tests/python"
  clean "$python" "$checks/together.py" "$folder" countem h5py stempy hyperspy.api
  clean "$python" "$checks/together.py" "$folder" h5py stempy hyperspy.api countem
  clean "$python" "$checks/bitshuffle.py" "$folder"
  clean "$python" "$checks/notebook.py" "$folder" "$PWD/docs/examples/first_scan.ipynb"
  rm -r "$folder"
done

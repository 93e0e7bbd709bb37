#!/usr/bin/env bash
# Prints the Python program of a version, as 3.12, or of a path: on PATH, else among pyenv's.
#   scripts/find_python.sh VERSION_OR_PROGRAM
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,3p' "$0" >&2; exit 2; }

fits() { [ -x "$1" ] && "$1" -c 'import sys, venv; v = sys.argv[1]; sys.exit("/" not in v and "%d.%d" % sys.version_info[:2] != v)' "$2" 2>/dev/null; }

for candidate in "$(command -v "$1" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1"*/bin/python "$(command -v "python$1" || true)"; do
  if fits "$candidate" "$1"; then echo "$candidate"; exit 0; fi
done
echo "countem: there is no Python $1 with the module venv, neither on PATH nor among pyenv's versions" >&2
exit 1

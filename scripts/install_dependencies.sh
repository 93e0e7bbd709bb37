#!/usr/bin/env bash
# Installs what building, testing and the demo need on Debian 12 or 13 (or a close relative); does nothing when all is there.
#   scripts/install_dependencies.sh [build|test|full]           build: compile and run; test: plus tests; full: plus sanitizers, fuzzers and the reference
#   scripts/install_dependencies.sh --list [build|test|full]    prints their names, one per line, and installs nothing
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libhdf5-dev libtbb-dev libhwy-dev libcli11-dev libfmt-dev nlohmann-json3-dev libpng-dev
       zlib1g-dev libdeflate-dev libisal-dev libtiff-dev libeigen3-dev)
test=(git libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev hdf5-tools python3-h5py bitshuffle python3-venv python3-dev clang-format-14 chromium
      poppler-utils groff-base man-db zsh)
full=(ccache clang llvm libclang-rt-dev libboost-context-dev libopenmpi-dev openmpi-bin iproute2 doxygen slurm-wlm munge)
# One exact version that newer distributions no longer have; what needs it is skipped there and reports so.
exact=(clang-format-14)

list=false
if [ "${1:-}" = --list ]; then
  list=true
  shift
fi
case "${1:-test}" in
  build) packages=("${build[@]}") ;;
  test) packages=("${build[@]}" "${test[@]}") ;;
  full) packages=("${build[@]}" "${test[@]}" "${full[@]}") ;;
  *) sed -n '3,4p' "$0" >&2; exit 2 ;;
esac
if $list; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
known() { [ -n "$(apt-cache show "$1" 2>/dev/null)" ]; }  # where apt's lists were never fetched nothing is known
one_of() { printf '%s\n' "${@:2}" | grep -qx -- "$1"; }

# The runtime of the sanitizers bears clang's version in its name: 14 in Debian 12, 19 in Debian 13.
runtime_of_clang() {
  local version
  version=$(clang -dumpversion 2>/dev/null | cut -d . -f 1) || true
  version=${version:-$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)}
  printf 'libclang-rt-%s-dev' "${version:-14}"
}

missing=()
absent=()
for package in "${packages[@]}"; do
  if [ "$package" = libclang-rt-dev ]; then package=$(runtime_of_clang); fi
  installed "$package" && continue
  if one_of "$package" "${exact[@]}"; then absent+=("$package"); else missing+=("$package"); fi
done
[ ${#missing[@]} -eq 0 ] && [ ${#absent[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "countem: this needs Debian packages and there is no apt-get here; install their like by hand: ${missing[*]} ${absent[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then as_root=(env)
elif command -v sudo >/dev/null; then as_root=(sudo)
else as_root=()
fi

# apt's lists are fetched where a package is to be installed, or where nothing is known yet.
if [ ${#as_root[@]} -gt 0 ] && { [ ${#missing[@]} -gt 0 ] || ! known g++; }; then "${as_root[@]}" apt-get update -qq; fi
for package in "${absent[@]}"; do
  if known "$package"; then missing+=("$package")
  else echo "countem: this distribution has no $package; what needs exactly that is skipped" >&2
  fi
done
[ ${#missing[@]} -eq 0 ] && exit 0
for i in "${!missing[@]}"; do  # with the lists fetched, clang's version is known
  if [[ ${missing[i]} == libclang-rt-* ]]; then missing[i]=$(runtime_of_clang); fi
done

if [ ${#as_root[@]} -eq 0 ]; then
  echo "countem: installing packages needs root or sudo; ask your administrator for: ${missing[*]}" >&2
  exit 1
fi
echo "countem: installing ${missing[*]}" >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

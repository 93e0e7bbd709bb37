#!/usr/bin/env bash
# Installs what building, testing and the demo need on Debian 12 (or a close relative); does nothing when all is there.
#   scripts/install_dependencies.sh [build|test|full]     build: compile and run; test: plus tests; full: plus sanitizers and fuzzers
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libhdf5-dev libtbb-dev libhwy-dev libcli11-dev libfmt-dev nlohmann-json3-dev libpng-dev
       zlib1g-dev libdeflate-dev libisal-dev libeigen3-dev)
test=(git libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev hdf5-tools python3-h5py bitshuffle python3-venv clang-format-14 chromium)
full=(clang libclang-rt-14-dev libboost-context-dev)
case "${1:-test}" in
  build) packages=("${build[@]}") ;;
  test) packages=("${build[@]}" "${test[@]}") ;;
  full) packages=("${build[@]}" "${test[@]}" "${full[@]}") ;;
  *) sed -n '3p' "$0" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "countem: this needs Debian packages and there is no apt-get here; install their like by hand: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then as_root=(env)
elif command -v sudo >/dev/null; then as_root=(sudo)
else
  echo "countem: installing packages needs root or sudo; ask your administrator for: ${missing[*]}" >&2
  exit 1
fi
echo "countem: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

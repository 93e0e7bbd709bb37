#!/usr/bin/env bash
# Builds and tests countem where this machine is not: in a root of another Debian, with another compiler, for another processor.
#   scripts/elsewhere.sh debian12|debian13 [--quick]   scripts/demo.sh and scripts/test.sh --oracles in a root of that Debian, made by
#                                                      mmdebstrap; --quick: the README's two commands, scripts/test.sh without --oracles
#   scripts/elsewhere.sh gcc13 [--quick]               the same in Debian 13's root with g++ 13, the compiler of Ubuntu 24.04
#   scripts/elsewhere.sh aarch64 [--quick]             cross compiled for Arm, tests under qemu-user, and files that this machine's and
#                                                      the emulated program make are compared byte by byte; --quick: the files alone
# Roots, build trees and compiler caches stay in $COUNTEM_ELSEWHERE_DIR (build/elsewhere), so the second run is quick; delete it at
# will. Needs root, and Debian with its own apt sources: the roots come from where this machine's packages come from.
# docs/decisions/0026-other-machines.md says what ran.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }
refuse() { echo "elsewhere: $*" >&2; exit 1; }

where=${1:-}
depth=${2:-}
case "$where" in debian12) suite=bookworm ;; debian13 | gcc13) suite=trixie ;; aarch64) suite=bookworm ;; *) sed -n '3,8p' "$0" >&2; exit 2 ;; esac
case "$depth" in "" | --quick) ;; *) sed -n '3,8p' "$0" >&2; exit 2 ;; esac
store=${COUNTEM_ELSEWHERE_DIR:-build/elsewhere}
mkdir -p "$store"
store=$(cd "$store" && pwd)

[ "$(id -u)" -eq 0 ] || refuse "a root of another system is made and entered by root"
missing=()
command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
if [ "$where" = aarch64 ]; then
  command -v aarch64-linux-gnu-g++ >/dev/null || missing+=(g++-aarch64-linux-gnu)
  command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
fi
if [ ${#missing[@]} -gt 0 ]; then
  step "packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# This machine's apt sources with another suite's name. One file, in whichever of apt's two forms they stand.
sources() {
  local own=() file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [ -s "$file" ]; then own+=("$file"); fi
  done
  [ ${#own[@]} -gt 0 ] || refuse "no apt sources of Debian in /etc/apt"
  # shellcheck disable=SC1091
  sed "s/\\b$(. /etc/os-release && echo "$VERSION_CODENAME")\\b/$suite/g" "${own[0]}"
}

# make_root FOLDER mmdebstrap's arguments...: a root, once; one that was interrupted is made anew.
make_root() {
  local root=$1
  shift
  [ -f "$root.made" ] && return
  step "a root of $suite"
  rm -rf "$root"
  sources | mmdebstrap --quiet --aptopt='Acquire::Check-Valid-Until "false"' "$@" "$suite" "$root" -
  touch "$root.made"
}

# What is in the work tree, committed or not, without what git ignores.
copy_tree() {
  mkdir -p "$1"
  find "$1" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  git ls-files -z --cached --others --exclude-standard |
    tar --null --files-from=- --ignore-failed-read -c 2>/dev/null | tar -x -C "$1"  # a file that was removed is still listed
  git -C "$1" init -q
  git -C "$1" add -A  # the scripts ask git which files are ours
}

# Debian's libraries need the libstdc++ of the g++ that they were built with. An older g++ has one of its own to link with, which lacks
# some of its symbols.
newer_libraries=-L/usr/lib/gcc/x86_64-linux-gnu/14

# inside ROOT COMMAND...: in the root's copy of the tree, with its own /proc, gone when the command ends.
inside() {
  local root=$1
  shift
  local pip  # where Python packages come from
  readarray -t pip < <(env | grep '^PIP_' || true)
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child bash -c '
    root=$1; shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t sysfs -o ro sysfs "$root/sys"
    exec chroot "$root" "$@"' _ "$root" \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 CCACHE_DIR=/var/cache/ccache \
    CMAKE_CXX_COMPILER_LAUNCHER=ccache ${compiler:+CXX="$compiler" LDFLAGS="$newer_libraries"} "${pip[@]}" \
    bash -c 'cd /countem && exec "$@"' _ "$@"
}

versions='. /etc/os-release; echo "$PRETTY_NAME ($(cat /etc/debian_version)): $(${CXX:-g++} --version | head -n 1), $(cmake --version | head -n 1), HDF5 $(pkg-config --modversion hdf5-serial), oneTBB $(pkg-config --modversion tbb), Highway $(pkg-config --modversion libhwy)"'

readme_commands() {
  local root=$store/$suite
  make_root "$root" --variant=minbase --include=ca-certificates,ccache
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  if [ -f /etc/pip.conf ]; then cp /etc/pip.conf "$root/etc/pip.conf"; fi
  copy_tree "$root/countem"
  compiler=""
  if [ "$where" = gcc13 ]; then
    compiler=g++-13
    inside "$root" bash -c 'command -v g++-13 >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends g++-13; } >/dev/null'
  fi
  # The scripts know one build tree; another compiler starts it anew.
  if [ "$(cat "$root.compiler" 2>/dev/null || true)" != "$where" ]; then rm -rf "$root/countem/build"; fi
  echo "$where" >"$root.compiler"

  step "$where: scripts/demo.sh"
  inside "$root" bash scripts/demo.sh
  local tests=(scripts/test.sh)
  if [ -z "$depth" ]; then tests+=(--oracles); fi
  step "$where: ${tests[*]}"
  inside "$root" bash "${tests[@]}"
  step "passed: scripts/demo.sh, ${tests[*]}"
  inside "$root" bash -c "$versions"
}

# What the tests and the program run under: a processor without SVE, with its narrowest vectors, and with its widest.
arm_processors=("max,sve=off" "max,sve-default-vector-length=16" "max,sve-default-vector-length=32" "max,sve-default-vector-length=256")
arm_tests=(counting counting_properties cpu_charge_forms cpu_charges cpu_changing_frames cpu_targets parity reductions store
           calibration data_gen compare limits io_sources)

# arm_run PROCESSOR PROGRAM ARGUMENTS...
arm_run() { QEMU_CPU=$1 qemu-aarch64-static -L "$store/aarch64" "${@:2}"; }

# Every file that the program makes from one seed, in the folder it is called in: simulation, calibrations, stores of each method,
# reductions, conversions. $@ runs the program.
make_files() {
  "$@" simulate raw --scan 8x8 --occupancy 0.002 --kv 300 --seed 1 --dark-frames 16
  "$@" calibrate raw/data_*.data --dark raw/dark_*.data -o calibration.h5
  "$@" calibrate raw/data_*.data --dark raw/dark_*.data --per-pixel -o calibration_per_pixel.h5
  "$@" calibrate raw/data_*.data -o calibration_without_dark.h5
  local method
  for method in cluster maximum pixels; do
    "$@" count raw/data_*.data --calibration calibration.h5 --method "$method" --no-png -o "$method.h5"
  done
  "$@" count raw/data_*.data --calibration calibration_without_dark.h5 --upsample 2 --values charge -o upsampled.h5
  "$@" count raw/data_*.data --calibration calibration_per_pixel.h5 --row-noise median --min-cluster-size 2 --no-png -o denoised.h5
  "$@" reduce cluster.h5 -o reduced.h5 --sum --max --com --descan --phase --radial --virtual annulus:60,200
  "$@" reduce cluster.h5 -o binned.h5 --bin 4
  "$@" convert cluster.h5 -o dense.npy --to dense
  "$@" count dense.npy --method counts --no-png -o counts.h5
  "$@" convert cluster.h5 -o raw_csr.toml --to raw_csr
  "$@" convert cluster.h5 -o csr.npz --to npz
  # These two hold the time when they were made; the stores made from them do not.
  local form
  for form in stempy csr; do
    "$@" convert cluster.h5 -o "$form.h5" --to "$form"
    "$@" convert "$form.h5" -o "from_$form.h5" --to store
    rm "$form.h5"
  done
}

# files_of NAME COMMAND...: the files made by that program, in $files/NAME, which must be those in $files/here.
files_of() {
  local name=$1
  shift
  mkdir -p "$files/$name"
  (cd "$files/$name" && make_files "$@")
  (cd "$files/$name" && find . -type f | LC_ALL=C sort | xargs sha256sum) >"$files/$name.sha256"
  [ "$name" = here ] && return
  diff "$files/here.sha256" "$files/$name.sha256" || refuse "files of $name differ from this machine's"
  echo "$(wc -l <"$files/here.sha256") files are equal byte by byte"
}

aarch64() {
  local root=$store/aarch64 build=$store/build_aarch64 files=$store/files packages
  packages=$(scripts/install_dependencies.sh --list test | grep -- '-dev$' | paste -sd , -)
  # Extracted, not installed: nothing in it runs but libraries that the emulator loads, and the HDF5 plugin of bitshuffle.
  make_root "$root" --architectures=arm64 --variant=extract --include="libc6-dev,bitshuffle,$packages"
  # Links to /lib would lead a linker into this machine's.
  find "$root/lib" "$root/usr" -type l -lname '/*' | while read -r link; do
    ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
  done

  step "aarch64: build"
  export COUNTEM_AARCH64_ROOT=$root
  command -v ccache >/dev/null && export CMAKE_CXX_COMPILER_LAUNCHER=ccache
  cmake --preset aarch64 -B "$build"
  local targets=(countem_cli) processor test
  if [ -z "$depth" ]; then targets+=("${arm_tests[@]/#/test_}"); fi
  cmake --build "$build" -j "$(nproc)" --target "${targets[@]}"
  step "this machine: build"
  cmake --preset release
  cmake --build --preset release -j "$(nproc)" --target countem_cli

  step "files of this machine"
  rm -rf "$files"
  files_of here "$PWD/build/release/countem"
  step "files of this machine, mathematical functions without fused multiply-add"
  GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4 files_of unfused "$PWD/build/release/countem"
  for processor in "${arm_processors[@]}"; do
    step "files of $processor"
    files_of "$processor" arm_run "$processor" "$build/countem"
  done
  [ -n "$depth" ] && return

  # The vector code of every instruction set under every processor, all else once.
  for test in "${arm_tests[@]}"; do
    local program
    program=$(find "$build/tests" -type f -name "test_$test")
    case "$test" in cpu_targets | reductions) ;; *) step "tests: $test"; arm_run max "$program" --gtest_brief=1; continue ;; esac
    for processor in "${arm_processors[@]}"; do
      step "tests: $test, $processor"
      arm_run "$processor" "$program" --gtest_brief=1
    done
  done
  step "passed"
  echo "$(aarch64-linux-gnu-g++ --version | head -n 1), $(qemu-aarch64-static --version | head -n 1), libraries of Debian's $suite"
}

case "$where" in
  aarch64) aarch64 ;;
  *) readme_commands ;;
esac

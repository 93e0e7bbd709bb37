#!/usr/bin/env bash
# Installs what is missing, builds and tests.
#   scripts/test.sh              what every change must pass: layers, documents, format, all tests that need minutes at most
#   scripts/test.sh --oracles    also the slow ones, and the comparisons with other programs
#   scripts/test.sh --full       as CI runs it: also the reference, the sanitizers, the fuzzers and the device model
set -euo pipefail
cd "$(dirname "$0")/.."

depth=${1:---normal}
case "$depth" in --normal | --oracles | --full) ;; *) sed -n '2,5p' "$0" >&2; exit 2 ;; esac

step() { printf '\n== %s (%d s since the start)\n' "$*" "$SECONDS"; }
jobs=$(nproc)

step "packages"
if [ "$depth" = --full ]; then scripts/install_dependencies.sh full; else scripts/install_dependencies.sh test; fi

if [ "$depth" = --full ]; then  # the same file is compiled for several of the builds below
  export COUNTEM_WRITER_ROUNDS=4 COUNTEM_MPI_KILL_ROUNDS=6
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache} CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  if [ ! -w "${HOME:-/nowhere}" ]; then export CCACHE_DIR=$PWD/build/ccache; fi
fi

step "layers and format"
scripts/check_layers.sh
python3 scripts/check_sizes.py
scripts/check_docs.py
if [ "$depth" = --full ]; then scripts/format.sh --check --required; else scripts/format.sh --check; fi

if [ "$depth" = --full ]; then
  step "every public name is documented"
  scripts/reference.sh
fi

step "release build"
case "$depth" in
  --normal) parts=(-DCOUNTEM_ORACLES=OFF -DCOUNTEM_BENCH=OFF) ;;
  --oracles) parts=(-DCOUNTEM_ORACLES=AUTO -DCOUNTEM_BENCH=ON) ;;
  --full) parts=(-DCOUNTEM_ORACLES=ON -DCOUNTEM_BENCH=ON -DCOUNTEM_PYTHON=ON) ;;  # there, a missing one is a failure
esac
model=OFF  # the cuda backend on the device model, which needs the toolkit's headers
if [ "$depth" = --full ]; then model=ON; fi
cmake --preset release -DCOUNTEM_TESTS=ON -DCOUNTEM_DEVICE_MODEL=$model -DCOUNTEM_DEVICE_MODEL_SANITIZERS=OFF "${parts[@]}"
cmake --build --preset release -j "$jobs"

if [ "$depth" = --normal ]; then
  step "tests"
  exec ctest --test-dir build/release -j "$jobs" --output-on-failure --no-tests=error -LE 'slow|oracle'
fi

if [ "$depth" = --full ]; then
  step "half a minute of random cases, counted with the reference and the cpu backend"
  build/release/tests/parity/fuzz_count 30 "$(git rev-list --count HEAD 2>/dev/null || echo 1)0000000"  # others for each commit

  step "sanitizers and fuzzers: address and undefined behaviour, by clang"
  cmake --preset asan
  cmake --build --preset asan -j "$jobs"
  export LSAN_OPTIONS=suppressions=$PWD/scripts/leaks_of_libraries.supp:print_suppressions=0
  # What these start hundreds of times takes twelve times as long here: words, and processes that are killed, refused and raced. What
  # they call is called by the tests in C++, too.
  ctest --test-dir build/asan -j "$jobs" --output-on-failure --no-tests=error -LE 'slow|oracle|install|cluster' \
    -E '^cli\.(examples|help|printing|shells|mistyped|completion|host|outputs|thresholds|commands)$'
fi

if [ "$depth" = --full ]; then
  step "a sample of mutants of the host"
  scripts/mutants.sh --host --sample 24
fi

if [ "$depth" = --full ]; then
  export PATH=$PATH:/usr/local/cuda/bin
  if command -v nvcc >/dev/null; then
    step "the cuda backend under the sanitizers, and a sample of mutants"
    scripts/mutants.sh --sample 48

    others=(80 86 89 100 120)
    two=90,${others[$(($(git rev-list --count HEAD 2>/dev/null || echo 0) % ${#others[@]}))]}  # another one for each commit; all take minutes
    step "the cuda backend for sm_${two/,/ and sm_}: warnings, spills, budget"
    python3 scripts/cuda_budget.py --jobs "$jobs" --architectures "$two"
  else
    echo "no CUDA toolkit: the cuda backend is neither compiled nor run on the device model"
  fi
fi

if [ "$depth" = --full ]; then
  step "failing system calls, small disks and kills"
  python3 tests/faults/campaign.py --ci --program build/release/countem --library build/release/tests/faults/libcountem_faults.so
fi

step "tests"
ctest --test-dir build/release -j "$jobs" --output-on-failure --no-tests=error

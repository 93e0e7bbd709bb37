#!/usr/bin/env bash
# On a machine with a GPU: builds the cuda backend for it, checks it against the reference, runs it under compute-sanitizer and times it.
#   scripts/gpu_check.sh [RESULT.json]
# Needs the CUDA toolkit, CMake, ninja and g++, no other package. Where the packages of scripts/install_dependencies.sh are there too, or COUNTEM_PROGRAM
# names a program built with -DCOUNTEM_CUDA=ON, the whole program is timed as well.
set -euo pipefail
cd "$(dirname "$0")/.."
result=${1:-build/gpu/gpu_check.json}
build=build/gpu
step() { printf '\n== %s\n' "$*"; }

export PATH=$PATH:/usr/local/cuda/bin
for tool in nvcc cmake ninja g++; do
  command -v "$tool" >/dev/null || { echo "gpu_check: $tool is needed and not on the PATH" >&2; exit 1; }
done

architectures=native
[ -e /dev/nvidia0 ] || architectures=${COUNTEM_CUDA_ARCHITECTURES:-80-real}

step "build for $architectures"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOUNTEM_CUDA=ON -DCOUNTEM_CUDA_ARCHITECTURES="$architectures" \
  -DCOUNTEM_IO=OFF -DCOUNTEM_TESTS=OFF -DCOUNTEM_BENCH=ON
cmake --build "$build" > "$build/build.log" 2>&1 || { cat "$build/build.log"; exit 1; }
check=$build/bench/gpu/gpu_check
mkdir -p "$(dirname "$result")"
nvidia-smi --query-gpu=name,memory.total,driver_version,pcie.link.gen.current,pcie.link.width.current --format=csv || true

step "equal to the reference"
COUNTEM_REQUIRE_GPU=1 "$check" --cases 600 --no-timing

step "compute-sanitizer"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck initcheck synccheck; do
    compute-sanitizer --tool "$tool" --error-exitcode 1 "$check" --cases 40 --no-timing --quick > "$build/$tool.log" ||
      { cat "$build/$tool.log"; exit 1; }
    echo "$tool: $(grep 'ERROR SUMMARY\|RACECHECK SUMMARY' "$build/$tool.log")"
  done
else
  echo "gpu_check: compute-sanitizer is not installed; not run" >&2
fi

step "times"
"$check" --cases 20 > "$result"
echo "written to $result"

step "the whole program"
program=${COUNTEM_PROGRAM:-}
if [ -z "$program" ] && pkg-config --exists hdf5-serial tbb libhwy 2>/dev/null; then
  cmake --preset cuda -DCOUNTEM_CUDA_ARCHITECTURES="$architectures" -DCOUNTEM_IO=ON -DCOUNTEM_TESTS=ON -DCOUNTEM_ORACLES=OFF -DCOUNTEM_PYTHON=OFF
  cmake --build --preset cuda
  COUNTEM_REQUIRE_GPU=1 ctest --test-dir build/cuda -R 'cuda' --output-on-failure --no-tests=error
  program=build/cuda/countem
fi
if [ -n "$program" ]; then
  bash scripts/gpu_whole_program.sh "$program"
else
  echo "gpu_check: not timed: its packages are not installed and COUNTEM_PROGRAM names no program" >&2
fi

#!/usr/bin/env bash
# On a machine with a GPU: builds the cuda backend for it, checks it against the reference, runs it under compute-sanitizer and times it.
#   scripts/gpu_check.sh [RESULT.json]
# Needs the CUDA toolkit, CMake, ninja and g++, no other package. The kernels' times are also what docs/cuda.md wants to be told.
set -euo pipefail
cd "$(dirname "$0")/.."
result=${1:-build/gpu/gpu_check.json}
build=build/gpu
step() { printf '\n== %s\n' "$*"; }

for tool in nvcc cmake ninja g++; do
  command -v "$tool" >/dev/null || PATH=$PATH:/usr/local/cuda/bin command -v "$tool" >/dev/null ||
    { echo "gpu_check: $tool is needed and not on the PATH" >&2; exit 1; }
done
export PATH=$PATH:/usr/local/cuda/bin

architectures=native
[ -e /dev/nvidia0 ] || architectures=${COUNTEM_CUDA_ARCHITECTURES:-80-real}

step "build for $architectures"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOUNTEM_CUDA=ON -DCOUNTEM_CUDA_ARCHITECTURES="$architectures" \
  -DCOUNTEM_IO=OFF -DCOUNTEM_TESTS=OFF -DCOUNTEM_BENCH=ON
cmake --build "$build"
check=$build/bench/gpu/gpu_check

step "equal to the reference"
"$check" --cases 600 --no-timing

step "compute-sanitizer"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck initcheck synccheck; do
    echo "-- $tool"
    compute-sanitizer --tool "$tool" --error-exitcode 1 "$check" --cases 40 --no-timing >/dev/null
  done
else
  echo "gpu_check: compute-sanitizer is not installed; not run" >&2
fi

step "times"
"$check" --cases 20 | tee "$result"
echo "written to $result"

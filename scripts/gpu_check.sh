#!/usr/bin/env bash
# On a machine with a GPU: checks the cuda backend against the reference, times it and the whole program, runs it under compute-sanitizer, and prints
# each claim with what was measured, met or not met.
#   scripts/gpu_check.sh [--quick] [RESULT.json]
# Meant for 8 minutes on 16 cores with an H200; each step prints its seconds, and what begins after COUNTEM_SECONDS (default 420) is left out, with a
# message. gpu_check is built for this device with the CUDA toolkit, CMake, ninja and g++; the whole program is the one that COUNTEM_PROGRAM names.
# Programs of build/gpu_bundle/bundle (bin/countem, bin/gpu_check, architectures) are used instead where they were carried there.
set -uo pipefail
cd "$(dirname "$0")/.."
quick=
if [ "${1:-}" = --quick ]; then quick=--quick; shift; fi
build=build/gpu
result=${1:-$build/gpu_check.json}
mkdir -p "$build" "$(dirname "$result")"
rm -f "$build/check.json" "$build/whole.json"
bundle=build/gpu_bundle/bundle
most=${COUNTEM_SECONDS:-420}
failed=0
export PATH=$PATH:/usr/local/cuda/bin

# step NAME COMMAND...: runs it within what is left of the time
step() {
  local name=$1 start=$SECONDS left=$((most - SECONDS)) rc=0
  shift
  printf '\n== %s\n' "$name"
  if [ "$left" -le 5 ]; then echo "gpu_check: $name: not run, no time is left"; failed=1; return 1; fi
  timeout "$left" bash -c '"$@"' step "$@" || rc=$?  # also functions
  [ "$rc" -eq 0 ] || { echo "gpu_check: $name: failed ($rc)"; failed=1; }
  echo "-- $name: $((SECONDS - start)) s"
  return "$rc"
}

build_here() {
  for tool in nvcc cmake ninja g++; do
    command -v "$tool" >/dev/null || { echo "gpu_check: $tool is needed and not on the PATH" >&2; return 1; }
  done
  local architectures=native
  [ -e /dev/nvidia0 ] || architectures=${COUNTEM_CUDA_ARCHITECTURES:-90-real}
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOUNTEM_CUDA=ON -DCOUNTEM_CUDA_ARCHITECTURES="$architectures" \
    -DCOUNTEM_IO=OFF -DCOUNTEM_TESTS=OFF -DCOUNTEM_BENCH=ON > "$build/build.log" 2>&1 &&
    cmake --build "$build" >> "$build/build.log" 2>&1 || { tail -40 "$build/build.log"; return 1; }
}

sanitizers() {
  local tool rc=0
  command -v compute-sanitizer >/dev/null || { echo "gpu_check: compute-sanitizer is not installed" >&2; return 1; }
  for tool in memcheck racecheck initcheck synccheck; do
    compute-sanitizer --tool "$tool" --error-exitcode 1 "$check" --cases 40 --no-timing --quick > "$build/$tool.log" || { rc=1; tail -20 "$build/$tool.log"; }
    echo "$tool: $(grep 'ERROR SUMMARY\|RACECHECK SUMMARY' "$build/$tool.log")"
  done
  return "$rc"
}

times() { "$check" --cases 1 $quick > "$build/check.json"; }

export -f build_here times sanitizers
export build check= quick
program=${COUNTEM_PROGRAM:-}
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d .)
if [ -x "$bundle/bin/gpu_check" ] && [ -n "$capability" ] && grep -q "$capability" "$bundle/architectures"; then
  check=$bundle/bin/gpu_check
  program=${program:-$bundle/bin/countem}
else
  check=$build/bench/gpu/gpu_check
  step "build" build_here || exit 1
fi
nvidia-smi --query-gpu=name,memory.total,driver_version,pcie.link.gen.current,pcie.link.width.current --format=csv 2>/dev/null
if [ ! -e /dev/nvidia0 ]; then
  echo "gpu_check: this machine has no NVIDIA device: nothing was run" >&2
  exit 5
fi

cases=600
[ -z "$quick" ] || cases=100
step "equal to the reference in $cases cases" "$check" --cases "$cases" --no-timing || exit 1
step "times" times
if [ -n "$program" ]; then
  step "the whole program" bash scripts/gpu_whole_program.sh "$program" --folders "$build" /dev/shm --json "$build/whole.json" $quick
else
  echo "gpu_check: the whole program: not run: no bundle is here, and COUNTEM_PROGRAM names no program"
fi
step "compute-sanitizer" sanitizers
printf '\n== claims\n'
python3 bench/gpu/report.py "$result" --check "$build/check.json" --whole "$build/whole.json"
echo "written to $result, after $SECONDS s"
exit "$failed"

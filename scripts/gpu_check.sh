#!/usr/bin/env bash
# On a machine with a GPU: checks the cuda backend against the reference, times it, its peers and the whole program, runs it under compute-sanitizer, and
# prints each claim with what was measured: met, not met or not measured.
#   scripts/gpu_check.sh [--quick] [RESULT.json]      exit code 0: every step ran and succeeded; 1: one did not; 5: no device answers
# Meant for 8 minutes on 16 cores with an H200. All steps share COUNTEM_SECONDS (default 450): each prints what it took, and what finds no time left is not
# run, with a message. Programs are those of build/gpu_bundle/bundle (scripts/gpu_bundle.sh) where they are for this device and start here. Else gpu_check is
# built with the CUDA toolkit, CMake, ninja and g++, and the whole program is the one that COUNTEM_PROGRAM names.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
quick=
if [ "${1:-}" = --quick ]; then quick=--quick; shift; fi
build=build/gpu
result=${1:-$build/gpu_check.json}
bundle=build/gpu_bundle/bundle
began=$(date +%s)
deadline=$((began + ${COUNTEM_SECONDS:-450}))
keep=0  # seconds that a step leaves for those after it
failed=0
tools='memcheck racecheck initcheck synccheck'
mkdir -p "$build" "$(dirname "$result")"
rm -f "$build"/{parity,check,cupy,whole}.json "$build"/*check.log
export PATH=$PATH:/usr/local/cuda/bin

left() { echo $((deadline - $(date +%s) - keep)); }

# step NAME COMMAND...: runs it within the time that is left
step() {
  local name=$1 start=$SECONDS seconds rc=0
  seconds=$(left)
  shift
  printf '\n== %s\n' "$name"
  if [ "$seconds" -le 5 ]; then echo "gpu_check: $name: not run, no time is left"; failed=1; return 1; fi
  timeout "$seconds" bash -c '"$@"' step "$@" || rc=$?  # also functions
  [ "$rc" -eq 0 ] || { echo "gpu_check: $name: failed ($rc)"; failed=1; }
  echo "-- $name: $((SECONDS - start)) s"
  return "$rc"
}

bundle_fits() {
  local capability
  [ -d "$bundle" ] || ! [ -f "$bundle.tar.gz" ] || tar -xzf "$bundle.tar.gz" -C "$(dirname "$bundle")"
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d .)
  [ -n "$capability" ] && tr ';' '\n' < "$bundle/architectures" 2>/dev/null | grep -qx "$capability-real" || return 1
  "$bundle/bin/gpu_check" --help >/dev/null && "$bundle/bin/countem" version >/dev/null
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

parity() { "$check" --cases "$cases" --no-timing > "$build/parity.json"; }
times() { "$check" --cases 1 $quick > "$build/check.json"; }

cupy_label() {
  local rc=0
  python3 bench/gpu/peers/cupy_label.py --countem "$program" --json "$build/cupy.json" || rc=$?
  [ "$rc" -eq 77 ] || return "$rc"  # it says what it lacks, which is no failure
}

sanitizers() {
  local tool rc=0 remaining=4
  command -v compute-sanitizer >/dev/null || { echo "gpu_check: compute-sanitizer is not installed" >&2; return 1; }
  for tool in $tools; do
    timeout $(($(left) / remaining + 1)) compute-sanitizer --tool "$tool" --error-exitcode 1 "$check" --cases 40 --no-timing --quick > "$build/$tool.log" 2>&1 ||
      { rc=1; tail -20 "$build/$tool.log"; }
    echo "$tool: $(grep 'ERROR SUMMARY\|RACECHECK SUMMARY' "$build/$tool.log" || echo 'came to no end')"
    remaining=$((remaining - 1))
  done
  return "$rc"
}

program=${COUNTEM_PROGRAM:-}
cases=600
[ -z "$quick" ] || cases=100
export -f left parity times cupy_label sanitizers build_here
export build bundle deadline keep tools quick cases program check=
if bundle_fits; then
  check=$bundle/bin/gpu_check
  program=${program:-$bundle/bin/countem}
else
  check=$build/bench/gpu/gpu_check
  step "build" build_here || exit 1
fi
nvidia-smi --query-gpu=name,memory.total,driver_version,pcie.link.gen.current,pcie.link.width.current --format=csv 2>/dev/null

keep=200
step "equal to the reference in $cases cases" parity || { rc=$?; [ "$rc" -eq 5 ] || rc=1; exit "$rc"; }
step "times" times
keep=100
if [ -n "$program" ]; then
  step "the same job by CuPy's label" cupy_label
  step "the whole program" bash scripts/gpu_whole_program.sh "$program" --folders "$build" /dev/shm --seconds $(($(left) - 15)) --json "$build/whole.json" $quick
else
  echo "gpu_check: the whole program: not run: no bundle is here, and COUNTEM_PROGRAM names no program"
fi
keep=0
step "compute-sanitizer" sanitizers
printf '\n== claims\n'
python3 bench/gpu/report.py "$result" --parity "$build/parity.json" --check "$build/check.json" --cupy "$build/cupy.json" --whole "$build/whole.json" \
  --sanitizers "$build" --device "$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1)" --began "$began"
echo "written to $result, after $SECONDS s"
exit "$failed"

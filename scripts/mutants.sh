#!/usr/bin/env bash
# Takes every barrier, stream wait, bounds check and atomic of kernels/cuda away in turn and asks whether the device model's tests notice.
#   scripts/mutants.sh [--sample N] [--list] [FILE:LINE ...]      N: only every N-th mutant; --list: name them and stop
# Each mutant is built and run on the device model plain, with ASan + UBSan and with TSan, until one of them fails. Prints the survivors.
#   scripts/mutants.sh --host [--count N] [--sample N] [--seed S] [--list] [--only ID...]      conditions, limits and bookkeeping of host, io, kernels/cpu
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --host ]; then shift; exec python3 scripts/host_mutants.py "$@"; fi
root=$PWD
sample=1
list=0
wanted=()
while [ $# -gt 0 ]; do
  case "$1" in
    --sample) sample=$2; shift 2 ;;
    --list) list=1; shift ;;
    -*) sed -n '2,5p' "$0" >&2; exit 2 ;;
    *) wanted+=("$1"); shift ;;
  esac
done

# One mutant a line: file, line, name, the build that should notice first, sed command for that line. What weakens an order between threads
# is ThreadSanitizer's to notice, what leaves memory AddressSanitizer's, what loses or invents an event the plain build's.
mutants() {
  local file
  for file in kernels/cuda/*.cu kernels/cuda/*.cuh kernels/cuda/{batch_sizes,batch_slot,counter,device_calibration,pinned_frames,reducer,resources,streamed_counter}.cpp; do
    [ "$file" = kernels/cuda/scan.cu ] && continue
    awk -v file="$file" '
      function mutant(name, build, command) { printf "%s\t%d\t%s\t%s\t%s\n", file, NR, name, build, command }
      /^ *\/\// { next }
      /__sync(threads|warp)\(\);/ { mutant("no barrier", "tsan", "s/__sync(threads|warp)\\(\\);//") }
      /\.hold\(/ { mutant("no stream wait", "tsan", "s/[A-Za-z_.]+\\.hold\\([a-z_]+\\);//") }
      /(\.|->)synchronize\(\);/ { mutant("no host wait", "plain", "s/[A-Za-z_.]+(\\.|->)synchronize\\(\\);/;/") }
      /wait_for_all\(\);/ { mutant("no wait before memory goes", "plain", "s/wait_for_all\\(\\);/;/") }
      /cudaStreamSynchronize\(stream->get\(\)\);/ { mutant("no wait at the end", "plain", "s/cudaStreamSynchronize\\(stream->get\\(\\)\\);/;/") }
      /if \([^()]*(>=|>) [^()]*\) (return|break);/ { mutant("no bounds check", "asan", "s/if \\([^()]*(>=|>) [^()]*\\) (return|break);//") }
      /if \(word >= batch\.words \|\| / { mutant("words beyond the frame", "asan", "s/word >= batch\\.words \\|\\| //") }
      /first \+ lane < total/ { mutant("lanes beyond the queue", "asan", "s/first \\+ lane < total/true/") }
      /if \(i < listed && / { mutant("lanes beyond the list", "asan", "s/i < listed && //") }
      /column >= batch\.width \|\| / { mutant("columns beyond the frame", "plain", "s/column >= batch\\.width \\|\\| //") }
      /limit_per_pixel && in_frame/ { mutant("limits beyond the row", "asan", "s/ && in_frame//") }
      /in_frame \? usable_bits/ { mutant("bits beyond the row", "plain", "s/in_frame \\? (usable_bits.*) : 0;/\\1;/") }
      /min\(events\.out\.totals->[a-z_]+, events\.[a-z_.]+\)/ { mutant("more than the list holds", "asan", "s/min\\((events\\.out\\.totals->[a-z_]+), events\\.[a-z_.]+\\)/\\1/") }
      /if \(at < [^()]*\) / { mutant("no capacity check", "asan", "s/if \\(at < [^()]*\\) //") }
      /column \+ i < width/ { mutant("reads beyond the row", "asan", "s/column \\+ i < width/true/") }
      /row < 0 \|\| row >= height/ { mutant("rows unchecked", "asan", "s/row < 0 \\|\\| row >= height \\|\\| //") }
      /number < 0 \|\| number >= words_per_row/ { mutant("words unchecked", "plain", "s/ \\|\\| number < 0 \\|\\| number >= words_per_row//") }
      /i < place\.last && is_inside/ { mutant("lanes beyond the frame", "plain", "s/i < place\\.last && is_inside/is_inside/") }
      /place\.frame < events\.frames/ { mutant("frames beyond the batch", "asan", "s/ && place\\.frame < events\\.frames//") }
      /&& d < detectors/ { mutant("detectors beyond the last", "asan", "s/ && d < detectors//") }
      /atomicAdd\(/ { mutant("plain add", "tsan", "s/atomicAdd\\(/plain_add(/") }
      /atomicMin\(/ { mutant("plain min", "tsan", "s/atomicMin\\(/plain_min(/") }
      /atomicMax\(/ { mutant("plain max", "tsan", "s/atomicMax\\(/plain_max(/") }
      /atomicOr\(/ { mutant("plain or", "tsan", "s/atomicOr\\(/plain_or(/") }
      /atomicExch\(/ { mutant("plain store", "tsan", "s/atomicExch\\(/plain_store(/") }
      /had_too_little_room\(batch\)\) \{/ { mutant("no retry", "plain", "s/while \\(had_too_little_room\\(batch\\)\\)/while (false)/") }
    ' "$file"
  done
}

work=$root/build/mutants
rm -rf "$work/source"
mkdir -p "$work/source"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/source"

# What "plain_..." means: the same without being atomic. Included by every mutant, used by some.
cat >> "$work/source/kernels/cuda/device_port.cuh" <<'EOF'
template <class T, class V> __device__ T plain_add(T* at, V by) { T before = *at; *at = before + by; return before; }
template <class T, class V> __device__ T plain_min(T* at, V by) { T before = *at; *at = before < by ? before : T(by); return before; }
template <class T, class V> __device__ T plain_max(T* at, V by) { T before = *at; *at = before > by ? before : T(by); return before; }
template <class T, class V> __device__ T plain_or(T* at, V by) { T before = *at; *at = before | by; return before; }
template <class T, class V> __device__ T plain_store(T* at, V by) { T before = *at; *at = by; return before; }
EOF

configure() {
  cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOUNTEM_IO=OFF -DCOUNTEM_BENCH=OFF -DCOUNTEM_CUDA=OFF \
    -DCOUNTEM_DEVICE_MODEL=ON -DCOUNTEM_DEVICE_MODEL_SANITIZERS=ON -DCOUNTEM_WERROR=OFF >/dev/null
}

export TSAN_OPTIONS=halt_on_error=1

# Whether the tests of one build fail.
killed_by() {
  local suffix=$1 program
  for program in cuda_reductions cuda_counting; do
    cmake --build "$work/build" --target "test_$program$suffix" >"$work/log" 2>&1 || {
      cat "$work/log" >&2
      echo "mutants: this one does not compile, which proves nothing" >&2
      exit 1
    }
    timeout 900 "$work/build/tests/device_model/test_$program$suffix" --gtest_fail_fast >"$work/log" 2>&1 || return 0
  done
  return 1
}

mapfile -t all < <(mutants)
if [ "$list" = 1 ]; then printf '%s\n' "${all[@]}" | cut -f1-4; exit; fi

configure
# A death proves something only where the living pass; these are also the backend's runs under the sanitizers. The plain build's
# tests are everybody's (preset device_model, scripts/test.sh --full).
mapfile -t sanitized < <(printf '%s\n' {test_device_model,test_cuda_counting,test_cuda_reductions,device_model_faults}_{asan,tsan})
cmake --build "$work/build" --target "${sanitized[@]}" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
ctest --test-dir "$work/build" -j "$(nproc)" -R '_(asan|tsan)\.' --no-tests=error --output-on-failure >"$work/log" 2>&1 || {
  tail -100 "$work/log" >&2
  echo "mutants: the tests fail without a mutant" >&2
  exit 1
}
tail -4 "$work/log"

killed=0
survivors=()
number=0
for mutant in "${all[@]}"; do
  IFS=$'\t' read -r file line name first command <<<"$mutant"
  number=$((number + 1))
  if [ ${#wanted[@]} -gt 0 ]; then
    [[ " ${wanted[*]} " == *" $file:$line "* ]] || continue
  elif [ $((number % sample)) -ne 0 ]; then
    continue
  fi
  cp "$work/source/$file" "$work/original"
  sed -E -i "${line}${command}" "$work/source/$file"
  if cmp -s "$work/source/$file" "$work/original"; then
    echo "mutants: $file:$line ($name) changes nothing; the script and the sources disagree" >&2
    exit 1
  fi
  verdict=survived
  for build in "$first" plain asan tsan; do
    [ "$build" = "$first" ] && [ "$verdict" = tried ] && continue
    suffix=_$build
    [ "$build" = plain ] && suffix=""
    if killed_by "$suffix"; then verdict="killed by the $build build"; break; fi
    [ "$build" = "$first" ] && verdict=tried
  done
  [ "$verdict" = tried ] && verdict=survived
  printf '%s:%s %s: %s\n' "$file" "$line" "$name" "$verdict"
  if [ "$verdict" = survived ]; then survivors+=("$file:$line $name"); else killed=$((killed + 1)); fi
  cp "$work/original" "$work/source/$file"
done
printf 'mutants: %d killed, %d survived\n' "$killed" "${#survivors[@]}"
[ ${#survivors[@]} -eq 0 ] || { printf '  %s\n' "${survivors[@]}"; exit 1; }

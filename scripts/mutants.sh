#!/usr/bin/env bash
# Takes every barrier, stream wait, bounds check and atomic of kernels/cuda away in turn and asks whether the device model's tests notice.
#   scripts/mutants.sh [--sample N] [--list] [FILE:LINE ...]      N: only every N-th mutant; --list: name them and stop
# Each mutant is built and run plain, then with ASan + UBSan, then with TSan, until one of them fails. Prints the survivors.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
sample=1
list=0
wanted=()
while [ $# -gt 0 ]; do
  case "$1" in
    --sample) sample=$2; shift 2 ;;
    --list) list=1; shift ;;
    -*) sed -n '2,4p' "$0" >&2; exit 2 ;;
    *) wanted+=("$1"); shift ;;
  esac
done

# One mutant a line: file, line, name, sed command for that line.
mutants() {
  local file
  for file in kernels/cuda/*.cu kernels/cuda/*.cuh kernels/cuda/counter.cpp kernels/cuda/resources.cpp; do
    [ "$file" = kernels/cuda/scan.cu ] && continue
    awk -v file="$file" '
      function mutant(name, command) { printf "%s\t%d\t%s\t%s\n", file, NR, name, command }
      /^ *\/\// { next }
      /__sync(threads|warp)\(\);/ { mutant("no barrier", "s/__sync(threads|warp)\\(\\);//") }
      /\.hold\(/ { mutant("no stream wait", "s/[A-Za-z_.]+\\.hold\\([a-z_]+\\);//") }
      /(\.|->)synchronize\(\);/ { mutant("no host wait", "s/[A-Za-z_.]+(\\.|->)synchronize\\(\\);/;/") }
      /cudaStreamSynchronize\(stream->get\(\)\);/ { mutant("no wait at the end", "s/cudaStreamSynchronize\\(stream->get\\(\\)\\);/;/") }
      /if \([^()]*(>=|>) [^()]*\) return;/ { mutant("no bounds check", "s/if \\([^()]*(>=|>) [^()]*\\) return;//") }
      /if \(at < [^()]*\) / { mutant("no capacity check", "s/if \\(at < [^()]*\\) //") }
      /column \+ i < width/ { mutant("reads beyond the row", "s/column \\+ i < width/true/") }
      /row < 0 \|\| row >= height/ { mutant("rows unchecked", "s/row < 0 \\|\\| row >= height \\|\\| //") }
      /number < 0 \|\| number >= words_per_row/ { mutant("words unchecked", "s/ \\|\\| number < 0 \\|\\| number >= words_per_row//") }
      /i < place\.last && is_inside/ { mutant("lanes beyond the frame", "s/i < place\\.last && is_inside/is_inside/") }
      /atomicAdd\(/ { mutant("plain add", "s/atomicAdd\\(/plain_add(/") }
      /atomicMin\(/ { mutant("plain min", "s/atomicMin\\(/plain_min(/") }
      /atomicMax\(/ { mutant("plain max", "s/atomicMax\\(/plain_max(/") }
      /atomicOr\(/ { mutant("plain or", "s/atomicOr\\(/plain_or(/") }
      /atomicExch\(/ { mutant("plain store", "s/atomicExch\\(/plain_store(/") }
      /had_too_little_room\(batch\)\) \{/ { mutant("no retry", "s/while \\(had_too_little_room\\(batch\\)\\)/while (false)/") }
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

# Whether the tests of one build fail, or the build does.
killed_by() {
  local suffix=$1 program
  for program in cuda_counting cuda_reductions; do
    cmake --build "$work/build" --target "test_$program$suffix" >"$work/log" 2>&1 || { echo "does not compile"; return 0; }
    timeout 900 "$work/build/tests/device_model/test_$program$suffix" >"$work/log" 2>&1 || return 0
  done
  return 1
}

mapfile -t all < <(mutants)
if [ "$list" = 1 ]; then printf '%s\n' "${all[@]}" | cut -f1-3; exit; fi

configure
killed=0
survivors=()
number=0
for mutant in "${all[@]}"; do
  IFS=$'\t' read -r file line name command <<<"$mutant"
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
  for build in "" _asan _tsan; do
    if killed_by "$build"; then verdict="killed by the ${build:-_plain} build"; break; fi
  done
  printf '%s:%s %s: %s\n' "$file" "$line" "$name" "${verdict/_/}"
  if [ "$verdict" = survived ]; then survivors+=("$file:$line $name"); else killed=$((killed + 1)); fi
  cp "$work/original" "$work/source/$file"
done
printf 'mutants: %d killed, %d survived\n' "$killed" "${#survivors[@]}"
[ ${#survivors[@]} -eq 0 ] || { printf '  %s\n' "${survivors[@]}"; exit 1; }

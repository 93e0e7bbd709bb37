#!/usr/bin/env bash
# Builds countem and gpu_check for a machine with a GPU that lacks their libraries, into build/gpu_bundle/bundle and bundle.tar.gz beside it, and shows that
# they run from another folder without what they were built in. scripts/gpu_check.sh takes its programs from either.
#   scripts/gpu_bundle.sh       COUNTEM_CUDA_ARCHITECTURES (default 90-real): the devices, as CMake names them
# Programs find their libraries in the bundle; glibc alone is the other machine's, of the version that is printed or a newer one. Needs what a build with
# CUDA needs (docs/cuda.md). Without a device both programs end with exit code 5 (docs/command_line.md) and a sentence, which is checked here, too.
set -euo pipefail
cd "$(dirname "$0")/.."
architectures=${COUNTEM_CUDA_ARCHITECTURES:-90-real}
build=build/gpu_bundle/build
bundle=build/gpu_bundle/bundle
most_mib=24
of_glibc='^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|anl|mvec|nsl|nss_.*))\.so'
export PATH=$PATH:/usr/local/cuda/bin

fail() { echo "gpu_bundle: $*" >&2; exit 1; }

# RPATH, not RUNPATH: it holds for what the libraries themselves need, too.
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DCOUNTEM_CUDA=ON -DCOUNTEM_CUDA_ARCHITECTURES="$architectures" \
  -DCOUNTEM_TESTS=OFF -DCOUNTEM_PYTHON=OFF -DCOUNTEM_MPI=OFF -DCOUNTEM_BENCH=ON -DCMAKE_INSTALL_RPATH='$ORIGIN/../lib' \
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags > build/gpu_bundle.log
cmake --build "$build" --target countem_cli gpu_check >> build/gpu_bundle.log || { tail -40 build/gpu_bundle.log >&2; fail "not built"; }

rm -rf "$bundle"
mkdir -p "$bundle/bin" "$bundle/lib"
strip -o "$bundle/bin/countem" "$build/countem"
strip -o "$bundle/bin/gpu_check" "$build/bench/gpu/gpu_check"
echo "$architectures" > "$bundle/architectures"
ldd "$build/countem" "$build/bench/gpu/gpu_check" | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u | while read -r library; do
  [[ $(basename "$library") =~ $of_glibc ]] || strip -o "$bundle/lib/$(basename "$library")" "$library"
done
tar -czf "$bundle.tar.gz" -C "$(dirname "$bundle")" bundle
mib=$(du -m "$bundle.tar.gz" | cut -f1)
[ "$mib" -le "$most_mib" ] || fail "the archive has $mib MiB, more than $most_mib"

# What follows sees a copy elsewhere, and no environment.
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
tar -xzf "$bundle.tar.gz" -C "$elsewhere"
there=$elsewhere/bundle
run() { (cd "$elsewhere" && env -i PATH=/usr/bin:/bin HOME="$elsewhere" "$@"); }
for program in countem gpu_check; do
  run ldd "$there/bin/$program" | awk '$2 == "=>" {print $1, $3}' | while read -r name found; do
    [[ $name =~ $of_glibc ]] || [[ $found == "$elsewhere"/* ]] || fail "$program takes $name from ${found:-nowhere}, not from the bundle"
  done
done

# expect CODES SENTENCE COMMAND...: ends with one of the codes; with 5, the sentence is on stderr
expect() {
  local codes=$1 sentence=$2 rc=0 told
  shift 2
  told=$(run "$@" 2>&1 >/dev/null) || rc=$?
  [[ " $codes " == *" $rc "* ]] || fail "$(basename "$1") ${*:2} ended with $rc: $told"
  [ "$rc" -ne 5 ] || [[ $told == *"$sentence"* ]] || fail "$(basename "$1") does not say '$sentence': $told"
  [ "$rc" -ne 5 ] || echo "without a device: $told"
}
thresholds=(--threshold 31.5 --quiet --no-png --force)
expect 0 '' "$there/bin/countem" simulate scan --scan 8x8 --occupancy 0.001 --seed 1 --format raw --quiet
for backend in cpu cuda; do
  expect "0 5" 'no CUDA device' "$there/bin/countem" count scan/data.raw --input-format raw --shape 576x576 --dtype u16 -o "$backend.h5" --backend "$backend" "${thresholds[@]}"
done
expect 0 '' "$there/bin/countem" verify cpu.h5
expect "0 5" 'no CUDA device' "$there/bin/gpu_check" --cases 1 --no-timing --quick
glibc=$(objdump -T "$there"/bin/* "$there"/lib/* | grep -o "GLIBC_2\.[0-9.]*" | sort -uV | tail -1)
echo "$bundle: $(du -sm "$there" | cut -f1) MiB, packed $mib, for $architectures; $(find "$there/lib" -type f | wc -l) libraries; $glibc or newer is needed"

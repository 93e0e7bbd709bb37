#!/usr/bin/env bash
# From nothing to pictures: installs what is missing, builds countem, simulates a small 4D Camera scan, calibrates, counts, checks it
# against the truth and draws it. Everything it makes lies in demo_out/.
#   scripts/demo.sh [SCAN] [OCCUPANCY]       default 48x48 positions, 0.002 electrons per pixel and frame
set -euo pipefail
cd "$(dirname "$0")/.."

scan=${1:-48x48}
occupancy=${2:-0.002}
out=demo_out

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*" >&2; "$@"; }

say "1. Build"
scripts/install_dependencies.sh build
cmake --preset release -DCOUNTEM_TESTS=OFF -DCOUNTEM_BENCH=OFF >/dev/null
cmake --build --preset release -j "$(nproc)" --target countem_cli
countem=build/release/countem

rm -rf "$out"
mkdir "$out"
say "2. Simulate: raw sector files as the camera writes them, dark frames, and the truth"
run $countem simulate "$out/raw" --scan "$scan" --occupancy "$occupancy" --kv 300 --seed 1 --dark-frames 64

say "3. Calibrate: the dark reference, for any scan; noise and thresholds of this one, with figures of how they were found"
run $countem calibrate --dark-only --dark "$out"/raw/dark_*.data -o "$out/darks.h5"
run $countem calibrate "$out"/raw/data_*.data --dark "$out"/raw/dark_*.data --method peaks --sweep 3:6:0.5 -o "$out/calibration.h5" --png "$out"

say "4. Count: local maxima with enough charge around them, and for comparison connected components"
run $countem count "$out"/raw/data_*.data --calibration "$out/calibration.h5" --method peaks -o "$out/counted.h5" --json >"$out/count.json"
run $countem count "$out"/raw/data_*.data --calibration "$out/darks.h5" --method cluster -o "$out/counted_cluster.h5" --no-png

say "5. Verify the file, and compare the events of both methods with the electrons that truly hit"
run $countem verify "$out/counted.h5"
run $countem compare "$out/counted.h5" "$out/raw/truth.h5" --png "$out"
run $countem compare "$out/counted_cluster.h5" "$out/raw/truth.h5"

say "6. Reduce: centre of mass, its phase, an annular detector, from the events alone"
run $countem reduce "$out/counted.h5" -o "$out/reduced.h5" --com --descan --phase --virtual annulus:60,200 --png "$out"

say "7. Draw: everything on one page for a browser"
run $countem report "$out/counted.h5" -o "$out/report.html" --count-json "$out/count.json"

say "8. Look: $out/report.html in a browser, $out/counted_sum.png, $out/counted_bright_field.png, $out/counted_dark_field.png, $out/reduced_phase.png"
ls -l "$out"/*.h5 "$out"/*.png "$out"/*.html

#!/usr/bin/env bash
# On a machine with a GPU: countem count from files to a finished store on the cuda and the cpu backend, the stores compared, one line each.
#   scripts/gpu_whole_program.sh COUNTEM [FOLDER]     COUNTEM: a program built with -DCOUNTEM_CUDA=ON; FOLDER: where 24 GB fit, best in memory
set -euo pipefail
countem=$1
folder=${2:-/dev/shm}/countem_whole_program
rm -rf "$folder"
mkdir -p "$folder"
trap 'rm -rf "$folder"' EXIT

# 1,024 frames are simulated and follow one another sixteen times: enough to time, quick to make.
printf '%9s %-8s %7s %8s %9s %10s %8s %s\n' occupancy backend threads frames events/fr frames/s GB/s "live reductions"
for occupancy in 0.001 0.01; do
  "$countem" simulate "$folder/raw" --scan 32x32 --occupancy $occupancy --seed 1 --format raw --quiet
  for _ in {1..16}; do cat "$folder/raw/data.raw"; done > "$folder/frames.raw"
  for run in "cpu 1" "cuda 1" "cpu 4" "cuda 4" "cpu 8" "cuda 8" "cpu $(nproc)" "cuda $(nproc)" "cuda $(nproc) sum,com,virtual:annulus:60,200"; do
    read -r backend threads live <<<"$run"
    "$countem" count "$folder/frames.raw" --input-format raw --shape 576x576 --dtype u16 --scan 128x128 --threshold 32 --xray-threshold 2000 \
      -o "$folder/$backend.h5" --backend "$backend" --threads "$threads" ${live:+--live "$live"} --no-png --quiet --json > "$folder/told.json"
    python3 - "$folder/told.json" "$occupancy" "$threads" "$live" <<'P'
import json, sys
told = json.load(open(sys.argv[1]))
print(f"{sys.argv[2]:>9} {told['backend']:<8} {sys.argv[3]:>7} {told['frames']:>8} {told['events'] / told['frames']:>9.1f} "
      f"{told['frames_per_s']:>10.0f} {told['gigabytes_per_s']:>8.2f} {sys.argv[4] or '-'}")
P
  done
  "$countem" verify "$folder/cuda.h5" >&2
  "$countem" compare "$folder/cuda.h5" "$folder/cpu.h5" --json > "$folder/told.json"
  python3 - "$folder/told.json" <<'P'
import json, sys
told = json.load(open(sys.argv[1]))
assert told["recall"] == 1 and told["precision"] == 1 and told["rms_error_px"]["radial"] == 0, told
P
  "$countem" reduce "$folder/cuda.h5" -o "$folder/cuda_reduced.h5" --sum --com --virtual annulus:60,200 --backend cuda --npy "$folder/cuda" --quiet
  "$countem" reduce "$folder/cpu.h5" -o "$folder/cpu_reduced.h5" --sum --com --virtual annulus:60,200 --backend cpu --npy "$folder/cpu" --quiet
  for array in "$folder"/cuda/*.npy; do cmp "$array" "${array//cuda/cpu}"; done
done
echo "the stores and the reductions of both backends are equal"

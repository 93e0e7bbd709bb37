#!/usr/bin/env bash
# On a machine with a GPU: countem count from files to a finished store on the processor and on the device, the stores compared, on the page cache of a
# disk and on pages of 4 KiB, at two lengths, with and without live reductions (bench/gpu/whole_program.py has all options).
#   scripts/gpu_whole_program.sh COUNTEM [OPTION...]     COUNTEM: a program built with -DCOUNTEM_CUDA=ON
set -euo pipefail
exec python3 "$(dirname "$0")/../bench/gpu/whole_program.py" --countem "$@"

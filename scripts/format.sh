#!/usr/bin/env bash
# clang-format over every source: --check tells, nothing given changes. Versions differ in what they make, so only 14 will do:
# --check skips aloud where it is not installed, unless --required is given too.
#   scripts/format.sh [--check [--required]]
set -euo pipefail
cd "$(dirname "$0")/.."

formatter=""
for candidate in clang-format-14 clang-format; do
  if command -v "$candidate" >/dev/null && "$candidate" --version | grep -qE 'version 14\.'; then
    formatter=$candidate
    break
  fi
done
if [ -z "$formatter" ]; then
  if [ "${1:-}" = --check ] && [ "${2:-}" != --required ]; then
    echo "SKIPPED: the format of the sources is not checked, there is no clang-format 14 here"
    exit 0
  fi
  echo "format: this needs clang-format 14" >&2
  exit 1
fi
if [ "${1:-}" = --check ]; then mode=(--dry-run -Werror); else mode=(-i); fi
git ls-files | grep -E '\.(hpp|cpp|cuh|cu)$' | xargs -r -P "$(nproc)" -n 50 "$formatter" "${mode[@]}"

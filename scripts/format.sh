#!/usr/bin/env bash
# clang-format over every source: --check tells, nothing given changes.
set -euo pipefail
cd "$(dirname "$0")/.."
formatter=$(command -v clang-format-14 || command -v clang-format)
if [ "${1:-}" = --check ]; then mode=(--dry-run -Werror); else mode=(-i); fi
git ls-files | grep -E '\.(hpp|cpp|cuh|cu)$' | xargs -r "$formatter" "${mode[@]}"

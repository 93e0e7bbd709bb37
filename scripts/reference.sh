#!/usr/bin/env bash
# Makes the C++ reference of the public headers in build/reference/html with Debian's Doxygen. Fails when a public name is undocumented.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v doxygen >/dev/null || { echo "reference: needs the package doxygen" >&2; exit 1; }
mkdir -p build/reference
doxygen docs/Doxyfile
echo "build/reference/html/index.html"

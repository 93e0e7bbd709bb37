#!/usr/bin/env bash
# Who may include what (docs/architecture.md). Prints each offence; exits 1 if there is one.
set -euo pipefail
cd "$(dirname "$0")/.."

offences=0
# forbid WHAT PATTERN PATHS...: no #include that matches PATTERN in the files of these paths
forbid() {
  local what=$1 pattern=$2 found
  shift 2
  found=$(git ls-files --cached --others --exclude-standard -- "$@" | { grep -E '\.(hpp|cpp|cuh|cu)$' || true; } |
          xargs -r grep -HnE "^ *# *include *[<\"]($pattern)" || true)
  if [ -n "$found" ]; then
    printf 'layers: %s\n%s\n' "$what" "$found"
    offences=1
  fi
}

forbid "CUDA headers belong in kernels/cuda" '(cuda|cub/|thrust/|nvtx3/|device_launch)' . ':!kernels/cuda' ':!tests/device_model' ':!bench/gpu'
forbid "HDF5 headers belong in io" '(hdf5|H5|io/hdf5)' . ':!io' ':!tests' ':!bench'
forbid "public headers know neither kernels nor io, nor what a consumer need not have" '(kernels/|io/|host/|data_gen/|threads/|tbb/|oneapi/|hwy/|fmt/|nlohmann/|CLI/|Eigen/|unsupported/|png)' host/include
forbid "core needs the standard library only" '(kernels/|io/|host/(cli|engine|analysis)/|data_gen/|threads/|tbb/|oneapi/|hwy/|fmt/|nlohmann/)' host/core
forbid "the reference and cuda kernels need core only" '(kernels/cpu|io/|host/|data_gen/|threads/|tbb/|oneapi/|hwy/|fmt/|nlohmann/)' kernels/reference kernels/cuda
forbid "the cpu kernels do not reach up" '(io/|host/|data_gen/|kernels/cuda)' kernels/cpu
forbid "threads know nothing of countem" '(countem/|kernels/|io/|host/|data_gen/)' threads
forbid "io does not reach up" '(kernels/|host/|data_gen/)' io
forbid "deflate needs core only" '(io/(files|hdf5|sources|store|convert|simulated)/|hdf5|fmt/|nlohmann/|tbb/)' io/deflate
forbid "sources never include store" '(io/(store|convert|simulated)/|countem/(event_store|convert|saved_image))' io/sources
forbid "event files are no store's" '(io/(store|convert|simulated|hdf5)/|countem/(event_store|convert|saved_image))' io/event_files
forbid "files and hdf5 know no format" '(io/(sources|store|convert|simulated|deflate)/)' io/files io/hdf5
forbid "the store does not know raw frames" '(io/(sources|convert|simulated)/)' io/store
forbid "recognition opens no store" '(io/(store|simulated)/)' io/recognition
forbid "baselines need core only" '(kernels/|io/|tbb/|oneapi/|hwy/|fmt/|nlohmann/)' host/cli/bench/baselines
forbid "data_gen makes frames; it does not count them" '(kernels/|host/)' data_gen
forbid "the engine does not know the command line, nor analyses" '(host/(cli|analysis)|CLI/)' host/engine
forbid "analyses do not know the command line" '(host/cli|CLI/|fmt/|nlohmann/)' host/analysis
forbid "bindings of Python belong in host/python" '(nanobind/|Python\.h)' . ':!host/python'
forbid "the Python module does not know the command line" '(host/cli|CLI/|io/|kernels/)' host/python
forbid "MPI belongs in host/mpi" '(mpi\.h|mpi/)' . ':!host/mpi'
forbid "the module for MPI needs public headers only" '(kernels/|io/|host/(cli|engine|analysis|core)/|data_gen/|threads/|tbb/|oneapi/|hwy/|fmt/|nlohmann/)' host/mpi
forbid "tests and benches are included by nobody" '(tests/|bench/)' host kernels io data_gen

# Callers of the library have names of their own for what they can give: advice travels as data (countem/error.hpp), and only
# the command line words it (host/cli/advice.cpp).
named=$(git ls-files --cached --others --exclude-standard -- host io kernels data_gen ':!host/cli' | { grep -E '\.(hpp|cpp|cuh|cu)$' || true; } |
        xargs -r grep -HnE '"[^"]*--[a-z][^"]*"' || true)
if [ -n "$named" ]; then
  printf 'layers: sentences of the library name no option of the command line\n%s\n' "$named"
  offences=1
fi

# Files are made by io/files/output_file alone, so that none is lost or half written.
made=$(git ls-files --cached --others --exclude-standard -- host io kernels data_gen ':!io/files/file.cpp' ':!io/hdf5/output.cpp' |
       { grep -E '\.(hpp|cpp|cuh|cu)$' || true; } |
       xargs -r grep -HnE 'H5Fcreate|H5F_ACC_RDWR|O_CREAT|O_TRUNC|[^a-z_]ofstream|[^a-z_]fstream\b[^>]|fopen\([^)]*"[wa]|mkstemp|create_new\(|[^a-z_:]rename\(' |
       { grep -vE '^io/files/output_file\.cpp:|^io/files/file\.hpp:|^io/store/scan\.cpp:.*recovery record' || true; })
if [ -n "$made" ]; then
  printf 'layers: files are made by io/files/output_file alone\n%s\n' "$made"
  offences=1
fi

[ "$offences" -eq 0 ] && echo "layers: clean"
exit "$offences"

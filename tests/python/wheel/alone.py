"""What a wheel must do in an environment that has nothing else: python alone.py FOLDER"""

import os
import pathlib
import subprocess
import sys
import time

import numpy as np

import countem as ct

OPENS = 1000
MOST_GROWTH = 4 << 20  # bytes that 1,000 opens may leave behind


def run(*arguments: object) -> str:
    program = pathlib.Path(sys.executable).with_name("countem")  # the entry point that pip made
    return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def resident_bytes() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_and_read(path: pathlib.Path, times: int) -> None:
    for _ in range(times):
        with ct.open(path) as scan:
            assert scan.indices.size == scan.nnz > 0


def main(folder: pathlib.Path) -> None:
    assert run("--version").splitlines()[0] == f"countem {ct.__version__}", run("--version")
    assert "site-packages" in ct.__file__, ct.__file__
    run("simulate", folder / "sim", "--scan", "16x16", "--frame", "64x64", "--format", "npy", "--occupancy", 0.02, "--dark-frames", 20)
    run("count", folder / "sim/data.npy", "--dark", folder / "sim/dark.npy", "-o", folder / "counted.h5")
    with ct.open(folder / "counted.h5") as scan:
        assert (scan.shape, scan.dtype) == ((16, 16, 64, 64), np.uint8)
        assert scan.nnz > 1000 and np.all(np.diff(scan.indptr.astype(np.int64)) >= 0)

    open_and_read(folder / "counted.h5", 100)  # what is allocated once
    before, began = resident_bytes(), time.perf_counter()
    open_and_read(folder / "counted.h5", OPENS)
    seconds, grown = time.perf_counter() - began, resident_bytes() - before
    print(f"{OPENS} times opened and read in {seconds:.2f} s; {grown / 1024:.0f} KiB more resident")
    assert grown < MOST_GROWTH


main(pathlib.Path(sys.argv[1]))

"""How long sector files of the 4D Camera take to open: `countem info` on files that are holes but for the record headers, with
the headers in the page cache and without. A header is a read of its own either way, so the missing pixels change nothing but the
distances on the disk.

    python3 bench/opening.py --countem build/release/countem --scan 384 --directory /tmp/opening
"""

import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import time

HEADER = struct.Struct("<IIHHHH")  # scan number, frame number, scan width, scan height, x, y
RECORD_BYTES = HEADER.size + 144 * 576 * 2


def write_files(directory, side):
    """Four module files of a square scan, on disk when this returns."""
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for module in range(4):
        path = directory / f"data_scan0000000001_id0000_module{module}_{side}.data"
        if not path.exists():
            with open(path.with_suffix(".new"), "wb", buffering=0) as file:
                for number in range(side * side):
                    os.pwrite(file.fileno(), HEADER.pack(1, number, side, side, number % side, number // side), number * RECORD_BYTES)
                file.truncate(side * side * RECORD_BYTES)
                os.fsync(file.fileno())
            path.with_suffix(".new").rename(path)
        files.append(path)
    return files


def forget(files):
    """Takes the files out of the page cache."""
    for path in files:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_of(program, files):
    start = time.monotonic()
    subprocess.run([program, "info", "--quiet", *files], check=True)
    return time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--countem", type=pathlib.Path, action="append", required=True, help="program; several are measured in turn")
    parser.add_argument("--scan", type=int, default=384, help="positions along each side")
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where the files are written and left")
    parser.add_argument("--cold", type=int, default=3, help="runs without the page cache")
    parser.add_argument("--warm", type=int, default=9, help="runs with it")
    chosen = parser.parse_args()

    files = write_files(chosen.directory, chosen.scan)
    seconds = {str(program): {"cold": [], "warm": []} for program in chosen.countem}
    for state, runs in (("cold", chosen.cold), ("warm", chosen.warm)):
        for _ in range(runs):
            for program in chosen.countem:
                if state == "cold":
                    forget(files)
                seconds[str(program)][state].append(seconds_of(program, files))
    medians = {program: {state: statistics.median(runs) for state, runs in states.items() if runs} for program, states in seconds.items()}
    json.dump({"records": 4 * chosen.scan**2, "median_s": medians, "seconds": seconds}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""CPU seconds of a count by one process and by the ranks of an MPI job on one machine (docs/scaling.md).

  bench/mpi_ranks.py COUNTEM RAW... [-- OPTIONS OF COUNT...]"""

import os
import resource
import subprocess
import sys
import tempfile
import time

ROUNDS = 3


def used():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def main():
    given, _, options = (" ".join(sys.argv[1:])).partition(" -- ")
    program, *raw = given.split()
    with tempfile.TemporaryDirectory() as folder:
        count = [program, "count", *raw, "-o", os.path.join(folder, "counted.h5"), "--no-png", "--quiet", *options.split()]
        for number in range(ROUNDS):
            for ranks, threads in ((0, 2), (1, 2), (2, 1), (4, 1)):
                launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks else []
                before, start = used(), time.monotonic()
                subprocess.run([*launcher, *count, "--threads", str(threads)], check=True)
                name = f"{ranks} ranks" if ranks else "one process"
                print(f"round {number + 1}: {name}, {threads} threads each: {used() - before:.2f} CPU s, {time.monotonic() - start:.2f} s", flush=True)


if __name__ == "__main__":
    main()
